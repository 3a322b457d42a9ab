//! Making a hub: what is there afterwards, and what a second or an interrupted attempt does.
#![allow(clippy::unwrap_used)]

use beatcheck_hub::{Hub, HubError, InitOptions, SystemClock};
use std::sync::Arc;

fn init(dir: &std::path::Path) -> Result<Hub, HubError> {
    Hub::init(dir, &InitOptions::default(), Arc::new(SystemClock))
}

#[test]
fn a_hub_is_made_once_and_privately() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("new/hub");
    let hub = init(&data).unwrap();
    let (policy, _) = hub.policy_current().unwrap();
    assert_eq!(policy.roles["patrol"].compartments, ["*"]);
    let copy: serde_json::Value = serde_json::from_slice(&std::fs::read(data.join("policy.json")).unwrap()).unwrap();
    assert_eq!(copy["policy_version"], 1);
    assert!(matches!(init(&data), Err(HubError::AlreadyAHub { .. })));
    assert_eq!(hub.status().unwrap().policy_version, 1);
    assert!(Hub::open(&data, Arc::new(SystemClock)).is_ok());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |p: std::path::PathBuf| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(data.clone()), mode(data.join("keys"))), (0o700, 0o700));
        let mut n = 0;
        for key in std::fs::read_dir(data.join("keys")).unwrap() {
            assert_eq!(mode(key.unwrap().path()), 0o600);
            n += 1;
        }
        assert_eq!(n, 9);
    }
    // The database is no plain SQLite file.
    assert!(!std::fs::read(data.join("hub.db")).unwrap().starts_with(b"SQLite"));
}

#[test]
fn an_interrupted_attempt_is_begun_again_and_lost_keys_are_not() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path()).unwrap();
    std::fs::rename(dir.path().join("keys"), dir.path().join("keys.partial")).unwrap();
    assert!(matches!(Hub::open(dir.path(), Arc::new(SystemClock)), Err(HubError::NotAHub { .. })));
    init(dir.path()).unwrap();
    assert!(!dir.path().join("keys.partial").exists());

    std::fs::rename(dir.path().join("keys"), dir.path().join("elsewhere")).unwrap();
    let refused = init(dir.path()).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("but not its keys"), "{refused}");
    std::fs::rename(dir.path().join("elsewhere"), dir.path().join("keys")).unwrap();
    assert!(Hub::open(dir.path(), Arc::new(SystemClock)).is_ok());
}
