//! Policy at the hub: what is refused, what is said of it, how it reaches devices in stages, and that nothing goes back.
#![allow(clippy::unwrap_used)]

mod serve_common;

use beatcheck_hub::{Effect, Level, PolicyStatus, lint_policy, policy_diff, read_signed_policy, sign_policy};
use beatcheck_model::Timestamp;
use beatcheck_wire::catch_up::{CatchUpAnswer, CatchUpRequest, VERSION};
use beatcheck_wire::envelope::{DocKind, OVERHEAD, SigningKey, open, open_bytes};
use beatcheck_wire::policy::{BreakGlass, Hidden, Owes, Policy, PurposeRule, Role};
use hyper::StatusCode;
use serve_common::{Device, Fixture};

const PLAIN: &str = "[roles.patrol]\ncompartments=['*']\npurposes=['warrant','traffic_stop']\n";

fn limits(hours: u32) -> String {
    format!("{PLAIN}[limits]\nlease_hours={hours}\n")
}

/// What a device sees that has this policy.
async fn asks(device: &Device, grant_version: u64, policy_version: u64) -> CatchUpAnswer {
    let question = CatchUpRequest {
        version: VERSION,
        grant_version,
        policy_version,
        root_version: 1,
        max_bytes: 1000,
        ..CatchUpRequest::default()
    };
    let answer = device.http.post("/v1/sync", postcard::to_allocvec(&question).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    postcard::from_bytes(&answer.body).unwrap()
}

async fn policy_of(device: &Device) -> (u64, Policy) {
    let (grant, bundle) = device.grant().await;
    let payload = open_bytes(DocKind::Policy, &bundle.policy, &[device.root.policy_key]).unwrap();
    (grant.policy_version, Policy::from_canonical(payload).unwrap())
}

fn key(fx: &Fixture, name: &str) -> SigningKey {
    beatcheck_hub::read_signing_key(&fx.hub.dir().join("keys").join(name)).unwrap()
}

/// Which half of a stage a device falls into is drawn with its id: of eight, all are on one side once in 128 runs.
const DEVICES: u64 = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_signed_elsewhere_is_pushed_and_nothing_else() {
    let mut fx = Fixture::start().await;
    let device = fx.enrol("o").await;
    let (policy_key, now) = (key(&fx, "policy.key"), fx.hub.now());
    // The key moves away: serving goes on, setting says which file is missing.
    let away = fx.dir.path().join("policy.key");
    std::fs::rename(fx.hub.dir().join("keys/policy.key"), &away).unwrap();
    assert_eq!(policy_of(&device).await.0, 1);
    let missing = fx.hub.policy_set(PLAIN).unwrap_err().to_string();
    assert!(missing.contains("policy.key") && missing.contains("sign where it is kept"), "{missing}");
    assert!(fx.hub.policy_rollback(1, "a").unwrap_err().to_string().contains("policy.key"));

    let sign = |version: u64, at: Timestamp| sign_policy(&limits(8), Some(version), at, &policy_key).unwrap();
    let signed = sign(2, now);
    let stranger = sign_policy(PLAIN, Some(2), now, &key(&fx, "grant.key")).unwrap();
    let refusal = |bytes: &[u8]| fx.hub.policy_push(bytes, 100, "a").unwrap_err().to_string();
    assert!(refusal(&stranger).contains("policy key"));
    let mut altered = signed.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(refusal(&altered).contains("policy key"));
    assert!(refusal(&sign(1, now)).contains("not newer than 1"));
    assert!(refusal(&sign(2, now.plus_secs(-1))).contains("before the newest"), "signed before the one in force");
    assert!(refusal(&sign(2, now.plus_secs(3600))).contains("future"));
    let unknown = policy_key.sign_bytes(DocKind::Policy, &{
        let text = String::from_utf8(signed[OVERHEAD..].to_vec()).unwrap();
        text.replacen('{', "{\"new_field\":1,", 1).into_bytes()
    });
    assert!(refusal(&unknown).contains("another form"), "what a device would not read is not passed on");
    assert!(fx.hub.policy_push(&signed, 101, "a").is_err() && fx.hub.policy_push(&signed, 100, "").is_err());
    assert_eq!(policy_of(&device).await.0, 1, "nothing was changed by all that");

    assert_eq!(fx.hub.policy_push(&signed, 100, "admin").unwrap(), 2);
    assert!(refusal(&signed).contains("not newer than 2"), "a replay");
    let (version, policy) = policy_of(&device).await;
    assert_eq!((version, policy.limits.lease_hours), (2, 8));
    assert!(std::fs::read_to_string(fx.hub.dir().join("policy.json")).unwrap().contains("\"lease_hours\": 8"));
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_reaches_its_share_and_nobody_is_taken_back() {
    let mut fx = Fixture::start().await;
    let mut devices = Vec::new();
    for n in 0..DEVICES {
        devices.push(fx.enrol(&format!("o{n}")).await);
    }
    let count = |s: &PolicyStatus, v: u64| {
        let v = s.versions.iter().find(|x| x.version == v).unwrap();
        (v.meant, v.state, v.share_percent)
    };
    assert_eq!(fx.hub.policy_set_by(&limits(8), 50, "a").unwrap(), 2);
    let status = fx.hub.policy_status().unwrap();
    let (meant, state, share) = count(&status, 2);
    assert!((1..DEVICES).contains(&meant), "a share of them: {meant}");
    assert_eq!((state, share, count(&status, 1)), ("staged", 50, (DEVICES - meant, "in_force", 100)));
    assert_eq!(fx.hub.policy_current().unwrap().0.policy_version, 1, "for all, the old one is in force");
    let mut with = Vec::new();
    for d in &devices {
        with.push(policy_of(d).await.0);
    }
    assert_eq!(with.iter().filter(|v| **v == 2).count() as u64, meant);

    // A wider share keeps those that were first; a lowered one takes nothing back from who says that it has it.
    let first = with.iter().position(|v| *v == 2).unwrap();
    let later = with.iter().position(|v| *v == 1).unwrap();
    fx.hub.policy_stage(2, 80, "a").unwrap();
    assert_eq!(policy_of(&devices[first]).await.0, 2);
    asks(&devices[first], 0, 2).await;
    fx.hub.policy_stage(2, 0, "a").unwrap();
    for (i, d) in devices.iter().enumerate() {
        assert_eq!(policy_of(d).await.0, if i == first { 2 } else { 1 }, "device {i}");
    }
    // MDM handed it over: the hub follows. What a device makes up is not followed.
    assert!(asks(&devices[later], 0, u64::MAX).await.grant.is_some());
    assert_eq!(policy_of(&devices[later]).await.0, 1);
    asks(&devices[later], 0, 2).await;
    assert_eq!(policy_of(&devices[later]).await.0, 2);

    // Nothing below what is in force; all of it ends the stages.
    assert!(fx.hub.policy_stage(1, 50, "a").unwrap_err().to_string().contains("roll back"));
    assert!(fx.hub.policy_stage(9, 50, "a").is_err());
    fx.wait(60);
    assert_eq!(fx.hub.policy_set_by(&limits(6), 30, "a").unwrap(), 3);
    fx.hub.policy_stage(2, 100, "b").unwrap();
    let status = fx.hub.policy_status().unwrap();
    assert_eq!((status.in_force, count(&status, 1).1, count(&status, 3).1), (2, "ended", "staged"));
    assert_eq!(fx.hub.policy_rollback(1, "c").unwrap(), 4);
    let status = fx.hub.policy_status().unwrap();
    assert_eq!(
        (status.in_force, count(&status, 3), count(&status, 4)),
        (4, (0, "ended", 30), (DEVICES, "in_force", 100))
    );
    let (version, policy) = policy_of(&devices[first]).await;
    assert_eq!((version, policy.limits.lease_hours, policy.note.as_str()), (4, 72, "As version 1 again."));

    let history = fx.hub.policy_history().unwrap();
    assert_eq!(history.iter().map(|h| h.version).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_eq!(history[2].steps.iter().map(|s| s.share_percent).collect::<Vec<_>>(), [50, 80, 0, 100]);
    assert_eq!((history[2].steps[3].by.as_str(), history[3].changes.len()), ("b", 0));
    assert!(history[1].changes.iter().any(|c| c.field == "limits.lease_hours" && c.effect == Effect::Tightens));
    fx.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_takes_compartments_from_those_it_means_only() {
    let mut fx = Fixture::start().await;
    fx.ingest("stolen", &["AB12CDE"]);
    fx.publish();
    let mut devices = Vec::new();
    for n in 0..DEVICES {
        devices.push(fx.enrol(&format!("o{n}")).await);
    }
    for d in &devices {
        assert_eq!(d.grant().await.0.compartments.len(), 1);
    }
    fx.hub.policy_set_by("[roles.patrol]\ncompartments=[]\npurposes=['warrant']\n", 50, "a").unwrap();
    let mut lost = 0_u64;
    for d in &devices {
        let (grant, _) = d.grant().await;
        lost += u64::from(grant.compartments.is_empty());
        assert!(grant.compartments.is_empty() || grant.compartments[0].epochs.len() == 2, "the key moved on");
        assert_eq!(grant.compartments.is_empty(), grant.policy_version == 2);
    }
    assert!((1..DEVICES).contains(&lost));
    fx.stop().await;
}

#[test]
fn lint_says_what_is_wrong_and_what_is_odd() {
    let find = |text: &str| lint_policy(text, Some(2), None);
    let fields = |text: &str, level: Level| -> Vec<String> {
        find(text).into_iter().filter(|f| f.level == level).map(|f| f.field).collect()
    };
    assert!(fields(PLAIN, Level::Error).is_empty());
    let odd = fields(PLAIN, Level::Warning);
    for expected in [
        "unlock.pin_required",
        "limits.allow_desk_vault",
        "unusual_use",
        "limits.stale_withhold_hours",
        "unlock.idle_lock_minutes",
    ] {
        assert!(odd.iter().any(|f| f == expected), "{expected}: {odd:?}");
    }
    for (more, field) in [
        ("[limits]\nlease_hours=0", "limits.lease_hours"),
        ("[limits]\nmax_results=0", "limits.max_results"),
        ("[limits]\npossible_odds_bits=13", "limits.possible_odds_bits"),
        ("[limits]\njournal_max_bytes=1", "limits.journal_warn_bytes"),
        ("[limits]\njournal_keep_days=0", "limits.journal_keep_days"),
        ("[limits]\nstale_withhold_hours=0", "limits.stale_withhold_hours"),
        ("[unlock]\npin_min_length=99", "unlock.pin_min_length"),
        ("[unlock]\nwipe_after_attempts=0", "unlock.wipe_after_attempts"),
        ("[session]\nmax_hours=0", "session.max_hours"),
        ("[unusual_use]\nchecks_per_hour=0", "unusual_use.checks_per_hour"),
        ("[compartments.x]\nlease_hours=0", "compartments.x.lease_hours"),
        ("[break_glass]\ncompartments=[]\nminutes=1\ntimes=1", "break_glass.compartments"),
        ("[break_glass]\ncompartments=['*']\nminutes=1\ntimes=1", "break_glass.compartments"),
        ("[break_glass]\ncompartments=['x']\nminutes=0\ntimes=1", "break_glass.minutes"),
        ("[limits]\nlease_hour=1", "limits.lease_hour"),
        ("[roles.other]\ncompartments=[]\npurposes=[]", "roles.other.purposes"),
        ("[roles.' x']\ncompartments=[]\npurposes=['a']", "roles. x"),
    ] {
        let found = fields(&format!("{PLAIN}{more}\n"), Level::Error);
        let expected = if field == "roles. x" { "roles" } else { field };
        assert_eq!(found, [expected], "{more}");
    }
    for (more, field) in [
        ("[limits]\nlease_hours=999", "limits.lease_hours"),
        ("[unlock]\nwipe_after_attempts=2", "unlock.wipe_after_attempts"),
        ("[unusual_use]\nrefuse=true", "unusual_use.refuse"),
        ("[clock]\nreboot_allowance_minutes=0", "clock.reboot_allowance_minutes"),
        ("[clock]\nbehind_tolerance_s=9999", "clock.behind_tolerance_s"),
        ("[purposes.nothing]\nowes='reason'", "purposes.nothing"),
        ("[compartments.x]\nlease_hours=100", "compartments.x.lease_hours"),
        ("[session]\nmax_hours=48", "session.max_hours"),
    ] {
        let found = fields(&format!("{PLAIN}{more}\n"), Level::Warning);
        assert!(found.iter().any(|f| f == field), "{more}: {found:?}");
    }
    assert_eq!(fields(&format!("min_app_version='soon'\n{PLAIN}"), Level::Error), ["min_app_version"]);
    assert_eq!(fields(&format!("policy_version=1\n{PLAIN}"), Level::Error), ["policy_version"]);
    assert_eq!(fields("{", Level::Error), [""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lint_knows_this_hubs_compartments() {
    let mut fx = Fixture::start().await;
    fx.ingest("stolen", &["AB12CDE"]);
    let text = "[roles.patrol]\ncompartments=['stolen','stolne']\npurposes=['warrant']\n[compartments.away]\nlease_hours=1\n\
                [break_glass]\ncompartments=['stolen']\nminutes=30\ntimes=1\n";
    let found = fx.hub.policy_lint(text).unwrap();
    let unknown: Vec<_> =
        found.iter().filter(|f| f.text.contains("no compartment")).map(|f| f.field.as_str()).collect();
    assert_eq!(unknown, ["roles.patrol.compartments", "compartments.away"]);
    assert!(found.iter().all(|f| f.level == Level::Warning));
    fx.stop().await;
}

#[test]
fn a_diff_says_what_loosens() {
    let from = Policy::initial(Timestamp(0));
    let effect = |change: &dyn Fn(&mut Policy), field: &str| {
        let mut to = from.clone();
        to.policy_version = 2;
        change(&mut to);
        let (there, back) = (policy_diff(&from, &to), policy_diff(&to, &from));
        assert_eq!((there.len(), there[0].field.as_str()), (1, field), "{there:?}");
        assert_eq!((back.len(), &back[0].before, &back[0].after), (1, &there[0].after, &there[0].before));
        assert_ne!(there[0].before, there[0].after);
        (there[0].effect, back[0].effect)
    };
    let tighter = (Effect::Tightens, Effect::Loosens);
    let looser = (Effect::Loosens, Effect::Tightens);
    assert!(policy_diff(&from, &from).is_empty());
    assert_eq!(effect(&|p| p.limits.lease_hours = 8, "limits.lease_hours"), tighter);
    assert_eq!(effect(&|p| p.limits.stale_withhold_hours = Some(9), "limits.stale_withhold_hours"), tighter);
    assert_eq!(effect(&|p| p.limits.allow_desk_vault = false, "limits.allow_desk_vault"), tighter);
    assert_eq!(effect(&|p| p.limits.roaming_mb_per_day = None, "limits.roaming_mb_per_day"), looser);
    assert_eq!(effect(&|p| p.limits.late_hit_hours = 1, "limits.late_hit_hours").0, Effect::Changes);
    assert_eq!(effect(&|p| p.unlock.pin_required = true, "unlock.pin_required"), tighter);
    assert_eq!(effect(&|p| p.unlock.pin_min_length = 4, "unlock.pin_min_length"), looser);
    assert_eq!(effect(&|p| p.unlock.idle_lock_minutes = 5, "unlock.idle_lock_minutes"), tighter);
    assert_eq!(effect(&|p| p.unlock.wipe_after_attempts = Some(9), "unlock.wipe_after_attempts"), tighter);
    assert_eq!(effect(&|p| p.min_app_version = Some("1.10".into()), "min_app_version"), tighter);
    assert_eq!(effect(&|p| p.session.at_end = beatcheck_wire::policy::AtEnd::Erase, "session.at_end"), tighter);
    assert_eq!(effect(&|p| p.session.max_hours = Some(8), "session.max_hours"), tighter);
    assert_eq!(effect(&|p| p.clock.behind_tolerance_s = 600, "clock.behind_tolerance_s"), looser);
    assert_eq!(effect(&|p| p.unusual_use.checks_per_hour = Some(9), "unusual_use.checks_per_hour"), tighter);
    assert_eq!(effect(&|p| p.note = "x".into(), "note").0, Effect::Changes);
    let named = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let role = |p: &mut Policy, f: &dyn Fn(&mut Role)| f(p.roles.get_mut("patrol").unwrap());
    assert_eq!(effect(&|p| role(p, &|r| r.compartments = named(&["a", "b"])), "roles.patrol.compartments"), tighter);
    assert_eq!(effect(&|p| role(p, &|r| r.purposes.push("x".into())), "roles.patrol.purposes"), looser);
    assert_eq!(effect(&|p| role(p, &|r| r.hide = vec![Hidden::Address]), "roles.patrol.hide"), tighter);
    assert_eq!(effect(&|p| drop(p.roles.insert("new".into(), Role::default())), "roles.new"), looser);
    assert_eq!(
        effect(&|p| p.purposes.extend([("x".into(), PurposeRule { owes: Owes::Reason })]), "purposes.x.owes"),
        tighter
    );
    let glass = BreakGlass { compartments: vec!["stolen".into()], minutes: 5, times: 1 };
    assert_eq!(effect(&|p| p.break_glass = Some(glass.clone()), "break_glass"), looser);
    let own = |hours| beatcheck_wire::policy::CompartmentRule { lease_hours: Some(hours), ..Default::default() };
    assert_eq!(effect(&|p| p.compartments.extend([("x".into(), own(8))]), "compartments.x.lease_hours"), tighter);
    // Longer than that of all: nothing is another.
    let mut to = from.clone();
    to.compartments.insert("x".into(), own(100));
    assert!(policy_diff(&from, &to).is_empty());
}

#[test]
fn it_is_signed_without_a_hub() {
    let key = SigningKey::from_seed(&[5; 32]).unwrap();
    assert!(sign_policy(PLAIN, None, Timestamp(0), &key).is_err(), "no hub counts here");
    let signed = sign_policy(&format!("policy_version=7\n{PLAIN}"), None, Timestamp(5000), &key).unwrap();
    let policy = read_signed_policy(&signed).unwrap();
    assert_eq!((policy.policy_version, policy.issued), (7, Timestamp(5000)));
    assert!(open_bytes(DocKind::Policy, &signed, &[key.verify_key()]).is_ok());
    assert!(
        open::<Policy>(DocKind::Policy, &signed, &[SigningKey::from_seed(&[6; 32]).unwrap().verify_key()]).is_err()
    );
}

#[test]
fn the_example_in_docs_can_be_signed() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policy.md")).unwrap();
    let block = docs.split("\n\n").skip_while(|p| !p.starts_with("    note =")).take_while(|p| p.starts_with("    "));
    let text = block.collect::<Vec<_>>().join("\n").replace("\n    ", "\n");
    assert!(text.contains("idle_lock_minutes"), "{text}");
    let found = lint_policy(text.trim_start(), Some(2), None);
    assert!(found.iter().all(|f| f.level == Level::Warning), "{found:?}");
}
