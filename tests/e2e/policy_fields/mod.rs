//! Every field of a policy: it is set and pushed, a device in the foreground obeys it, and goes on obeying it offline and when
//! it is opened again. `docs/policy.md` names each test beside its field, and a test of the hub compares the two.
//!
//! How soon it obeys is shown, not asserted: shared machines stall. Only a device that has not obeyed after a minute fails.

mod officers;

use crate::session::Counted;
use crate::support::{AtLast, List, TestHub, enrol_with, now};
use beatcheck_client::{CheckRequest, ClientError, Clock, Device, Env, FixedClock, Network, SyncOptions};
use beatcheck_model::{Answer, CoverageState, Outcome, PersonQuery, Query, VehicleQuery};
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::policy::Policy;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const GOAL: Duration = Duration::from_secs(5);
const GIVE_UP: Duration = Duration::from_secs(60);
const MARK: &str = "AB12CDE";
const PIN: &str = "482915";
const HOUR: i64 = 3600;

fn rules(rest: &str) -> String {
    format!("[roles.patrol]\ncompartments = ['*']\npurposes = ['traffic_stop', 'warrant']\n{rest}")
}

struct World {
    hub: TestHub,
    hub_clock: Arc<beatcheck_hub::FixedClock>,
    clock: Arc<FixedClock>,
    vault: Arc<Counted>,
    device: Device,
}

impl World {
    fn begun(policy: &str, pin: Option<&str>) -> Self {
        let start = now();
        let hub_clock = Arc::new(beatcheck_hub::FixedClock::new(start));
        let hub = TestHub::with_clock(hub_clock.clone());
        hub.hub.policy_set(policy).unwrap();
        let cars = List::vehicles("cars", "cars").car(MARK, "Red").car("AB13CDE", "Red").car("AB14CDE", "Red");
        hub.publish(&cars);
        hub.publish(&List::persons("nominals", "nominals").row(&[
            ("id", "1"),
            ("given", "Roisin"),
            ("surname", "Connors"),
            ("dob", "1984-03-02"),
            ("address", "40 Hiddenroad Lane"),
        ]));
        let clock = Arc::new(FixedClock::new(start));
        let vault = Counted::at(&hub.path("phone"));
        let device = enrol_with(&hub, "phone", vault.clone(), Env::with_clock(clock.clone()), pin);
        assert!(device.sync(&|_| {}).unwrap().complete);
        Self { hub, hub_clock, clock, vault, device }
    }

    /// Time passes, for both.
    fn pass(&self, seconds: i64) {
        let later = self.clock.now().plus_secs(seconds);
        self.clock.set(later);
        self.hub_clock.set(later);
    }

    /// Pushes a policy to the device, which is in the foreground; until it obeys.
    fn push(&self, policy: &str, obeys: &dyn Fn(&Self) -> bool) {
        let stop = AtomicBool::new(false);
        let done = |why: &str| std::thread::current().name().map(|n| format!("{n}: {why}")).unwrap_or_default();
        std::thread::scope(|s| {
            let watching = s.spawn(|| {
                self.device.watch(&SyncOptions::default(), &|_| {}, &mut |_| {}, &|| stop.load(Ordering::SeqCst))
            });
            let ends = AtLast(|| {
                stop.store(true, Ordering::SeqCst);
                // What it waits for is answered, and it ends.
                let _ = self.hub.hub.publish(&mut |_| {}).and_then(|_| self.hub.hub.resign_head());
            });
            let began = Instant::now();
            let version = self.hub.hub.policy_set(policy).unwrap();
            let in_force = || self.device.status().is_ok_and(|s| s.policy_version == version);
            while !(in_force() && obeys(self)) && began.elapsed() < GIVE_UP {
                std::thread::sleep(Duration::from_millis(10));
            }
            let took = began.elapsed();
            drop(ends);
            watching.join().unwrap().unwrap();
            assert!(took < GIVE_UP, "{}", done("not obeyed"));
            if took > GOAL {
                let _ =
                    writeln!(std::io::stderr(), "*** {} ***", done(&format!("obeyed after {took:?}, goal {GOAL:?}")));
            }
        });
    }

    /// The hub is gone from here on.
    fn offline(&mut self) {
        self.hub.stop();
    }

    /// Ends the app and starts it again.
    fn reopened(self, pin: Option<&str>) -> Self {
        let Self { hub, hub_clock, clock, vault, device } = self;
        drop(device);
        let device = Device::open(&hub.path("phone"), vault.clone(), Env::with_clock(clock.clone()), pin).unwrap();
        Self { hub, hub_clock, clock, vault, device }
    }

    fn check(&self, mark: &str) -> Answer {
        self.device.check(&CheckRequest::vehicle(mark, "traffic_stop")).unwrap()
    }

    fn ask(&self, f: impl FnOnce(&mut PersonQuery)) -> Answer {
        let mut q = PersonQuery::default();
        f(&mut q);
        self.device.check(&CheckRequest::new(Query::Person(q), "traffic_stop")).unwrap()
    }

    fn version(&self) -> u64 {
        self.device.status().unwrap().policy_version
    }
}

fn code(a: &Answer) -> &str {
    a.error.as_ref().map_or("", |e| e.code.as_str())
}

/// A field whose effect a question shows: not before, then in the foreground, then offline, then opened again.
fn shown_by(before: &str, after: &str, pin: Option<&str>, shows: &dyn Fn(&World) -> bool) {
    let mut w = World::begun(&rules(before), pin);
    assert!(!shows(&w), "before");
    w.push(&rules(after), shows);
    w.offline();
    assert!(shows(&w), "offline");
    assert!(shows(&w.reopened(pin)), "opened again");
}

/// The same, where the effect is seen only once the hub is gone: `before` it is not there, `after` it is.
fn shown_offline(before: &str, after: &str, pin: Option<&str>, shows: &dyn Fn(&World) -> bool) {
    let mut w = World::begun(&rules(before), pin);
    w.offline();
    assert!(!shows(&w), "before");
    let mut w = World::begun(&rules(before), pin);
    w.push(&rules(after), &|_| true);
    w.offline();
    assert!(shows(&w.reopened(pin)), "offline, opened again");
}

fn policy_key(hub: &TestHub) -> SigningKey {
    beatcheck_hub::read_signing_key(&hub.hub.dir().join("keys/policy.key")).unwrap()
}

fn signed(hub: &TestHub, change: impl FnOnce(&mut Policy)) -> Vec<u8> {
    let mut policy = hub.hub.policy_current().unwrap().0;
    change(&mut policy);
    policy_key(hub).sign_bytes(DocKind::Policy, &policy.to_canonical().unwrap())
}

#[test]
fn field_format() {
    let w = World::begun(&rules(""), None);
    let other = w.hub.hub.policy_set(&format!("format = 2\n{}", rules("")));
    assert!(other.is_err(), "the hub refuses it");
    let bytes = signed(&w.hub, |p| (p.format, p.policy_version) = (2, p.policy_version + 1));
    assert!(matches!(w.device.take_policy(&bytes), Err(ClientError::PolicyRefused { code: "malformed", .. })));
    assert_eq!(w.check(MARK).outcome, Outcome::Hit, "the one in force stays");
}

#[test]
fn field_policy_version() {
    let mut w = World::begun(&rules(""), None);
    let (before, old) = (w.version(), signed(&w.hub, |_| ()));
    w.push(&rules(""), &|w| w.version() > before);
    w.offline();
    assert!(matches!(w.device.take_policy(&old), Err(ClientError::PolicyRefused { code: "replayed", .. })));
    assert!(w.reopened(None).version() > before);
}

#[test]
fn field_issued() {
    let w = World::begun(&rules(""), None);
    let early = signed(&w.hub, |p| {
        p.policy_version += 1;
        p.issued = p.issued.plus_secs(-1);
    });
    assert!(w.hub.hub.policy_push(&early, 100, "a test").is_err(), "the hub refuses it");
    assert!(matches!(w.device.take_policy(&early), Err(ClientError::PolicyRefused { code: "replayed", .. })));
    let later = signed(&w.hub, |p| p.policy_version += 1);
    assert!(w.device.take_policy(&later).unwrap().changed, "signed no earlier");
}

#[test]
fn field_note() {
    let before = World::begun(&rules(""), None);
    let version = before.version();
    before.push(&format!("note = 'for the summer'\n{}", rules("")), &|w| w.version() > version);
    assert_eq!(before.check(MARK).outcome, Outcome::Hit, "decides nothing");
    assert_eq!(before.hub.hub.policy_current().unwrap().0.note, "for the summer");
}

#[test]
fn field_min_app_version() {
    let mut w = World::begun(&rules(""), None);
    assert_eq!(w.check(MARK).outcome, Outcome::Hit);
    w.push(&format!("min_app_version = '3.1'\n{}", rules("")), &|w| code(&w.check(MARK)) == "app_too_old");
    w.offline();
    let w = w.reopened(None);
    assert_eq!(code(&w.check(MARK)), "app_too_old");
    w.device.set_app_version("beat 3.1.0").unwrap();
    assert_eq!(w.check(MARK).outcome, Outcome::Hit, "once it is updated");
}

/// As [`shown_by`], with the role itself changed.
fn role(after: &str, shows: &dyn Fn(&World) -> bool) {
    let mut w = World::begun(&rules(""), None);
    assert!(!shows(&w), "before");
    w.push(&format!("[roles.patrol]\n{after}"), shows);
    w.offline();
    assert!(shows(&w), "offline");
    assert!(shows(&w.reopened(None)), "opened again");
}

#[test]
fn field_roles_compartments() {
    role("compartments = ['nominals']\npurposes = ['traffic_stop']\n", &|w| w.check(MARK).hits.is_empty());
}

#[test]
fn field_roles_purposes() {
    let after = "compartments = ['*']\npurposes = ['warrant']\n";
    role(after, &|w| code(&w.check(MARK)) == "purpose_not_allowed");
}

#[test]
fn field_roles_hide() {
    let after = "compartments = ['*']\npurposes = ['traffic_stop']\nhide = ['address']\n";
    role(after, &|w| {
        let by_name = w.ask(|q| q.name = Some("Roisin Connors".into()));
        let by_address = w.ask(|q| q.address = Some("40 Hiddenroad Lane".into()));
        let shown = serde_json::to_string(&by_name).unwrap().contains("Hiddenroad");
        by_name.hits.len() == 1 && !shown && code(&by_address) == "field_withheld"
    });
}

#[test]
fn field_purposes_owes() {
    shown_by("", "[purposes.traffic_stop]\nowes = 'incident'\n", None, &|w| code(&w.check(MARK)) == "incident_owed");
}

fn state(w: &World, mark: &str) -> CoverageState {
    w.check(mark).coverage[0].state
}

/// Age counts: three hours pass before anything is pushed.
fn aged(after: &str, shows: CoverageState) {
    let mut w = World::begun(&rules(""), None);
    w.pass(3 * HOUR);
    assert_eq!(state(&w, MARK), CoverageState::Current, "before");
    w.push(&rules(after), &|w| state(w, MARK) == shows);
    w.offline();
    assert_eq!(state(&w.reopened(None), MARK), shows, "offline, opened again");
}

#[test]
fn field_compartments_stale_warn_hours() {
    aged("[compartments.cars]\nstale_warn_hours = 2\n", CoverageState::Stale);
}

#[test]
fn field_compartments_stale_withhold_hours() {
    aged("[compartments.cars]\nstale_withhold_hours = 2\n", CoverageState::Withheld);
}

#[test]
fn field_limits_stale_warn_hours() {
    aged("[limits]\nstale_warn_hours = 2\n", CoverageState::Stale);
}

#[test]
fn field_limits_stale_withhold_hours() {
    aged("[limits]\nstale_withhold_hours = 2\n", CoverageState::Withheld);
}

#[test]
fn field_compartments_lease_hours() {
    shown_offline("", "[compartments.cars]\nlease_hours = 2\n", None, &|w| {
        w.pass(3 * HOUR);
        w.check(MARK).coverage[0].withheld.as_deref() == Some("lease")
    });
}

#[test]
fn field_limits_lease_hours() {
    shown_offline("", "[limits]\nlease_hours = 2\n", None, &|w| {
        w.pass(3 * HOUR);
        code(&w.check(MARK)) == "lease_ended"
    });
}

#[test]
fn field_limits_late_hit_hours() {
    for (hours, told) in [(0, 0), (12, 1)] {
        let w = World::begun(&rules(""), None);
        w.push(&rules(&format!("[limits]\nlate_hit_hours = {hours}\n")), &|_| true);
        assert_eq!(w.check("ZZ99ZZZ").outcome, Outcome::NoTrace);
        w.pass(60);
        w.hub.publish(&List::vehicles("more", "more").car("ZZ99ZZZ", "Blue"));
        assert!(w.device.sync(&|_| {}).unwrap().complete);
        assert_eq!(w.device.status().unwrap().late_hits.len(), told, "{hours} hours");
    }
}

#[test]
fn field_limits_max_results() {
    let part = |w: &World| {
        let q = VehicleQuery { vrm: Some("AB*CDE".into()), ..VehicleQuery::default() };
        w.device.check(&CheckRequest::new(Query::Vehicle(q), "traffic_stop")).unwrap().hits.len()
    };
    shown_by("", "[limits]\nmax_results = 1\n", None, &|w| part(w) == 1);
}

#[test]
fn field_limits_possible_odds_bits() {
    let outcome =
        |w: &World| w.ask(|q| (q.name, q.dob) = (Some("Roisin Conner".into()), Some("1985-02-03".into()))).outcome;
    shown_by("[limits]\npossible_odds_bits = 12\n", "[limits]\npossible_odds_bits = -12\n", None, &|w| {
        outcome(w) == Outcome::Possible
    });
}

#[test]
fn field_limits_allow_desk_vault() {
    let after = "[limits]\nallow_desk_vault = false\n";
    shown_by("", after, None, &|w| code(&w.check(MARK)) == "vault_not_allowed");
    let hub = TestHub::start();
    hub.hub.policy_set(&rules(after)).unwrap();
    let refused = beatcheck::Device::enrol(hub.options("other"), hub.vault("other")).err().unwrap();
    assert!(refused.to_string().contains("use a phone"), "{refused}");
}

/// Snapshots wait for another network once the budget is used up.
fn budget(limit: &str, network: Network) {
    let w = World::begun(&rules(""), None);
    w.push(&rules(&format!("[limits]\n{limit} = 0\n")), &|_| true);
    w.hub.publish(&List::vehicles("more", "more").car("ZZ99ZZZ", "Blue"));
    let options = SyncOptions { network, hold_s: 0 };
    assert_eq!(w.device.sync_with(&options, &|_| {}).unwrap().deferred, ["more"]);
    let w = w.reopened(None);
    assert_eq!(w.device.sync_with(&options, &|_| {}).unwrap().deferred, ["more"], "opened again");
    assert!(w.device.sync(&|_| {}).unwrap().complete, "over another network");
}

#[test]
fn field_limits_metered_mb_per_day() {
    budget("metered_mb_per_day", Network::Metered);
}

#[test]
fn field_limits_roaming_mb_per_day() {
    budget("roaming_mb_per_day", Network::Roaming);
}

#[test]
fn field_limits_journal_warn_bytes() {
    shown_offline("", "[limits]\njournal_warn_bytes = 1\n", None, &|w| {
        w.check(MARK);
        let warned = w.check(MARK).notes.iter().any(|n| n.code == "journal_low");
        warned && w.device.status().unwrap().journal.low
    });
}

#[test]
fn field_limits_journal_max_bytes() {
    shown_offline("", "[limits]\njournal_warn_bytes = 1\njournal_max_bytes = 1\n", None, &|w| {
        w.check(MARK);
        code(&w.check(MARK)) == "journal_full"
    });
}

#[test]
fn field_limits_journal_keep_days() {
    let w = World::begun(&rules(""), None);
    w.check(MARK);
    assert!(w.device.sync(&|_| {}).unwrap().journal_sent > 0);
    w.push(&rules("[limits]\njournal_keep_days = 2\n"), &|_| true);
    assert_eq!(w.hub.hub.retain(w.hub.hub.now(), "a test").unwrap().entries, 0, "not old enough");
    w.pass(3 * 24 * HOUR);
    assert!(w.hub.hub.retain(w.hub.hub.now(), "a test").unwrap().entries > 0);
    assert!(w.hub.hub.verify_journal().unwrap().iter().all(|c| c.unbroken), "the rest still verifies");
}
