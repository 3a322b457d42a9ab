// Drives the console in Chromium. Each `ok` line is something that was seen; the first that is not ends it with 1.
"use strict";
const fs = require("fs");
const path = require("path");
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const { CONSOLE: base, PICTURES: pictures, WORK: work } = process.env;
const PASSWORD = "correct horse battery";
const hold = (right, text) => { if (!right) throw new Error(`not so: ${text}`); console.log(`ok  ${text}`); };
const faults = [];

(async () => {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  // The hub's own authority is not in the system's list; the certificate is looked at by other tests.
  const open = async (options = {}) => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1180, height: 800 }, ...options });
    const page = await context.newPage();
    page.on("console", (m) => { if (m.type() === "error" && !/status of 4\d\d/.test(m.text())) faults.push(`console: ${m.text()}`); });
    page.on("pageerror", (e) => faults.push(`script: ${e.message}`));
    page.on("request", (r) => { if (!r.url().startsWith(base)) faults.push(`another host: ${r.url()}`); });
    return page;
  };
  const login = async (page, name, password = PASSWORD) => {
    await page.goto(`${base}/login`);
    await page.fill("#name", name);
    await page.fill("#password", password);
    await page.click("main button");
  };
  let looked = 0;
  const check = async (page, name) => {
    // Through the debugger's own world: the page's policy allows no foreign script, and that stays so.
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("Runtime.evaluate", { expression: axe });
    const { result } = await cdp.send("Runtime.evaluate", {
      expression: "axe.run(document).then(r => JSON.stringify(r.violations.filter(v => ['serious','critical'].includes(v.impact)).map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' ' + (n.any[0] || {}).message).slice(0, 3).join(' | '))))",
      awaitPromise: true, returnByValue: true,
    });
    await cdp.detach();
    const found = JSON.parse(result.value);
    for (const f of found) faults.push(`axe on ${name}: ${f}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) faults.push(`${name} is ${wide} px wider than the window`);
    looked += 1;
    if (pictures) {
      fs.mkdirSync(pictures, { recursive: true });
      await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: false });
    }
  };

  const ada = await open();
  await ada.goto(base);
  hold(ada.url().endsWith("/login"), "who is not logged in is asked to");
  await check(ada, "login");
  await login(ada, "ada", "wrong horse battery");
  hold((await ada.textContent("[role=alert]")).includes("wrong"), "a wrong password is refused");
  await login(ada, "ada");
  hold(ada.url().endsWith("/fleet"), "the right one opens the fleet");
  const cookie = (await ada.context().cookies()).find((c) => c.name === "__Host-console");
  hold(cookie.secure && cookie.httpOnly && cookie.sameSite === "Strict", "the cookie is Secure, HttpOnly and SameSite=Strict");
  hold((await ada.request.post(`${base}/policy`, { form: { act: "check", text: "{}" } })).status() === 403, "a form without the token is refused");
  hold((await ada.request.post(`${base}/logout`, { form: { csrf: await ada.inputValue("input[name=csrf]") }, headers: { "sec-fetch-site": "cross-site" } })).status() === 403 && (await ada.goto(`${base}/fleet`)).status() === 200, "a form from elsewhere is refused");
  await check(ada, "fleet");

  await ada.click("tbody a");
  await ada.waitForSelector("h1:has-text('Device')");
  await check(ada, "device");
  const device = ada.url();

  await ada.goto(`${base}/policy`);
  const policy = JSON.parse(await ada.inputValue("#text"));
  await ada.fill("#text", JSON.stringify({ ...policy, note: "Locks sooner", nonsense: 1 }, null, 2));
  await ada.click("button[value=check]");
  hold((await ada.textContent("main")).includes("nonsense"), "a field that is not known is found");
  hold(await ada.locator("button[value=push]").count() === 0, "and what has an error cannot be pushed");
  const unlock = { ...(policy.unlock || {}), idle_lock_minutes: 3 };
  await ada.fill("#text", JSON.stringify({ ...policy, note: "Locks sooner", unlock }, null, 2));
  await ada.click("button[value=check]");
  hold((await ada.textContent(".diff")).includes("idle_lock_minutes"), "the change is shown before it is pushed");
  await check(ada, "policy-review");
  await ada.selectOption("#share", "100");
  await ada.click("button[value=push]");
  hold((await ada.textContent(".say.good")).includes("pushed"), "the policy is pushed");
  const pushed = Date.now();
  await ada.waitForFunction(() => {
    const row = document.querySelector("[data-live] tbody tr");
    return row && /1 of 1/.test(row.textContent);
  }, null, { timeout: 60000 }).catch(() => {});
  await ada.goto(`${base}/policy`);
  hold(/1 of 1/.test(await ada.textContent("tbody tr")), `it lands on the watching device (shown after ${((Date.now() - pushed) / 1000).toFixed(1)} s)`);
  await check(ada, "policy");

  await ada.goto(device);
  await ada.selectOption("#compartment", "stolen");
  await ada.click("button:text-is('Purge')");
  await ada.goto(device);
  await ada.waitForFunction(() => /obeyed/.test(document.querySelector("[data-live]").textContent.replace("Policy obeyed", "")), null, { timeout: 60000 }).catch(() => {});
  hold(/Purge of stolen.*obeyed/s.test((await ada.textContent("[data-live] table.stack"))), "a purge is obeyed, and its receipt stands there");
  await ada.goto(`${base}/officers`);
  await ada.fill("#officer", "5678");
  await ada.selectOption("#role", "patrol");
  await ada.fill("#asset", "BC-00042");
  await ada.click("button:text-is('Make a code')");
  hold(/BC-00042 only/.test(await ada.textContent(".say.good")) && (await ada.textContent(".say.good code")).length > 20, "a code for one officer and one device is made");
  await ada.goto(`${base}/officers?officer=5678`);
  await ada.fill("#why", "Left the force");
  await ada.click("button:text-is('Suspend this officer')");
  hold(/Left the force/.test(await ada.textContent("tbody")) && /suspended/.test(await ada.textContent("tbody")), "an officer is suspended, and why stands there");
  await check(ada, "officers");
  await ada.click("button:text-is('Lift the suspension')");
  hold(!/Left the force/.test(await ada.textContent("tbody")), "and restored");

  await ada.goto(`${base}/orders`);
  await ada.fill("#number", "7");
  await ada.click("button.bad");
  hold(/nothing was proposed/.test(await ada.textContent("main")), "a wipe of all devices wants their number");
  await ada.goto(`${base}/orders`);
  await ada.fill("#number", "1");
  await ada.click("button.bad");
  hold(/somebody else must approve/.test(await ada.textContent("main")) && await ada.locator("button.bad").count() === 0, "who proposes a wipe of all devices cannot approve it");
  await check(ada, "orders");
  const order = await ada.inputValue("input[name=order]");
  const csrf = await ada.inputValue("main input[name=csrf]");
  hold((await ada.request.post(`${base}/orders`, { form: { csrf, order, act: "approve", sure: "yes" } })).status() === 409, "not by a form of their own making either");
  const twin = await open();
  await login(twin, "ada2");
  await twin.goto(`${base}/orders`);
  await twin.check("#sure");
  await twin.click("button.bad");
  hold(/both accounts are of one officer/.test(await twin.textContent("main")), "nor with a second account of the same officer");
  for (const name of ["sources", "log", "account"]) { await ada.goto(`${base}/${name}`); await check(ada, name); }
  await ada.request.get(`${base}/fleet?text=hidden-look`, { headers: { "x-live": "1" } });
  await ada.goto(`${base}/log`);
  hold((await ada.textContent("tbody")).includes("hidden-look"), "nobody keeps a look out of the log by calling it a refresh");
  hold((await ada.goto(`${base}/journal`)).status() === 403, "an administrator does not read the journal");
  await check(ada, "refused");

  const max = await open();
  await login(max, "max");
  hold(max.url().endsWith("/journal"), "an auditor begins in the journal");
  hold(await max.locator("tbody tr").count() === 0, "and sees nothing before saying why");
  await max.fill("#why", "Complaint 2026-104");
  await max.fill("#officer", "1234");
  await max.click("form[role=search] button");
  hold((await max.textContent("tbody")).includes("warrant"), "a search finds the check and its purpose");
  await check(max, "journal");
  const file = await max.request.get(`${base}/journal/export?why=Review&officer=1234&format=csv`);
  hold(/attachment/.test(file.headers()["content-disposition"]) && (await file.text()).includes("warrant"), "the export holds it too");
  hold((await max.request.get(`${base}/journal/export?officer=1234&format=csv`)).status() === 409, "without a reason there is no export");
  await max.click("tr:has-text('AB12CDE') td[data-l=Reference] a");
  const reference = (await max.textContent("h1 .id")).trim();
  hold(/all of it rebuilt/.test(await max.textContent("main")) && /FORD/.test(await max.textContent("main")), "the answer is rebuilt by its reference, with the record as it was shown");
  await check(max, "answer");
  await max.click("a:has-text('Who looked at')");
  hold(/AB12CDE/.test(await max.textContent("tbody")) && await max.locator("tbody tr").count() === 1, "who looked at a record is one click away");
  await max.fill("#record", "");
  await max.fill("#text", "xy99zzz");
  await max.click("form[role=search] button");
  hold(await max.locator("tbody tr").count() === 1, "a text is found in what was asked");
  await max.goto(`${base}/journal/chains`);
  hold((await max.textContent("tbody")).includes("unbroken"), "the device's chain is unbroken");
  await check(max, "chains");
  hold((await max.goto(`${base}/fleet`)).status() === 403, "an auditor does not run the fleet");

  const noor = await open();
  await login(noor, "noor");
  await noor.goto(`${base}/journal?why=Curious`);
  hold((await noor.textContent("main")).includes("own entries are withheld") && await noor.locator("tbody tr").count() === 0, "nobody reviews their own");
  await noor.goto(`${base}/journal/looks?why=Supervision`);
  hold(/Complaint 2026-104/.test(await noor.textContent("tbody")) && /whole up to line/.test(await noor.textContent("main")) && !/Curious/.test(await noor.textContent("tbody")), "who looked, and why, stands in a log that is whole; one's own looks are withheld");
  await check(noor, "looks");
  hold((await noor.goto(`${base}/journal/answer?why=Curious&reference=${reference}`)).status() === 409, "nor is their own answer rebuilt for them");
  const dora = await open();
  await login(dora, "dora");
  hold(dora.url().endsWith("/sources") && (await dora.goto(`${base}/journal`)).status() === 403, "a data owner sees sources only");
  const eve = await open();
  await login(eve, "eve");
  hold(eve.url().endsWith("/sums") && (await eve.goto(`${base}/fleet`)).status() === 403, "ethics sees sums only");
  await eve.goto(`${base}/sums`);
  hold(!(await eve.content()).includes("1234"), "and no officer in them");
  await check(eve, "sums");

  const state = await ada.context().storageState();
  const dark = await open({ colorScheme: "dark", storageState: state });
  for (const name of ["fleet", "policy", "sources"]) { await dark.goto(`${base}/${name}`); await check(dark, `${name}-dark`); }
  const phone = await open({ viewport: { width: 320, height: 700 }, storageState: state });
  for (const name of ["fleet", "policy", "sources", "log", "officers", "orders"]) { await phone.goto(`${base}/${name}`); await check(phone, `${name}-phone`); }
  await phone.goto(device);
  await check(phone, "device-phone");

  const small = await open({ viewport: { width: 320, height: 700 }, storageState: await max.context().storageState() });
  for (const [name, at] of [["journal", "journal?why=Review"], ["answer", `journal/answer?why=Review&reference=${reference}`], ["chains", "journal/chains"]]) { await small.goto(`${base}/${at}`); await check(small, `${name}-phone`); }
  const keys = await open();
  await keys.goto(`${base}/login`);
  await keys.waitForFunction(() => document.activeElement.id === "name");
  await keys.keyboard.type("ada");
  await keys.keyboard.press("Tab");
  await keys.keyboard.type(PASSWORD);
  await keys.keyboard.press("Enter");
  await keys.waitForURL("**/fleet");
  await keys.keyboard.press("Tab");
  await keys.keyboard.press("Enter");
  hold(await keys.evaluate(() => document.activeElement.id) === "main", "by keyboard alone: log in, and skip to the page");

  const bob = await open();
  await login(bob, "bob");
  await bob.goto(`${base}/orders`);
  await bob.check("#sure");
  await bob.click("button.bad");
  hold(/is ordered/.test(await bob.textContent(".say.good")), "another administrator approves it");
  await bob.waitForFunction(() => /obeyed/.test(document.querySelector("[data-live] tbody tr").textContent), null, { timeout: 60000 }).catch(() => {});
  hold(/ada, approved by bob.*obeyed/s.test(await bob.textContent("[data-live] tbody tr")), "and the device erases itself: its receipt stands there");
  await check(bob, "orders-obeyed");

  for (let n = 0; n < 6; n += 1) await login(keys, "nobody", "wrong horse battery");
  hold((await keys.textContent("[role=alert]")).includes("Too many"), "the sixth wrong password in a minute is not looked at");
  await browser.close();
  for (const f of faults) console.error(`FAULT ${f}`);
  hold(faults.length === 0, `${looked} pages: no console error, no other host, nothing wider than the window, nothing serious from axe`);
})().catch((e) => { for (const f of faults) console.error(`FAULT ${f}`); console.error(e.message); process.exit(1); });
