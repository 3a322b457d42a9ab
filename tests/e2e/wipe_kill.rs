//! Wipe, purge and withdrawal killed at every step: a child aborts at step n, for every n there is, and the next start must
//! find nothing that can be read and exactly one receipt.

use crate::support::{List, TestHub, check, events, sync};
use beatcheck::{ApiError, Outcome, send_last_words};
use beatcheck_client as client;
use beatcheck_hub::OrderFilter;
use beatcheck_wire::DeviceId;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// More steps than there are: a loop that does not end is a fault.
const MOST_STEPS: u32 = 60;

/// The child: not a test of its own. Does what it is told and aborts at the step with the number it is given.
#[test]
fn child() {
    let Ok(home) = std::env::var("BEATCHECK_KILL_HOME") else { return };
    let at: u32 = std::env::var("BEATCHECK_KILL_AT").unwrap().parse().unwrap();
    let home = Path::new(&home);
    let steps = AtomicU32::new(0);
    let env = client::Env::system().with_steps(Arc::new(move |name| {
        if steps.fetch_add(1, Ordering::SeqCst) + 1 == at {
            std::fs::write(std::env::var("BEATCHECK_KILL_SAID").unwrap(), name).unwrap();
            std::process::abort();
        }
    }));
    let vault: Arc<dyn client::KeyVault> = Arc::new(client::FileVault::open(home.join("vault")).unwrap());
    match client::Device::open(home, vault.clone(), env.clone(), None) {
        Ok(device) => {
            if std::env::var("BEATCHECK_KILL_WHAT").unwrap() == "wipe" {
                device.wipe("officer").unwrap();
            } else {
                let report = device.sync(&|_| {}).unwrap();
                assert!(report.fault.is_none(), "{report:?}");
            }
        }
        Err(client::ClientError::Wiped) => {}
        Err(e) => panic!("{e}"),
    }
    if home.join("pending-journal.bin").exists() {
        client::Device::send_last_words(home, vault, env).unwrap();
    }
}

/// Runs the child on a device; the step it was killed at, or `None` if it came to its end.
fn killed(hub: &TestHub, name: &str, what: &str, at: u32) -> Option<String> {
    let said = hub.path(&format!("{name}.step"));
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["wipe_kill::child", "--exact", "--nocapture", "--test-threads=1"]);
    child.env("BEATCHECK_KILL_HOME", hub.path(name)).env("BEATCHECK_KILL_AT", at.to_string());
    child.env("BEATCHECK_KILL_WHAT", what).env("BEATCHECK_KILL_SAID", &said);
    let output = child.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    if output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Some(
        std::fs::read_to_string(&said).unwrap_or_else(|e| panic!("step {at}: the child failed by itself: {e}: {text}")),
    )
}

/// Names of all files below a directory, relative to it.
fn files(dir: &Path) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(next) = todo.pop() {
        for e in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            match e.metadata() {
                Ok(m) if m.is_dir() => todo.push(e.path()),
                _ => drop(out.insert(e.path().strip_prefix(dir).unwrap().to_string_lossy().into_owned())),
            }
        }
    }
    out
}

fn id_of(device: &beatcheck::Device) -> DeviceId {
    DeviceId::from_hex(&device.status().unwrap().device).unwrap()
}

/// Kills a wipe at every step. `order`: whether device management ordered it, or the officer did.
fn wipe_at_every_step(order: bool) -> u32 {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    for at in 1..MOST_STEPS {
        let name = format!("phone{at}");
        let device = hub.enrol(&name);
        let home = hub.path(&name);
        sync(&device);
        let id = id_of(&device);
        assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit);
        drop(device);
        let ordered = order.then(|| hub.hub.order_wipe_by(id, "test").unwrap());
        let step = killed(&hub, &name, if order { "sync" } else { "wipe" }, at);
        let here = format!("step {at}, {step:?}");
        if step.is_some() {
            // The next start goes on, and says what this is now; where all was done before, that there is nothing.
            let told = hub.reopen(&name).err().unwrap_or_else(|| panic!("{here}: it opened"));
            assert!(matches!(&told, ApiError::NotEnrolled { .. }), "{here}: {told:?}");
            let words = home.join("pending-journal.bin").exists();
            let left = files(&home);
            let mut allowed: BTreeSet<String> = ["vault/README", "vault/state.counter"].map(String::from).into();
            if words {
                allowed.extend(["pending-journal.bin", "vault/tls.sign", "vault/receipt.sign"].map(String::from));
            }
            assert!(left.is_subset(&allowed), "{here}: {left:?}");
            for file in &left {
                let bytes = std::fs::read(home.join(file)).unwrap();
                for secret in [&b"AA11AAA"[..], b"officer-"] {
                    assert!(!bytes.windows(secret.len()).any(|w| w == secret), "{here}: {file} tells");
                }
            }
            if words {
                send_last_words(home.to_string_lossy().into_owned(), hub.vault(&name)).unwrap();
            }
        }
        let account = hub.account(&id.to_string());
        let receipts = events(&account, "wiped");
        assert_eq!(receipts.len(), 1, "{here}");
        assert_eq!(receipts[0]["by"], if order { "order" } else { "officer" }, "{here}");
        assert_eq!(events(&account, "check").len(), 1, "{here}");
        if let Some(ordered) = ordered {
            assert_eq!(receipts[0]["order"], ordered.to_string(), "{here}");
            let orders = hub.hub.orders(&OrderFilter { device: Some(id), ..OrderFilter::default() }).unwrap();
            assert!(orders[0].obeyed.is_some() && orders[0].receipts == 1, "{here}: {orders:?}");
        }
        assert_eq!(files(&home), ["vault/README", "vault/state.counter"].map(String::from).into(), "{here}");
        if step.is_none() {
            return at - 1;
        }
    }
    panic!("more than {MOST_STEPS} steps");
}

#[test]
fn a_wipe_by_order_killed_at_every_step_is_finished_and_told_once() {
    let steps = wipe_at_every_step(true);
    eprintln!("a wipe by order was killed at each of its {steps} steps");
    assert!(steps >= 15, "{steps}");
}

#[test]
fn a_wipe_by_the_officer_killed_at_every_step_is_finished_and_told_once() {
    let steps = wipe_at_every_step(false);
    eprintln!("a wipe by the officer was killed at each of its {steps} steps");
    assert!(steps >= 15, "{steps}");
}

const LESS: &str = "[roles.patrol]\ncompartments = ['keep']\npurposes = ['traffic_stop']\n";

#[test]
fn a_purge_killed_at_every_step_leaves_nothing_and_is_told_once() {
    let hub = TestHub::start();
    hub.ingest(&List::vehicles("kept", "keep").car("AA11AAA", "Red")).unwrap();
    hub.publish(&List::vehicles("taken", "take").car("BB22BBB", "Red"));
    let mut done = None;
    for at in 1..MOST_STEPS {
        let name = format!("phone{at}");
        let device = hub.enrol(&name);
        sync(&device);
        let id = id_of(&device);
        assert_eq!(check(&device, "BB22BBB").outcome, Outcome::Hit);
        drop(device);
        let order = hub.hub.order_purge(id, "take", "test").unwrap();
        let step = killed(&hub, &name, "sync", at);
        let here = format!("step {at}, {step:?}");
        let device = hub.reopen(&name).unwrap_or_else(|e| panic!("{here}: {e}"));
        assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit, "{here}: the other one stays");
        if step.as_deref().is_some_and(|s| s.starts_with("purge: ") && s != "purge: shelf") {
            let a = check(&device, "BB22BBB");
            assert!(a.hits.is_empty(), "{here}: {}", a.text);
        }
        sync(&device);
        sync(&device);
        assert_eq!(check(&device, "BB22BBB").outcome, Outcome::Hit, "{here}: it comes again");
        let account = hub.account(&id.to_string());
        let receipts = events(&account, "purged");
        assert_eq!(receipts.len(), 1, "{here}");
        assert_eq!(
            (&receipts[0]["name"], &receipts[0]["order"]),
            (&"take".into(), &order.to_string().into()),
            "{here}"
        );
        let orders = hub.hub.orders(&OrderFilter { device: Some(id), ..OrderFilter::default() }).unwrap();
        assert!(orders[0].obeyed.is_some(), "{here}: {orders:?}");
        let records = files(&hub.path(&name).join("records")).into_iter().filter(|f| f.ends_with(".db")).count();
        assert_eq!(records, 2, "{here}: no file is left over");
        if step.is_none() {
            done = Some(at - 1);
            break;
        }
    }
    eprintln!("a purge was killed at each of its {done:?} steps");
    assert!(done.unwrap() >= 6);
}

#[test]
fn a_withdrawal_killed_at_every_step_leaves_nothing() {
    let hub = TestHub::start();
    hub.ingest(&List::vehicles("kept", "keep").car("AA11AAA", "Red")).unwrap();
    hub.publish(&List::vehicles("taken", "take").car("BB22BBB", "Red"));
    let names: Vec<String> = (1..MOST_STEPS).map(|at| format!("phone{at}")).take(12).collect();
    for name in &names {
        sync(&hub.enrol(name));
    }
    hub.hub.policy_set(LESS).unwrap();
    let mut done = None;
    for (at, name) in (1..).zip(&names) {
        let step = killed(&hub, name, "sync", at);
        let here = format!("step {at}, {step:?}");
        let device = hub.reopen(name).unwrap_or_else(|e| panic!("{here}: {e}"));
        // Until the keyring is written without its keys, nothing has happened.
        if !matches!(step.as_deref(), Some("grant: shelf" | "keys/created")) {
            assert!(check(&device, "BB22BBB").hits.is_empty(), "{here}");
        }
        sync(&device);
        assert!(check(&device, "BB22BBB").hits.is_empty(), "{here}");
        assert_eq!(check(&device, "AA11AAA").outcome, Outcome::Hit, "{here}: the other one stays");
        let records = files(&hub.path(name).join("records")).into_iter().filter(|f| f.ends_with(".db")).count();
        assert_eq!(records, 1, "{here}: no file is left over");
        let id = id_of(&device).to_string();
        sync(&device);
        assert!(!events(&hub.account(&id), "compartment_withdrawn").is_empty(), "{here}: told");
        if step.is_none() {
            done = Some(at - 1);
            break;
        }
    }
    assert!(done.unwrap() >= 4);
}
