//! Kept accounts: what a device whose hardware key was lost had not sent, handed in by the device that it became.
//!
//! Taking in needs no audit key: pieces are written one behind the other, and only for a device that the same officer had.
//! Opening needs it. The journal file is opened with the key in escrow, its entries must continue the chain that the hub
//! holds of the old device, and they are marked: the chain says that they belong together, and no signature of the old
//! device says that it sent them.

use crate::enrol::Device;
use crate::serve::{ApiError, wrong_protocol};
use crate::{Hub, HubError};
use axum::http::StatusCode;
use beatcheck_audit::AuditKeyPair;
use beatcheck_model::Timestamp;
use beatcheck_wire::journal::{MAX_ENTRY_BYTES, SealedEntry, verify_chain};
use beatcheck_wire::kept::{KeptAck, KeptChunk, VERSION};
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A kept account, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptAccount {
    /// The device whose account it is, in hexadecimal.
    pub former: String,
    /// The device that handed it in.
    pub device: String,
    /// Bytes of it.
    pub bytes: u64,
    /// When it was here as a whole; none: it is still coming.
    pub complete: Option<Timestamp>,
    /// When it was opened.
    pub opened: Option<Timestamp>,
    /// Entries that it brought which the hub did not have.
    pub entries: Option<u64>,
    /// Why it could not be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A row of `kept_account`.
struct Row {
    former: DeviceId,
    device: DeviceId,
    escrow: Vec<u8>,
    sizes: [u64; 2],
    complete: Option<Timestamp>,
    opened: Option<Timestamp>,
    entries: Option<u64>,
}

impl Row {
    fn of(r: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            former: CompartmentId(r.get(0)?),
            device: CompartmentId(r.get(1)?),
            escrow: r.get(2)?,
            sizes: [r.get(3)?, r.get(4)?],
            complete: r.get::<_, Option<i64>>(5)?.map(Timestamp),
            opened: r.get::<_, Option<i64>>(6)?.map(Timestamp),
            entries: r.get(7)?,
        })
    }

    const fn bytes(&self) -> u64 {
        self.sizes[0] + self.sizes[1]
    }
}

const COLUMNS: &str = "former, device, escrow, journal, wal, complete, opened, entries";

impl Hub {
    fn kept_file(&self, former: DeviceId) -> PathBuf {
        self.dir().join("kept").join(format!("{former}.account"))
    }

    /// Takes in a piece; twice the same is the same as once.
    pub(crate) fn take_kept(&self, device: &Device, chunk: &KeptChunk) -> Result<KeptAck, ApiError> {
        if chunk.version != VERSION {
            return Err(wrong_protocol());
        }
        if !chunk.is_sound() {
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the piece is over its limits"));
        }
        let total = chunk.journal + chunk.wal;
        let mut conn = self.conn()?;
        // Held while the file grows: pieces come one after the other.
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let same_officer = "SELECT EXISTS (SELECT 1 FROM device f, device d
             WHERE f.id = ?1 AND d.id = ?2 AND f.id <> d.id AND f.officer = d.officer AND f.enrolled <= d.enrolled)";
        if !tx.query_row(same_officer, [chunk.former.0, device.id.0], |r| r.get::<_, bool>(0))? {
            let text = "the account is of no device that this officer had before";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "not_succeeding", text));
        }
        tx.execute(
            "INSERT OR IGNORE INTO kept_account (former, device, escrow, journal, wal, begun)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![chunk.former.0, device.id.0, chunk.escrow, chunk.journal, chunk.wal, self.now().0],
        )?;
        let row = kept(&tx, chunk.former)?.ok_or_else(|| ApiError::not_found("kept account"))?;
        if row.device != device.id || row.escrow != chunk.escrow || row.sizes != [chunk.journal, chunk.wal] {
            let text = "another account of that device was handed in, or is being";
            return Err(ApiError::new(StatusCode::CONFLICT, "kept_conflict", text));
        }
        if row.complete.is_some() {
            return Ok(KeptAck { have: total });
        }
        let have = append(&self.kept_file(chunk.former), chunk)?;
        if have == total {
            tx.execute(
                "UPDATE kept_account SET complete = ?2 WHERE former = ?1",
                params![chunk.former.0, self.now().0],
            )?;
            tracing::info!(former = %chunk.former, device = %device.id, "a kept account was handed in");
        }
        tx.commit()?;
        Ok(KeptAck { have })
    }

    /// Accounts that were handed in, or are being, the oldest first.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn kept_accounts(&self) -> Result<Vec<KeptAccount>, HubError> {
        Ok(self.kept_rows()?.into_iter().map(|row| shown(&row, None)).collect())
    }

    /// Opens with the audit key what was handed in and not opened yet, and adds its entries, marked, to the old device's
    /// account. What could not be opened stays where it is.
    ///
    /// # Errors
    /// [`HubError::Key`] if the audit key is elsewhere; [`HubError::Db`]. An account that cannot be opened is a result.
    pub fn recover_kept(&self) -> Result<Vec<KeptAccount>, HubError> {
        let keys = self.keys()?;
        let mut out = Vec::new();
        for mut row in self.kept_rows()? {
            let mut problem = None;
            if row.complete.is_some() && row.opened.is_none() {
                match self.open_kept(&row, &keys.audit) {
                    Ok(entries) => (row.entries, row.opened) = (Some(entries), Some(self.now())),
                    Err(e) => problem = Some(e.to_string()),
                }
            }
            out.push(shown(&row, problem));
        }
        Ok(out)
    }

    fn kept_rows(&self) -> Result<Vec<Row>, HubError> {
        let conn = self.conn()?;
        let mut stmt = conn.prepare(&format!("SELECT {COLUMNS} FROM kept_account ORDER BY begun, former"))?;
        let rows = stmt.query_map([], Row::of)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn open_kept(&self, row: &Row, audit: &AuditKeyPair) -> Result<u64, HubError> {
        let refused = |text: &str| HubError::Refused(text.to_owned());
        let key = beatcheck_audit::open_key(&row.escrow, audit, row.former)
            .map_err(|_| refused("the key in escrow was not sealed to this hub's audit key for that device"))?;
        let kept = self.kept_file(row.former);
        let work = tempdir(&kept)?;
        let entries = part(&kept, &work, row.sizes).and_then(|()| read_entries(&work.join(JOURNAL), &key));
        let gone = std::fs::remove_dir_all(&work);
        let entries = entries?;
        gone.map_err(HubError::io("removing a copy"))?;
        let now = self.now();
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let end: (u64, [u8; 32]) =
            tx.query_row("SELECT acked_seq, chain FROM device WHERE id = ?1", [row.former.0], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })?;
        let known = entries.partition_point(|e| e.seq <= end.0);
        for e in &entries[..known] {
            let sql = "SELECT hash FROM journal WHERE device = ?1 AND seq = ?2";
            let held: Option<[u8; 32]> = tx.query_row(sql, params![row.former.0, e.seq], |r| r.get(0)).optional()?;
            if held.is_some_and(|h| h != e.hash) {
                return Err(refused("it tells entries otherwise that are held"));
            }
        }
        let fresh = &entries[known..];
        let end = verify_chain(end, fresh).map_err(|e| HubError::Refused(e.to_string()))?;
        for e in fresh {
            tx.execute(
                "INSERT INTO journal (device, seq, hash, sealed, received, unsigned) VALUES (?1, ?2, ?3, ?4, ?5, 1)",
                params![row.former.0, e.seq, e.hash, e.sealed, now.0],
            )?;
        }
        tx.execute("UPDATE device SET acked_seq = ?2, chain = ?3 WHERE id = ?1", params![row.former.0, end.0, end.1])?;
        let count = fresh.len() as u64;
        tx.execute(
            "UPDATE kept_account SET opened = ?2, entries = ?3 WHERE former = ?1",
            params![row.former.0, now.0, count],
        )?;
        tx.commit()?;
        // Its entries are in the account now; what officers were told lay beside them, and is not to lie about.
        std::fs::remove_file(&kept).map_err(HubError::io("removing a kept account"))?;
        tracing::info!(former = %row.former, entries = count, "a kept account was opened");
        Ok(count)
    }
}

fn shown(row: &Row, problem: Option<String>) -> KeptAccount {
    KeptAccount {
        former: row.former.to_string(),
        device: row.device.to_string(),
        bytes: row.bytes(),
        complete: row.complete,
        opened: row.opened,
        entries: row.entries,
        problem,
    }
}

fn kept(conn: &Connection, former: DeviceId) -> Result<Option<Row>, HubError> {
    let sql = format!("SELECT {COLUMNS} FROM kept_account WHERE former = ?1");
    Ok(conn.query_row(&sql, [former.0], Row::of).optional()?)
}

/// Appends a piece that begins where the file ends; how long the file is then.
fn append(path: &Path, chunk: &KeptChunk) -> Result<u64, HubError> {
    let failed = || HubError::io("keeping a handed-in account");
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed())?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed())?;
    let have = file.metadata().map_err(failed())?.len();
    if have != chunk.offset {
        return Ok(have);
    }
    file.write_all(&chunk.bytes).and_then(|()| file.sync_all()).map_err(failed())?;
    Ok(have + chunk.bytes.len() as u64)
}

const JOURNAL: &str = "journal.db";

/// A directory beside the file, empty.
fn tempdir(kept: &Path) -> Result<PathBuf, HubError> {
    let dir = kept.with_extension("open");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir(&dir).map_err(HubError::io("opening a kept account"))?;
    Ok(dir)
}

/// Parts the file into the two that it was put together from.
fn part(kept: &Path, dir: &Path, sizes: [u64; 2]) -> Result<(), HubError> {
    let failed = || HubError::io("opening a kept account");
    let mut from = std::fs::File::open(kept).map_err(failed())?;
    for (name, size) in [JOURNAL, "journal.db-wal"].into_iter().zip(sizes) {
        if size > 0 {
            let mut to = std::fs::File::create(dir.join(name)).map_err(failed())?;
            std::io::copy(&mut (&mut from).take(size), &mut to).map_err(failed())?;
        }
    }
    Ok(())
}

/// The entries in a device's journal file (`core/store` writes it; its page format is repeated here).
fn read_entries(path: &Path, key: &[u8; 32]) -> Result<Vec<SealedEntry>, HubError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut sql = Zeroizing::new(String::with_capacity(256));
    sql.push_str("PRAGMA cipher_log_level=NONE; PRAGMA key=\"x'");
    for b in key {
        let _ = write!(sql, "{b:02x}");
    }
    sql.push_str("'\"; PRAGMA cipher_page_size=4096; PRAGMA cipher_hmac_algorithm=HMAC_SHA256;");
    conn.execute_batch(&sql)?;
    conn.execute_batch("PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;")?;
    let mut stmt = conn.prepare("SELECT seq, hash, sealed FROM entry ORDER BY seq")?;
    let mut rows = stmt.query([])?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let entry = SealedEntry { seq: r.get(0)?, hash: r.get(1)?, sealed: r.get(2)? };
        if entry.seq == 0 || entry.sealed.len() > MAX_ENTRY_BYTES {
            return Err(HubError::Refused("it holds an entry over the limits".into()));
        }
        out.push(entry);
    }
    Ok(out)
}
