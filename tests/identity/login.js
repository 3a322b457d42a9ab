// A real login without a browser: authorization code with PKCE against the provider's own pages, following its redirects and
// sending its forms as a browser does. Prints the ID token; with --logout it logs out again at the provider afterwards, which sends
// a logout token to the hub.
//
//   node login.js ISSUER --account ACCOUNT --nonce NONCE [--client beatcheck] [--logout]
import { createHash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    account: { type: 'string' },
    nonce: { type: 'string' },
    client: { type: 'string', default: 'beatcheck' },
    logout: { type: 'boolean', default: false },
  },
});
const [issuer] = positionals;
const cookies = new Map();
const MAX_STEPS = 12;

async function send(url, form) {
  const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
  const options = form ? { method: 'POST', body: new URLSearchParams(form) } : {};
  const answer = await fetch(url, { ...options, headers, redirect: 'manual' });
  for (const cookie of answer.headers.getSetCookie()) {
    const [pair] = cookie.split(';');
    const at = pair.indexOf('=');
    if (pair.slice(at + 1)) cookies.set(pair.slice(0, at), pair.slice(at + 1));
    else cookies.delete(pair.slice(0, at));
  }
  return answer;
}

/** Follows redirects to pages of the provider and fills in their forms, until it leads to `target`. */
async function walk(url, target, answers) {
  let answer = await send(url);
  let here = url;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const location = answer.headers.get('location');
    if (location) {
      here = new URL(location, here).href;
      if (here.startsWith(target)) return new URL(here);
      answer = await send(here);
      continue;
    }
    const page = await answer.text();
    const action = page.match(/<form[^>]*action="([^"]+)"/)?.[1];
    if (!action) throw new Error(`no form at ${here}: ${answer.status} ${page.slice(0, 300)}`);
    const form = {};
    for (const [input] of page.matchAll(/<(?:input|button)[^>]*>/g)) {
      const name = input.match(/name="([^"]+)"/)?.[1];
      if (name) form[name] = input.match(/value="([^"]*)"/)?.[1] ?? '';
    }
    here = new URL(action, here).href;
    answer = await send(here, { ...form, ...answers });
  }
  throw new Error('the provider leads nowhere');
}

const found = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
const verifier = randomBytes(32).toString('base64url');
const redirect_uri = 'https://app.test/callback';
const state = randomBytes(16).toString('hex');
const question = new URLSearchParams({
  client_id: values.client,
  redirect_uri,
  response_type: 'code',
  scope: 'openid',
  nonce: values.nonce,
  state,
  code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  code_challenge_method: 'S256',
});
const back = await walk(`${found.authorization_endpoint}?${question}`, redirect_uri, {
  login: `account-${values.account}`,
  password: 'none',
});
if (back.searchParams.get('state') !== state) throw new Error(`not our answer: ${back}`);
const answer = await fetch(found.token_endpoint, {
  method: 'POST',
  body: new URLSearchParams({
    client_id: values.client,
    grant_type: 'authorization_code',
    code: back.searchParams.get('code'),
    redirect_uri,
    code_verifier: verifier,
  }),
});
const tokens = await answer.json();
if (!tokens.id_token) throw new Error(`no ID token: ${JSON.stringify(tokens)}`);
process.stdout.write(`${tokens.id_token}\n`);

if (values.logout) {
  // Waits until told to (a line on standard input): the shift must have begun.
  for await (const _ of process.stdin) break;
  const bye = 'https://app.test/bye';
  const end = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: bye, client_id: values.client });
  await walk(`${found.end_session_endpoint}?${end}`, bye, { logout: 'yes' });
  process.stdout.write('logged out\n');
}
