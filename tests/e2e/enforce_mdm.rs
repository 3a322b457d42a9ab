//! Policies and settings that come another way than through a sync, and what that means for checks under way.

use crate::enforce::{HOUR, MARK, ask, begun, cars, code, nominals, person, rules};
use crate::support::{TestHub, core_check, core_sync, events};
use beatcheck_client::{ClientError, Clock, Device, Env, FixedClock};
use beatcheck_model::{Outcome, Timestamp};
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::policy::Policy;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

/// The hub's key for policies, and the policy in force with changes, signed by it.
fn policy_key(hub: &TestHub) -> SigningKey {
    let text = std::fs::read_to_string(hub.hub.dir().join("keys/policy.key")).unwrap();
    let byte = |i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
    SigningKey::from_seed(&std::array::from_fn::<u8, 32, _>(byte)).unwrap()
}

fn signed(key: &SigningKey, version: u64, issued: Timestamp, change: impl FnOnce(&mut Policy)) -> Vec<u8> {
    let mut policy = Policy { policy_version: version, ..Policy::initial(issued) };
    change(&mut policy);
    key.sign_bytes(DocKind::Policy, &policy.to_canonical().unwrap())
}

/// A clock that, when it is armed, holds up whoever asks it for the time until it is let go.
struct Gate {
    clock: FixedClock,
    armed: AtomicBool,
    reached: mpsc::SyncSender<()>,
    go: std::sync::Mutex<mpsc::Receiver<()>>,
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.reached.send(()).unwrap();
            // Not for ever: whoever should let it go may have failed.
            self.go.lock().unwrap().recv_timeout(std::time::Duration::from_secs(60)).unwrap();
        }
        self.clock.now()
    }

    fn boot(&self) -> beatcheck_client::Boot {
        self.clock.boot()
    }
}

#[test]
fn a_policy_takes_effect_for_a_check_that_is_under_way() {
    let (start, hub, _, device) = begun(&rules("", ""), &[nominals()]);
    drop(device);
    let (reached, is_reached) = mpsc::sync_channel(1);
    let (go, may_go) = mpsc::channel();
    let gate = Arc::new(Gate { clock: FixedClock::new(start), armed: false.into(), reached, go: may_go.into() });
    let device =
        Device::open(&hub.path("phone"), hub.core_vault("phone"), Env::with_clock(gate.clone()), None).unwrap();
    let version = device.status().unwrap().policy_version;
    let key = policy_key(&hub);
    let query = person(|q| q.name = Some("Roisin Connors".into()));
    let meanwhile = |bytes: &[u8]| {
        // The check has its view of what is in force, and is held up behind it.
        gate.armed.store(true, Ordering::SeqCst);
        std::thread::scope(|s| {
            let checking = s.spawn(|| ask(&device, query.clone()));
            is_reached.recv().unwrap();
            device.take_policy(bytes).unwrap();
            go.send(()).unwrap();
            checking.join().unwrap()
        })
    };
    let hides = |p: &mut Policy| p.roles.get_mut("patrol").unwrap().hide = beatcheck_wire::policy::Hidden::ALL.to_vec();
    let masked = meanwhile(&signed(&key, version + 1, start, hides));
    assert_eq!(masked.hits.len(), 1);
    assert!(!serde_json::to_string(&masked).unwrap().contains("Hiddenroad"), "masked by what came meanwhile");
    let refused = meanwhile(&signed(&key, version + 2, start, |p| p.limits.journal_max_bytes = 0));
    assert_eq!(code(&refused), "journal_full", "{}", refused.text);
    let same = meanwhile(&signed(&key, version + 3, start, |p| p.note = "nothing that matters here".into()));
    let last = device.status().unwrap().journal.last_seq;
    assert_eq!(same.outcome, Outcome::Possible, "{}", same.text);
    assert!(same.audit_seq <= last, "not made again where it is decided the same way: {} {last}", same.audit_seq);
}

#[test]
fn a_policy_by_hand_moves_forward_only() {
    let (start, hub, _, device) = begun(&rules("", ""), &[cars()]);
    let (key, other) = (policy_key(&hub), SigningKey::from_seed(&[7; 32]).unwrap());
    let version = device.status().unwrap().policy_version;
    let shut = |p: &mut Policy| p.roles.get_mut("patrol").unwrap().purposes = vec!["warrant".into()];
    for (bytes, why) in [
        (signed(&key, version - 1, start.plus_secs(9), |_| ()), "replayed"),
        (signed(&key, version, start, shut), "replayed"),
        (signed(&key, version + 1, start.plus_secs(-1), shut), "replayed"),
        (signed(&other, version + 1, start, shut), "bad_signature"),
        (b"policy".to_vec(), "malformed"),
    ] {
        for _ in 0..2 {
            let e = device.take_policy(&bytes).unwrap_err();
            assert!(matches!(&e, ClientError::PolicyRefused { code, .. } if *code == why), "{why}: {e}");
        }
        assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit, "the one in force stays");
    }
    let taken = device.take_policy(&signed(&key, version + 1, start, shut)).unwrap();
    assert_eq!((taken.policy_version, taken.changed), (version + 1, true));
    assert_eq!(code(&core_check(&device, MARK)), "purpose_not_allowed", "at once");
    assert!(device.take_policy(&signed(&key, version + 1, start, shut)).unwrap().changed.eq(&false), "again: no harm");
    core_sync(&device);
    assert_eq!(
        device.status().unwrap().policy_version,
        version + 1,
        "a sync with a hub that is behind takes nothing back"
    );
    let account = hub.account(&device.status().unwrap().device);
    let refused: Vec<_> =
        events(&account, "policy_refused").iter().map(|e| (e["code"].clone(), e["from"].clone())).collect();
    let mdm = |code: &str| (code.into(), "mdm".into());
    let all = ["replayed", "replayed", "replayed", "bad_signature", "malformed"];
    assert_eq!(refused, all.map(mdm), "each once");
    // The same policy at the hub: what it pushes next is newer, and is taken.
    drop(device);
    let device = hub.open_core("phone", &Arc::new(FixedClock::new(start)));
    assert_eq!(code(&core_check(&device, MARK)), "purpose_not_allowed", "and offline from then on");
}

#[test]
fn managed_configuration_shortens_and_never_grants() {
    let (start, hub, clock, device) = begun(&rules("", ""), &[cars()]);
    let changed =
        device.apply_managed_configuration(r#"{"lease_ceiling_hours":4,"asset":"P-7","role":"chief"}"#).unwrap();
    assert_eq!(
        (changed.changed, changed.ignored),
        (vec!["asset".into(), "lease_ceiling_hours".into()], vec!["role".into()])
    );
    assert!(
        device.apply_managed_configuration(r#"{"lease_ceiling_hours":4,"asset":"P-7"}"#).unwrap().changed.is_empty()
    );
    let status = device.status().unwrap();
    assert_eq!(status.lease_ends, Some(start.plus_secs(4 * HOUR)));
    clock.set(start.plus_secs(5 * HOUR));
    assert_eq!(code(&core_check(&device, MARK)), "lease_ended");
    let wrong = device.apply_managed_configuration(&format!("{{\"root_fingerprint\":\"{}\"}}", "0".repeat(32)));
    assert!(wrong.unwrap_err().to_string().contains("enrol anew"));
    assert_eq!(device.apply_managed_configuration("{\"lease_ceiling_hours\":900}").unwrap().changed.len(), 2);
    assert_eq!(device.status().unwrap().lease_ends, Some(start.plus_secs(72 * HOUR)), "no longer than policy's");
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    let states = device.keyed_states().unwrap();
    assert_eq!(states.iter().map(|s| s.key.as_str()).collect::<Vec<_>>(), beatcheck_client::STATE_KEYS);
    assert!(states.iter().all(|s| s.severity == beatcheck_client::Severity::Info), "{states:?}");
    core_sync(&device);
    let account = hub.account(&status.device);
    assert_eq!(events(&account, "managed")[0]["changed"], serde_json::json!(["asset", "lease_ceiling_hours"]));
}

#[test]
fn an_app_that_is_too_old_is_told_so() {
    let (_, hub, clock, device) = begun(&format!("min_app_version = '3.1'\n{}", rules("", "")), &[cars()]);
    assert_eq!(code(&core_check(&device, MARK)), "app_too_old");
    device.set_app_version("beat 3.1.0").unwrap();
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    drop(device);
    let device = hub.open_core("phone", &clock);
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit, "it is kept");
    drop(device);
    let env = Env::with_clock(clock.clone()).with_app_version("3.0.9");
    let device = Device::open(&hub.path("phone"), hub.core_vault("phone"), env, None).unwrap();
    assert_eq!(code(&core_check(&device, MARK)), "app_too_old", "what is stated at opening counts");
}
