//! What somebody tries who holds the phone, or a key that they should not have; and what comes of it.
//!
//! | attack | test |
//! |---|---|
//! | an older policy, replayed | `enforce_mdm::a_policy_by_hand_moves_forward_only`, `policy_fields::field_policy_version`, `machine` |
//! | a policy signed by another key | `enforce_mdm::a_policy_by_hand_moves_forward_only`, `core/sync/tests/refusals` |
//! | the clock set back, forward, forward and back | `enforce_time::within_a_boot_no_setting_of_the_clock_moves_a_lease` |
//! | restarts, again and again | `enforce_time::a_loop_of_restarts_spends_the_allowance` |
//! | the home copied to another machine | `session::a_copied_home_opens_nowhere_else` |
//! | two compartments' files swapped | here |
//! | yesterday's files put back | `rollback` |
//! | an entry of the account edited in place | here (device), `hub/tests/account.rs` (hub) |
//! | the account's tail cut off | `rollback` |
//! | the PIN guessed through the interface | `session::each_guess_costs_the_vault_an_operation_and_they_are_counted`, `session::older_files_do_not_give_tries_back` |
//! | a role used for another's compartment | here |

use crate::support::{List, TestHub, check, sync, vrm};
use beatcheck::{ApiError, CoverageState, Outcome};
use std::path::{Path, PathBuf};

fn record_files(home: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(home.join("records")).unwrap().flatten().map(|e| e.path());
    let mut out: Vec<PathBuf> = all.filter(|p| p.extension().is_some_and(|x| x == "db")).collect();
    out.sort();
    out
}

#[test]
fn two_compartments_files_swapped_answer_nothing_wrong() {
    let hub = TestHub::start();
    hub.ingest(&List::vehicles("stolen", "stolen").car("AA11AAA", "Red")).unwrap();
    hub.publish(&List::vehicles("other", "other").car("BB22BBB", "Blue"));
    let device = hub.enrol("phone");
    sync(&device);
    drop(device);
    let home = hub.path("phone");
    let files = record_files(&home);
    assert_eq!(files.len(), 2);
    let beside = files[0].with_extension("away");
    std::fs::rename(&files[0], &beside).unwrap();
    std::fs::rename(&files[1], &files[0]).unwrap();
    std::fs::rename(&beside, &files[1]).unwrap();
    for file in &files {
        for suffix in ["-wal", "-shm"] {
            let mut name = file.clone().into_os_string();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
    }
    let device = hub.reopen("phone").unwrap();
    for mark in ["AA11AAA", "BB22BBB"] {
        let a = check(&device, mark);
        // Each has its own key: neither opens under the other's name, and the answer says what is missing.
        assert_eq!(a.outcome, Outcome::CannotSay, "{}", a.text);
        assert!(a.coverage.iter().all(|c| c.state == CoverageState::Missing), "{}", a.text);
    }
    sync(&device);
    let a = check(&device, "AA11AAA");
    assert_eq!((a.outcome, a.hits[0].source.as_str()), (Outcome::Hit, "stolen"), "fetched anew");
}

#[test]
fn an_entry_of_the_account_edited_in_place_is_found() {
    let hub = TestHub::start();
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol("phone");
    sync(&device);
    (0..40).for_each(|_| drop(check(&device, "AA11AAA")));
    drop(device);
    let journal = hub.path("phone").join("journal.db");
    for beside in ["journal.db-wal", "journal.db-shm"] {
        assert!(!hub.path("phone").join(beside).exists(), "closed: all of it is in one file");
    }
    let whole = std::fs::read(&journal).unwrap();
    // Every page bears a code under the file's key: whichever is edited, reading it says so.
    let mut found = 0;
    for at in (2048..whole.len()).step_by(4096) {
        let mut edited = whole.clone();
        edited[at] ^= 1;
        std::fs::write(&journal, &edited).unwrap();
        let said = match hub.reopen("phone") {
            Err(e) => matches!(e, ApiError::Storage { .. }),
            Ok(device) => match device.sync() {
                Err(_) => true,
                // Nothing of the page was needed: then nothing of it was sent, or what was sent follows from what was.
                Ok(report) => report.fault.is_some() || report.journal_pending > 0,
            },
        };
        found += u32::from(said);
    }
    assert!(found > 0, "no edit was found");
    assert!(hub.hub.verify_journal().unwrap().iter().all(|c| c.unbroken), "and none has reached the hub");
}

#[test]
fn a_role_does_not_open_anothers_compartment() {
    let hub = TestHub::start();
    let policy = "[roles.patrol]\ncompartments = ['cars']\npurposes = ['traffic_stop']\n\
                  [roles.detective]\ncompartments = ['cars', 'secret']\npurposes = ['traffic_stop']\n";
    hub.hub.policy_set(policy).unwrap();
    hub.ingest(&List::vehicles("cars", "cars").car("AA11AAA", "Red")).unwrap();
    hub.publish(&List::vehicles("secret", "secret").car("SS11SSS", "Black"));
    let vault = hub.vault("detective");
    let options = hub.options_for("detective", "officer-1", "detective");
    let detective = beatcheck::Device::enrol(options, vault).unwrap();
    let patrol = hub.enrol("patrol");
    sync(&detective);
    sync(&patrol);
    assert_eq!(check(&detective, "SS11SSS").outcome, Outcome::Hit);
    let none = check(&patrol, "SS11SSS");
    assert_eq!(none.outcome, Outcome::NoTrace);
    assert!(none.coverage.iter().all(|c| c.compartment == "cars"), "not even named");

    // The file itself, carried over: no key of this device opens it.
    let (from, to) = (hub.path("detective"), hub.path("patrol"));
    for file in record_files(&from) {
        std::fs::copy(&file, to.join("records").join(file.file_name().unwrap())).unwrap();
    }
    drop(patrol);
    let patrol = hub.reopen("patrol").unwrap();
    assert!(patrol.check_vehicle(vrm("SS11SSS"), "traffic_stop".into()).unwrap().hits.is_empty());
    sync(&patrol);
    assert_eq!(record_files(&to).len(), 1, "and it is swept away");

    // Taken from the role: gone from who had it.
    hub.hub.policy_set(&policy.replace("['cars', 'secret']", "['cars']")).unwrap();
    assert_eq!(sync(&detective).withdrawn, ["secret"]);
    assert_eq!(check(&detective, "SS11SSS").outcome, Outcome::NoTrace);
}
