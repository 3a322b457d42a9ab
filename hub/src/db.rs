//! The hub's database: SQLCipher, its key in a file of its own, numbered migrations.

use crate::HubError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

/// In order; a database knows how many it has had (`user_version`). Never edit one that has landed: add one.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/001_records.sql"),
    include_str!("../migrations/002_devices.sql"),
    include_str!("../migrations/003_variants.sql"),
    include_str!("../migrations/004_relays.sql"),
    include_str!("../migrations/005_catalogue.sql"),
    include_str!("../migrations/006_policy_orders.sql"),
    include_str!("../migrations/007_identity.sql"),
    include_str!("../migrations/008_account.sql"),
    include_str!("../migrations/009_console.sql"),
    include_str!("../migrations/010_kept_account.sql"),
    include_str!("../migrations/011_account_lag.sql"),
];

/// Tries of [`ready`], a millisecond apart.
const READY_TRIES: u32 = 5_000;

/// Waits, once a process, until SQLCipher is ready: SQLite calls itself initialised before SQLCipher is, and a second
/// thread that opens a database in that moment cannot set its key. (The device's store has the same, for itself: hub
/// and store share no code that knows SQLite.)
fn ready() {
    static READY: Once = Once::new();
    READY.call_once(|| {
        for _ in 0..READY_TRIES {
            if Connection::open_in_memory().is_ok_and(|c| c.pragma_update(None, "key", "ready").is_ok()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Opens the database with its raw key, with so much of a cache.
pub(crate) fn connect(path: &Path, key: &[u8; 32], cache_kib: u32) -> Result<Connection, HubError> {
    ready();
    let conn = Connection::open(path)?;
    let hex: zeroize::Zeroizing<String> = zeroize::Zeroizing::new(key.iter().map(|b| format!("{b:02x}")).collect());
    conn.pragma_update(None, "key", format!("x'{}'", *hex))?;
    conn.execute_batch(&format!(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;
         PRAGMA busy_timeout=30000; PRAGMA cache_size=-{cache_kib}; PRAGMA secure_delete=ON;",
    ))?;
    Ok(conn)
}

/// Brings the schema up to date.
pub(crate) fn migrate(conn: &mut Connection) -> Result<(), HubError> {
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let done: usize = tx.pragma_query_value(None, "user_version", |r| r.get(0))?;
    if done > MIGRATIONS.len() {
        return Err(HubError::Refused("this hub's data was written by a newer version: use that one".into()));
    }
    for sql in &MIGRATIONS[done..] {
        tx.execute_batch(sql)?;
    }
    tx.pragma_update(None, "user_version", MIGRATIONS.len())?;
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_database_of_two_kinds_takes_in_the_third() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let add = |conn: &Connection, n: u8, kind: &str| {
            conn.execute(
                "INSERT INTO compartment(id,name,source,kind,title,offline_allowed,warnings,as_of,digest)
                 VALUES(?1,?2,?2,?3,'',1,0,0,x'')",
                (vec![n; 16], format!("c{n}"), kind),
            )
        };
        let conn = connect(&path, &[7; 32], 64).unwrap();
        MIGRATIONS[..2].iter().for_each(|sql| conn.execute_batch(sql).unwrap());
        conn.pragma_update(None, "user_version", 2).unwrap();
        add(&conn, 1, "person").unwrap();
        conn.execute("INSERT INTO policy (version, signed, set_at) VALUES (1, x'00', 0)", []).unwrap();
        assert!(add(&conn, 2, "variant").is_err(), "not before the migration");
        drop(conn);
        migrate(&mut connect(&path, &[7; 32], 64).unwrap()).unwrap();
        let conn = connect(&path, &[7; 32], 64).unwrap();
        add(&conn, 2, "variant").unwrap();
        assert!(add(&conn, 3, "boat").is_err(), "the check still stands");
        let share: u32 = conn.query_row("SELECT share FROM policy", [], |r| r.get(0)).unwrap();
        assert_eq!(share, 100, "what was in force before there were stages is in force for all");
        let count: u32 = conn.query_row("SELECT COUNT(*) FROM compartment", [], |r| r.get(0)).unwrap();
        let sound: String = conn.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
        assert_eq!((count, sound.as_str()), (2, "ok"));
    }
}
