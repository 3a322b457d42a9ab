//! Clocks that are set back, forward, and forward and back, and restarts.

use crate::enforce::{HOUR, MARK, begun, cars, code, rules};
use crate::support::{core_check, core_sync, events};
use beatcheck_model::Outcome;

#[test]
fn within_a_boot_no_setting_of_the_clock_moves_a_lease() {
    let (start, hub, clock, device) = begun(&rules("", ""), &[cars()]);
    let at = |hours: i64| start.plus_secs(hours * HOUR);
    clock.turn(at(-1));
    for _ in 0..2 {
        let behind = core_check(&device, MARK);
        assert_eq!(code(&behind), "clock_behind", "{}", behind.text);
        assert!(behind.hits.is_empty() && behind.text.contains("set it right"), "{}", behind.text);
    }
    assert_eq!(device.status().unwrap().clock.state, "behind");
    for wall in [0, 10_000, 1, 900, 0] {
        clock.turn(at(wall));
        assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit, "forward and back: {wall}");
    }
    clock.turn(at(1));
    clock.set(at(74));
    assert_eq!(code(&core_check(&device, MARK)), "lease_ended", "73 hours have passed");
    for wall in [1, 10_000, 1] {
        clock.turn(at(wall));
        assert_eq!(code(&core_check(&device, MARK)), "lease_ended", "{wall}");
    }
    let name = device.status().unwrap().device;
    drop(device);
    let device = hub.open_core("phone", &clock);
    assert_eq!(code(&core_check(&device, MARK)), "lease_ended", "opened again");
    core_sync(&device);
    let account = hub.account(&name);
    assert_eq!(events(&account, "clock_behind").len(), 1, "once until it was right again");
    assert!(account.iter().skip(1).all(|e| e["not_before"].is_string()), "{account:?}");
}

#[test]
fn a_restart_does_not_give_time_back() {
    let (start, hub, clock, device) = begun(&rules("", ""), &[cars()]);
    clock.set(start.plus_secs(70 * HOUR));
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
    drop(device);
    clock.reboot();
    clock.turn(start);
    let device = hub.open_core("phone", &clock);
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit, "not more than the 70 hours that were known");
    clock.set(start.plus_secs(3 * HOUR));
    assert_eq!(code(&core_check(&device, MARK)), "lease_ended", "70 and three more, whatever the clock says");
    // Set far ahead after a restart, it is believed, and stays so until the hub is heard of.
    clock.turn(start.plus_secs(9000 * HOUR));
    assert_eq!(code(&core_check(&device, MARK)), "lease_ended");
    clock.turn(start);
    assert!(core_sync(&device).complete, "the hub's word stands against what the clock made believe");
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
}

#[test]
fn a_loop_of_restarts_spends_the_allowance() {
    let policy = rules("", "[clock]\nreboot_allowance_minutes = 10\n");
    let (_, hub, clock, device) = begun(&policy, &[cars()]);
    drop(device);
    for n in 1..=11 {
        clock.reboot();
        let device = hub.open_core("phone", &clock);
        let a = core_check(&device, MARK);
        assert_eq!(code(&a), if n <= 10 { "" } else { "clock_unsure" }, "restart {n}: {}", a.text);
    }
    let device = hub.open_core("phone", &clock);
    assert_eq!(code(&core_check(&device, MARK)), "clock_unsure", "opening again costs and gives nothing");
    assert_eq!(device.status().unwrap().clock.state, "unsure");
    assert!(core_sync(&device).complete);
    assert_eq!(core_check(&device, MARK).outcome, Outcome::Hit);
}
