//! The journal: the account of every check, on its way to the hub.
//!
//! Entries come sealed and leave acknowledged; between, they are durable before [`Journal::append`] returns and nothing
//! drops them (rule 6, rule 12). They form a hash chain that starts from the device's name. Beside them lies what
//! officers were told, as long as a late hit (rule 11) may concern it.
//!
//! Several processes may append: numbers are given inside the write transaction. When the disk is full, a reserve of
//! real blocks is given up, once, so that the last checks before 'no space' are accounted for too.

use crate::db::{self, Role, int, uint};
use crate::pool::{meta, set_meta};
use crate::reserve::Reserve;
use crate::{Key, StoreError};
use beatcheck_model::Timestamp;
use beatcheck_wire::journal::{MAX_ENTRY_BYTES, SealedEntry, genesis, link};
use beatcheck_wire::{DeviceId, WireError};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

mod told;

const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/journal.sql"),
    include_str!("../../migrations/journal_2.sql"),
    include_str!("../../migrations/journal_once.sql"),
    include_str!("../../migrations/journal_4.sql"),
];
/// Space kept back for the account, in bytes.
pub const RESERVE_BYTES: u64 = 4 * 1024 * 1024;
const LINK: usize = 32;
/// Sealed bytes of the entries that wait, kept beside them: adding them up would read all of them for each check.
const WAITING: &str = "waiting_bytes";

/// What an officer was told in one check, for finding late hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The sayable reference of the answer.
    pub reference: String,
    /// When.
    pub at: Timestamp,
    /// The question, as the client writes it.
    pub query_json: String,
    /// What was shown, as the client writes it.
    pub told_json: String,
}

/// A sealed entry, and what is kept beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The entry.
    pub sealed: Vec<u8>,
    /// What was told, for late hits.
    pub told: Option<Told>,
    /// If it was a check: when, and what it was about.
    pub asked: Option<AskedAbout>,
}

/// That something was checked: counted, to notice what is out of the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedAbout {
    /// When.
    pub at: Timestamp,
    /// A keyed hash of the subject: equal for equal subjects, and of no use to who does not have the key.
    pub subject: [u8; 16],
}

/// That what an officer was told has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateHitRow {
    /// Journal entry of the check concerned.
    pub seq: u64,
    /// Its reference.
    pub reference: String,
    /// When that check was made.
    pub asked: Timestamp,
    /// When the change was noticed.
    pub at: Timestamp,
    /// `appeared`, `corrected` or `withdrawn`.
    pub change: String,
    /// What the officer is told now.
    pub text: String,
}

/// How far the journal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Number of the last entry, 0 if there is none yet.
    pub last_seq: u64,
    /// Number of the last entry that the hub acknowledged.
    pub acked: u64,
    /// Entries that wait to be sent.
    pub pending: u64,
    /// Their sealed bytes.
    pub pending_bytes: u64,
    /// Whether the reserve has been given up, or could never be made: say so loudly.
    pub reserve_low: bool,
}

/// The journal file. Shared between threads.
pub struct Journal {
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    pub(crate) conn: Connection,
    reserve: Reserve,
    limited_while_reserved: bool,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Journal")
    }
}

impl Journal {
    /// Opens the journal of `device`, or creates it; makes its reserve (`<path>.reserve`) where there is room.
    ///
    /// Two processes must not *create* one file at the same time; both may open it once it is there.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a wrong key, another device's journal or a newer schema; [`StoreError::Full`];
    /// [`StoreError::Io`].
    pub fn open(path: &Path, key: &Key, device: DeviceId) -> Result<Self, StoreError> {
        crate::assert_sqlite_version()?;
        let mut conn = db::connect(path, key, Role::Durable, true)?;
        db::migrate(&mut conn, MIGRATIONS)?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match meta(&tx, "device")? {
            Some(d) if d == device.0 => {}
            Some(_) => return Err(StoreError::Corrupt),
            None => {
                set_meta(&tx, "device", &device.0)?;
                set_end(&tx, "acked", 0, &genesis(device))?;
                set_end(&tx, "last", 0, &genesis(device))?;
            }
        }
        if meta(&tx, WAITING)?.is_none() {
            let bytes = tx.query_row("SELECT coalesce(sum(length(sealed)),0) FROM entry", [], |r| uint(r, 0))?;
            set_waiting(&tx, bytes)?;
        }
        tx.commit()?;
        let reserve = Reserve::of(path, RESERVE_BYTES);
        reserve.fill();
        Ok(Self { inner: Mutex::new(Inner { conn, reserve, limited_while_reserved: false }) })
    }

    /// Appends `count` entries in one durable transaction; the number of the first.
    ///
    /// `make(i, seq)` seals the entry with index `i` under the number `seq` and may say what was told. It is called with
    /// the journal locked, and again from 0 if the disk was full and the reserve was given up: entries must be made for
    /// the number given then.
    ///
    /// # Errors
    /// [`StoreError::Full`] if there is no space even so; `OverLimit` for an entry over `MAX_ENTRY_BYTES`; what `make`
    /// returned. Nothing was appended, and then nothing may be shown.
    pub fn append(
        &self,
        count: usize,
        make: &mut dyn FnMut(usize, u64) -> Result<Made, StoreError>,
    ) -> Result<u64, StoreError> {
        self.inner().write(&mut |tx| append_in(tx, count, make))
    }

    /// The oldest entries that wait, up to both limits; one at least if any waits, however large it is.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn pending(&self, max_entries: usize, max_bytes: usize) -> Result<Vec<SealedEntry>, StoreError> {
        let inner = self.inner();
        let mut statement = inner.conn.prepare_cached("SELECT seq,hash,sealed FROM entry ORDER BY seq LIMIT ?1")?;
        let mut rows = statement.query([i64::try_from(max_entries).unwrap_or(i64::MAX)])?;
        let (mut out, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let entry = SealedEntry { seq: uint(row, 0)?, hash: row.get(1)?, sealed: row.get(2)? };
            bytes += entry.sealed.len();
            if bytes > max_bytes && !out.is_empty() {
                break;
            }
            out.push(entry);
        }
        Ok(out)
    }

    /// Number and link of the last acknowledged entry: the link before the first that waits. `(0, genesis)` at first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn previous_link(&self) -> Result<(u64, [u8; 32]), StoreError> {
        end(&self.inner().conn, "acked")
    }

    /// Drops what the hub has, up to `seq`; how many entries were dropped. Again is harmless; a number beyond the last
    /// entry counts as the last. Refills the reserve where there is room again.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Sqlite`]; nothing was dropped.
    pub fn ack(&self, seq: u64) -> Result<u64, StoreError> {
        let mut inner = self.inner();
        let dropped = inner.write(&mut |tx| {
            let (acked, _) = end(tx, "acked")?;
            let (last, last_hash) = end(tx, "last")?;
            let upto = seq.min(last);
            if upto <= acked {
                return Ok(0);
            }
            let hash = match upto == last {
                true => last_hash,
                false => tx.query_row("SELECT hash FROM entry WHERE seq=?1", [int(upto)], |r| r.get(0))?,
            };
            let gone = "SELECT coalesce(sum(length(sealed)),0) FROM entry WHERE seq<=?1";
            let gone = tx.query_row(gone, [int(upto)], |r| uint(r, 0))?;
            let dropped = tx.execute("DELETE FROM entry WHERE seq<=?1", [int(upto)])?;
            set_waiting(tx, waiting(tx)?.saturating_sub(gone))?;
            set_end(tx, "acked", upto, &hash)?;
            Ok(dropped as u64)
        })?;
        if dropped > 0 {
            inner.reserve.fill();
        }
        Ok(dropped)
    }

    /// How far it is, and what waits. Every check asks this: it reads three numbers, however much waits.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn stats(&self) -> Result<JournalStats, StoreError> {
        let mut inner = self.inner();
        let reserve_low = !inner.reserve.is_full();
        // One transaction: another process may append between two statements.
        let tx = inner.conn.transaction()?;
        let (last_seq, acked, pending_bytes) = (end(&tx, "last")?.0, end(&tx, "acked")?.0, waiting(&tx)?);
        let pending = last_seq.saturating_sub(acked);
        Ok(JournalStats { last_seq, acked, pending, pending_bytes, reserve_low })
    }

    /// Limits the file's size in pages of 4 KiB, for tests of a full disk; the reserve does not help.
    #[doc(hidden)]
    pub fn set_max_pages(&self, pages: u32) -> Result<(), StoreError> {
        db::set_max_pages(&self.inner().conn, pages)
    }

    /// As `set_max_pages`, until the reserve is given up: what a disk does that is full but for the reserve.
    #[doc(hidden)]
    pub fn set_max_pages_while_reserved(&self, pages: u32) -> Result<(), StoreError> {
        let mut inner = self.inner();
        inner.limited_while_reserved = true;
        db::set_max_pages(&inner.conn, pages)
    }

    /// A panic in `make` rolled its transaction back as it unwound: the journal goes on.
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// One durable transaction; on a full disk the reserve is given up and it is tried once more.
    pub(crate) fn write<T>(
        &mut self,
        f: &mut dyn FnMut(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.write_once(f) {
            Err(StoreError::Full) if self.reserve.release() => {
                tracing::warn!("no space left: the journal's reserve has been given up");
                if std::mem::take(&mut self.limited_while_reserved) {
                    db::set_max_pages(&self.conn, u32::MAX - 1)?;
                }
                self.write_once(f)
            }
            other => other,
        }
    }

    fn write_once<T>(&mut self, f: &mut dyn FnMut(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let out = f(&tx)?;
        tx.commit()?;
        Ok(out)
    }
}

/// Appends within a transaction; see [`Journal::append`].
pub(crate) fn append_in(
    tx: &Transaction<'_>,
    count: usize,
    make: &mut dyn FnMut(usize, u64) -> Result<Made, StoreError>,
) -> Result<u64, StoreError> {
    let (last, mut hash) = end(tx, "last")?;
    let (mut seq, mut bytes) = (last, waiting(tx)?);
    for i in 0..count {
        seq += 1;
        let Made { sealed, told, asked } = make(i, seq)?;
        if sealed.len() > MAX_ENTRY_BYTES {
            return Err(WireError::OverLimit("a journal entry").into());
        }
        hash = link(&hash, seq, &sealed);
        bytes += sealed.len() as u64;
        tx.prepare_cached("INSERT INTO entry(seq,hash,sealed) VALUES(?1,?2,?3)")?.execute((seq, &hash[..], &sealed))?;
        if let Some(a) = asked {
            tx.prepare_cached("INSERT INTO usage(seq,at,subject) VALUES(?1,?2,?3)")?.execute((
                int(seq),
                a.at.0,
                &a.subject[..],
            ))?;
        }
        if let Some(t) = told {
            tx.prepare_cached("INSERT INTO told(seq,reference,at,query,told) VALUES(?1,?2,?3,?4,?5)")?.execute((
                int(seq),
                t.reference,
                t.at.0,
                t.query_json,
                t.told_json,
            ))?;
        }
    }
    set_end(tx, "last", seq, &hash)?;
    set_waiting(tx, bytes)?;
    Ok(last + 1)
}

/// An end of the chain: number and link.
pub(crate) fn end(conn: &Connection, k: &str) -> Result<(u64, [u8; LINK]), StoreError> {
    let bytes = meta(conn, k)?.ok_or(StoreError::Corrupt)?;
    let (seq, hash) = bytes.split_first_chunk::<8>().ok_or(StoreError::Corrupt)?;
    Ok((u64::from_le_bytes(*seq), hash.try_into().map_err(|_| StoreError::Corrupt)?))
}

fn set_end(conn: &Connection, k: &str, seq: u64, hash: &[u8; LINK]) -> Result<(), StoreError> {
    set_meta(conn, k, &[&seq.to_le_bytes()[..], hash].concat())
}

fn waiting(conn: &Connection) -> Result<u64, StoreError> {
    let bytes = meta(conn, WAITING)?.ok_or(StoreError::Corrupt)?;
    bytes.try_into().map(u64::from_le_bytes).map_err(|_| StoreError::Corrupt)
}

fn set_waiting(conn: &Connection, bytes: u64) -> Result<(), StoreError> {
    set_meta(conn, WAITING, &bytes.to_le_bytes())
}
