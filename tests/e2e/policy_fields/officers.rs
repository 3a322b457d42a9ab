//! Fields about the officer: unlocking, shifts, the clock, use that is out of the ordinary, break-glass.

use super::{HOUR, MARK, PIN, World, code, rules, shown_by, shown_offline};
use beatcheck_client::{ClientError, Clock, Unlock};
use beatcheck_model::{Answer, Outcome};

#[test]
fn field_unlock_pin_required() {
    shown_by("", "[unlock]\npin_required = true\n", None, &|w| code(&w.check(MARK)) == "pin_needed");
}

#[test]
fn field_unlock_pin_min_length() {
    shown_by("", "[unlock]\npin_min_length = 8\n", Some(PIN), &|w| code(&w.check(MARK)) == "pin_needed");
}

#[test]
fn field_unlock_biometric_allowed() {
    let mut w = World::begun(&rules(""), Some(PIN));
    w.device.set_biometric(true).unwrap();
    w.push(&rules("[unlock]\nbiometric_allowed = false\n"), &|w| !w.device.status().unwrap().unlock.biometric);
    w.offline();
    let w = w.reopened(None);
    let forbidden = |r: Result<(), ClientError>| assert_eq!(r.unwrap_err().code(), "biometric_forbidden");
    forbidden(w.device.unlock(Unlock::Biometric));
    w.device.unlock(Unlock::Pin(PIN)).unwrap();
    forbidden(w.device.set_biometric(true));
    assert!(!w.device.status().unwrap().unlock.biometric_allowed);
}

#[test]
fn field_unlock_idle_lock_minutes() {
    shown_offline("", "[unlock]\nidle_lock_minutes = 5\n", Some(PIN), &|w| {
        w.pass(6 * 60);
        code(&w.check(MARK)) == "locked"
    });
}

/// What a wrong PIN leads to, after so many.
fn after_wrong(w: &World, tries: u32) -> Option<ClientError> {
    w.device.lock("officer").unwrap();
    let mut last = None;
    for _ in 0..=tries {
        last = w.device.unlock(Unlock::Pin("000000")).err();
    }
    last
}

#[test]
fn field_unlock_free_attempts() {
    shown_offline("", "[unlock]\nfree_attempts = 2\n", Some(PIN), &|w| {
        matches!(after_wrong(w, 2), Some(ClientError::PinWait { .. }))
    });
}

#[test]
fn field_unlock_backoff_s() {
    let first = "[unlock]\nfree_attempts = 1\n";
    shown_offline(first, "[unlock]\nfree_attempts = 1\nbackoff_s = 600\n", Some(PIN), &|w| {
        matches!(after_wrong(w, 1), Some(ClientError::PinWait { seconds: 500.. }))
    });
}

#[test]
fn field_unlock_wipe_after_attempts() {
    let wide = "[unlock]\nfree_attempts = 50\n";
    shown_offline(wide, "[unlock]\nfree_attempts = 50\nwipe_after_attempts = 2\n", Some(PIN), &|w| {
        matches!(after_wrong(w, 1), Some(ClientError::Wiped))
    });
}

#[test]
fn field_session_shift_key() {
    shown_by("", "[session]\nshift_key = true\n", Some(PIN), &|w| code(&w.check(MARK)) == "shift_needed");
}

#[test]
fn field_session_identity_at_start() {
    let mut w = World::begun(&rules(""), Some(PIN));
    w.push(&rules("[session]\nidentity_at_start = true\n"), &|w| w.device.shift_start(None).is_err());
    assert_eq!(code(&w.check(MARK)), "shift_needed");
    w.offline();
    assert_eq!(code(&w.reopened(Some(PIN)).check(MARK)), "shift_needed");
}

#[test]
fn field_session_max_hours() {
    let mut w = World::begun(&rules("[session]\nshift_key = true\n"), Some(PIN));
    w.push(&rules("[session]\nshift_key = true\nmax_hours = 2\n"), &|_| true);
    let shift = w.device.shift_start(None).unwrap();
    assert_eq!(shift.ends, w.clock.now().plus_secs(2 * HOUR));
    w.offline();
    let w = w.reopened(Some(PIN));
    assert_eq!(w.check(MARK).outcome, Outcome::Hit);
    w.pass(2 * HOUR + 1);
    assert_eq!(code(&w.check(MARK)), "locked");
    assert!(w.device.shift().is_none());
}

#[test]
fn field_session_at_end() {
    let mut w = World::begun(&rules("[session]\nshift_key = true\n"), Some(PIN));
    w.push(&rules("[session]\nshift_key = true\nat_end = 'erase'\n"), &|_| true);
    w.device.shift_start(None).unwrap();
    w.offline();
    let w = w.reopened(Some(PIN));
    let files = |w: &World| std::fs::read_dir(w.hub.path("phone").join("records")).map_or(0, |d| d.flatten().count());
    assert!(files(&w) > 0);
    w.device.shift_end("officer").unwrap();
    assert_eq!(files(&w), 0);
}

#[test]
fn field_clock_reboot_allowance_minutes() {
    shown_offline("", "[clock]\nreboot_allowance_minutes = 10\n", None, &|w| {
        w.clock.reboot();
        w.pass(20 * 60);
        code(&w.check(MARK)) == "clock_unsure"
    });
}

#[test]
fn field_clock_behind_tolerance_s() {
    shown_offline("", "[clock]\nbehind_tolerance_s = 5\n", None, &|w| {
        w.clock.turn(w.clock.now().plus_secs(-60));
        code(&w.check(MARK)) == "clock_behind"
    });
}

fn noted(w: &World, marks: &[&str], what: &str) -> bool {
    let answers: Vec<Answer> = marks.iter().map(|m| w.check(m)).collect();
    answers.last().is_some_and(|a| a.notes.iter().any(|n| n.code == what))
}

#[test]
fn field_unusual_use_checks_per_hour() {
    let asked = [MARK, "AB13CDE", "AB14CDE"];
    shown_offline("", "[unusual_use]\nchecks_per_hour = 2\n", None, &|w| noted(w, &asked, "many_checks"));
}

#[test]
fn field_unusual_use_same_subject_per_day() {
    let asked = [MARK, "ab12 cde", MARK];
    shown_offline("", "[unusual_use]\nsame_subject_per_day = 2\n", None, &|w| noted(w, &asked, "same_subject"));
}

#[test]
fn field_unusual_use_refuse() {
    let flag = "[unusual_use]\nchecks_per_hour = 2\n";
    shown_offline(flag, "[unusual_use]\nchecks_per_hour = 2\nrefuse = true\n", None, &|w| {
        (0..3).map(|_| w.check(MARK)).last().is_some_and(|a| code(&a) == "unusual_use")
    });
}

fn glass(compartments: &str, minutes: u32, times: u32) -> String {
    format!("[break_glass]\ncompartments = ['{compartments}']\nminutes = {minutes}\ntimes = {times}\n")
}

#[test]
fn field_break_glass_compartments() {
    shown_offline("", &glass("cars", 60, 1), None, &|w| {
        w.pass(73 * HOUR);
        let opened = w.device.break_glass("a stop without signal").is_ok();
        let none = w.ask(|q| q.name = Some("Roisin Connors".into()));
        opened && w.check(MARK).outcome == Outcome::Hit && none.outcome == Outcome::CannotSay
    });
}

#[test]
fn field_break_glass_minutes() {
    shown_offline(&glass("cars", 600, 1), &glass("cars", 30, 1), None, &|w| {
        w.pass(73 * HOUR);
        w.device.break_glass("a stop without signal").unwrap();
        w.pass(31 * 60);
        code(&w.check(MARK)) == "lease_ended"
    });
}

#[test]
fn field_break_glass_times() {
    shown_offline(&glass("cars", 1, 5), &glass("cars", 1, 1), None, &|w| {
        w.pass(73 * HOUR);
        w.device.break_glass("a stop without signal").unwrap();
        w.pass(61);
        w.device.break_glass("another").is_err()
    });
}
