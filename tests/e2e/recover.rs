//! A lost hardware key: the device becomes another one, and what it had not sent reaches the account all the same.

use crate::support::{List, TestHub, check, events, sync};
use beatcheck::ApiError;
use beatcheck_client as client;
use beatcheck_hub::JournalFilter;
use beatcheck_wire::DeviceId;
use std::path::Path;

fn kept(home: &Path) -> usize {
    std::fs::read_dir(home).unwrap().flatten().filter(|e| e.file_name().to_string_lossy().starts_with("kept-")).count()
}

/// A device with three checks that were not sent, and no hardware key any more; its name.
fn lost(hub: &mut TestHub) -> String {
    hub.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    let device = hub.enrol("phone");
    sync(&device);
    let id = device.status().unwrap().device;
    hub.stop();
    (0..3).for_each(|_| drop(check(&device, "AA11AAA")));
    drop(device);
    let home = hub.path("phone");
    let whole = client::Device::recover(&home, hub.core_vault("phone")).unwrap_err();
    assert_eq!(whole.code(), "not_lost");
    assert!(hub.reopen("phone").is_ok(), "and nothing was touched");
    for e in std::fs::read_dir(home.join("vault")).unwrap().flatten() {
        if e.file_name().to_string_lossy().starts_with("wrap-") {
            std::fs::remove_file(e.path()).unwrap();
        }
    }
    let gone = hub.reopen("phone").err().unwrap();
    assert!(matches!(&gone, ApiError::Storage { code, .. } if code == "vault"), "{gone:?}");
    hub.serve();
    id
}

#[test]
fn a_lost_key_loses_no_account() {
    let mut hub = TestHub::start();
    let old = lost(&mut hub);
    let home = hub.path("phone");
    let recovered = client::Device::recover(&home, hub.core_vault("phone")).unwrap();
    assert_eq!(recovered.device.as_deref(), Some(old.as_str()));
    assert!(recovered.kept_bytes > 0);
    for gone in ["keyring.bin", "state.db", "journal.db", "journal-escrow.bin", "records", "staging"] {
        assert!(!home.join(gone).exists(), "{gone} is still there");
    }
    assert_eq!(kept(&home), 1);
    for dir in [home.join("kept-account-0")] {
        for file in std::fs::read_dir(dir).unwrap().flatten() {
            let bytes = std::fs::read(file.path()).unwrap();
            for secret in [&b"AA11AAA"[..], b"officer-", b"traffic_stop"] {
                assert!(!bytes.windows(secret.len()).any(|w| w == secret), "{:?} tells", file.path());
            }
        }
    }
    let again = client::Device::recover(&home, hub.core_vault("phone")).unwrap_err();
    assert_eq!(again.code(), "not_enrolled");

    let device = hub.enrol("phone");
    let new = device.status().unwrap().device;
    assert_ne!(new, old);
    sync(&device);
    assert_eq!(kept(&home), 0, "it was handed in");
    let here = hub.hub.kept_accounts().unwrap();
    assert!(here[0].former == old && here[0].device == new && here[0].complete.is_some() && here[0].opened.is_none());
    let before = hub.account(&old).len();
    let opened = hub.hub.recover_kept().unwrap();
    assert_eq!((opened[0].problem.as_deref(), opened[0].entries.unwrap() >= 3), (None, true), "{opened:?}");
    let account = hub.account(&old);
    assert_eq!(account.len() as u64, before as u64 + opened[0].entries.unwrap());
    assert_eq!(events(&account, "check").len(), 3);
    let device_id = DeviceId::from_hex(&old);
    let rows = hub.hub.journal(&JournalFilter { device: device_id, ..JournalFilter::default() }).unwrap();
    assert!(rows.iter().all(|r| r.unsigned == (r.seq > before as u64)), "they are marked");
    // Again brings nothing, and the copy is gone.
    assert_eq!(hub.hub.recover_kept().unwrap()[0].entries, opened[0].entries);
    assert_eq!(std::fs::read_dir(hub.hub.dir().join("kept")).unwrap().count(), 0);
    let account = hub.account(&new);
    let succeeds = events(&account, "succeeds");
    assert_eq!((succeeds.len(), succeeds[0]["device"].as_str()), (1, Some(old.as_str())));
    assert_eq!(succeeds[0]["kept_bytes"].as_u64(), Some(recovered.kept_bytes));
    check(&device, "AA11AAA");
}

#[test]
fn nobody_hands_in_the_account_of_another_officers_device() {
    let mut hub = TestHub::start();
    let old = lost(&mut hub);
    let home = hub.path("phone");
    client::Device::recover(&home, hub.core_vault("phone")).unwrap();
    let options = hub.options_for("phone", "officer-else", "patrol");
    let device = beatcheck::Device::enrol(options, hub.vault("phone")).unwrap();
    sync(&device);
    assert_eq!(kept(&home), 1, "it stays for the one whose it is");
    assert!(hub.hub.kept_accounts().unwrap().is_empty());
    assert_eq!(events(&hub.account(&old), "check").len(), 0);
}

#[test]
fn an_account_that_was_altered_is_not_taken() {
    let mut hub = TestHub::start();
    let old = lost(&mut hub);
    let home = hub.path("phone");
    client::Device::recover(&home, hub.core_vault("phone")).unwrap();
    let journal = home.join("kept-account-0/journal.db");
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let device = hub.enrol("phone");
    sync(&device);
    let before = hub.account(&old).len();
    let opened = hub.hub.recover_kept().unwrap();
    // A page that nothing reads may have been hit: then all of it is there, and whole.
    match &opened[0].problem {
        Some(_) => assert_eq!(hub.account(&old).len(), before),
        None => assert_eq!(events(&hub.account(&old), "check").len(), 3),
    }
}
