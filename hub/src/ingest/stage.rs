//! Reading an extract into a staging database: bounded memory whatever its size, encrypted like everything else.
//!
//! The staging database lies in a file of its own under a key that is never written down, so that the hub's own
//! database is not touched until everything is known, and what a crash leaves behind can be read by nobody.

use super::as_of::AsOfFinder;
use super::group::Content;
use crate::mapping::{Mapping, RowReader, Verdict};
use crate::progress::EVERY;
use crate::{Hub, HubError, Progress, keys};
use beatcheck_model::{Body, RecordId, Timestamp};
use beatcheck_wire::{Hash32, WireError, digest};
use csv::{ByteRecord, StringRecord};
use rusqlite::{Connection, params};
use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A row longer than this is an unclosed quote, and what it has swallowed cannot be known.
const MAX_ROW_BYTES: usize = 256 * 1024;
/// Rejects kept aside per extract; beyond, they are only counted.
const MAX_REJECTS: u64 = 100_000;
/// Bytes of a rejected row that are kept.
const MAX_RAW_BYTES: usize = 4 * 1024;
/// References sorted in memory before they are inserted: keeps the index's pages near each other.
const SORT_ROWS: usize = 500_000;

/// What was read.
pub(super) struct Staged {
    pub(super) rows_read: u64,
    pub(super) rejected: u64,
    pub(super) rejected_without_key: u64,
    pub(super) unusable_vrm: u64,
    pub(super) first_reject: Option<(u64, String)>,
    pub(super) content_hash: Hash32,
    pub(super) as_of: Result<(Timestamp, String), String>,
    pub(super) warnings: Vec<String>,
}

/// Removes the staging database when done with it.
pub(super) struct StageFile(PathBuf);

impl StageFile {
    /// Attaches a fresh staging database to `conn` as `stage`.
    pub(super) fn attach(hub: &Hub, conn: &Connection) -> Result<Self, HubError> {
        let dir = hub.dir().join("staging");
        std::fs::create_dir_all(&dir).map_err(HubError::io(format!("making {}", dir.display())))?;
        let file = Self(dir.join("ingest.db"));
        let _ = std::fs::remove_file(&file.0);
        let key = zeroize::Zeroizing::new(keys::random::<32>()?);
        let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
        let hex = zeroize::Zeroizing::new(format!("x'{hex}'"));
        conn.execute("ATTACH DATABASE ?1 AS stage KEY ?2", params![file.0.to_string_lossy(), *hex])?;
        conn.execute_batch(
            "PRAGMA stage.journal_mode=MEMORY; PRAGMA stage.synchronous=OFF; PRAGMA stage.cache_size=-65536;
             PRAGMA stage.secure_delete=OFF;
             CREATE TABLE stage.data (n INTEGER PRIMARY KEY, row BLOB NOT NULL, key BLOB NOT NULL);
             CREATE TABLE stage.ref (base BLOB NOT NULL, n INTEGER NOT NULL, content BLOB,
                                     PRIMARY KEY (base, n)) WITHOUT ROWID;
             CREATE TABLE stage.reject (n INTEGER PRIMARY KEY, line INTEGER NOT NULL, reasons TEXT NOT NULL,
                                        raw TEXT NOT NULL);
             CREATE TABLE stage.upsert (n INTEGER PRIMARY KEY, base BLOB NOT NULL, occurrence INTEGER NOT NULL,
                                        version INTEGER NOT NULL, previous INTEGER NOT NULL, live INTEGER NOT NULL,
                                        unsearchable INTEGER NOT NULL);
             CREATE TABLE stage.removal (previous INTEGER PRIMARY KEY, base BLOB NOT NULL, occurrence INTEGER NOT NULL,
                                         version INTEGER NOT NULL, unsearchable INTEGER NOT NULL);",
        )?;
        Ok(file)
    }
}

impl Drop for StageFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Counts and hashes what passes.
struct Tap {
    file: File,
    hasher: Rc<std::cell::RefCell<blake3::Hasher>>,
    bytes: Rc<Cell<u64>>,
    /// Whether the first line ends in CR LF; `None` until one has ended.
    crlf: Rc<Cell<Option<bool>>>,
}

impl Read for Tap {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buf)?;
        self.hasher.borrow_mut().update(&buf[..n]);
        if self.crlf.get().is_none() {
            let end = buf[..n].iter().position(|b| *b == b'\n');
            self.crlf.set(end.map(|i| i > 0 && buf[i - 1] == b'\r'));
        }
        self.bytes.set(self.bytes.get() + n as u64);
        Ok(n)
    }
}

/// The id of a row by its key and occurrence.
pub(super) fn record_id(mapping: &Mapping, key: &[&str], occurrence: u32) -> RecordId {
    beatcheck_wire::record_id(&mapping.source.name, mapping.source.kind, key, occurrence)
}

/// Reads all of `extract`.
///
/// # Errors
/// [`HubError::Extract`] if it cannot be used as a whole.
pub(super) fn read(
    conn: &Connection,
    mapping: &Mapping,
    extract: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Staged, HubError> {
    let bad = |reason: String| HubError::Extract { path: extract.into(), reason };
    let file = File::open(extract).map_err(|e| bad(e.to_string()))?;
    let total = file.metadata().ok().map(|m| m.len());
    let (hasher, bytes) = (Rc::new(std::cell::RefCell::new(blake3::Hasher::new())), Rc::new(Cell::new(0)));
    let crlf = Rc::new(Cell::new(None));
    let tap = Tap { file, hasher: Rc::clone(&hasher), bytes: Rc::clone(&bytes), crlf: Rc::clone(&crlf) };
    let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(1 << 16).from_reader(tap);
    let mut raw = ByteRecord::new();
    let mut next = |raw: &mut ByteRecord| csv.read_byte_record(raw).map_err(|e| bad(format!("cannot be read: {e}")));
    if !next(&mut raw)? {
        return Err(bad("it is empty: not even column names".into()));
    }
    let header = StringRecord::from_byte_record(raw.clone())
        .map_err(|_| bad("its first line is not UTF-8 text: export it as a CSV in UTF-8".into()))?;
    let header: StringRecord = header.iter().map(|c| c.trim_start_matches('\u{feff}')).collect();
    let reader = RowReader::bind(mapping, &header).map_err(bad)?;

    let mut sink = Sink { conn, refs: Vec::new(), out: Staged::new() };
    let mut finder = AsOfFinder::new(mapping, now);
    conn.execute_batch("BEGIN")?;
    while next(&mut raw)? {
        // The reader stops between CR and LF, so that the line that it names for the next row is the one before.
        let line = raw.position().map_or(0, csv::Position::line) + u64::from(crlf.get() == Some(true));
        if raw.as_slice().len() > MAX_ROW_BYTES {
            return Err(bad(format!("line {line}: a row longer than {MAX_ROW_BYTES} bytes; is a quote not closed?")));
        }
        sink.out.rows_read += 1;
        match StringRecord::from_byte_record(raw.clone()) {
            Ok(row) => sink.take(mapping, &reader, &row, line, &mut finder)?,
            Err(_) => sink.reject_bytes(mapping, &reader, &raw, line)?,
        }
        if sink.out.rows_read.is_multiple_of(EVERY) {
            progress(Progress { stage: "reading", done: bytes.get(), total, unit: "bytes" });
        }
    }
    sink.flush()?;
    conn.execute_batch("COMMIT")?;
    progress(Progress { stage: "reading", done: bytes.get(), total, unit: "bytes" });
    let mut out = sink.out;
    out.content_hash = Hash32(*hasher.borrow().finalize().as_bytes());
    let mut warnings = Vec::new();
    out.as_of = finder.finish(extract, &mut warnings);
    out.warnings = warnings;
    Ok(out)
}

impl Staged {
    fn new() -> Self {
        Self {
            rows_read: 0,
            rejected: 0,
            rejected_without_key: 0,
            unusable_vrm: 0,
            first_reject: None,
            content_hash: Hash32::default(),
            as_of: Err(String::new()),
            warnings: Vec::new(),
        }
    }
}

struct Sink<'c> {
    conn: &'c Connection,
    refs: Vec<([u8; 16], u64, Option<Content>)>,
    out: Staged,
}

impl Sink<'_> {
    fn take(
        &mut self,
        mapping: &Mapping,
        reader: &RowReader<'_>,
        row: &StringRecord,
        line: u64,
        finder: &mut AsOfFinder<'_>,
    ) -> Result<(), HubError> {
        match reader.read(row) {
            Verdict::Record(record) => {
                if let Some(text) = reader.as_of(row) {
                    finder.see(text);
                }
                if matches!(&record.body, Body::Vehicle(v) if v.vrm.is_none()) {
                    self.out.unusable_vrm += 1;
                }
                let bytes = digest::canonical(&record)?;
                let mut content = [0; 16];
                content.copy_from_slice(&Hash32::of(&bytes).0[..16]);
                let key = reader.key(row).unwrap_or_default();
                let packed = postcard::to_allocvec(&key).map_err(|_| WireError::Malformed("key"))?;
                self.conn
                    .prepare_cached("INSERT INTO stage.data (n, row, key) VALUES (?1, ?2, ?3)")?
                    .execute(params![self.out.rows_read, bytes, packed])?;
                self.refer(record_id(mapping, &key, 0), Some(content))
            }
            Verdict::Rejected(reasons) => {
                self.reject(reasons, &row.iter().collect::<Vec<_>>().join(","), line)?;
                self.refer_damaged(mapping, reader, row)
            }
        }
    }

    fn reject_bytes(
        &mut self,
        mapping: &Mapping,
        reader: &RowReader<'_>,
        raw: &ByteRecord,
        line: u64,
    ) -> Result<(), HubError> {
        let row: StringRecord = raw.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        self.reject(vec!["is not UTF-8 text".into()], &row.iter().collect::<Vec<_>>().join(","), line)?;
        self.refer_damaged(mapping, reader, &row)
    }

    /// A damaged row whose key can be read keeps the record of that key from being deleted.
    fn refer_damaged(&mut self, mapping: &Mapping, reader: &RowReader<'_>, row: &StringRecord) -> Result<(), HubError> {
        match reader.key(row) {
            Some(key) => self.refer(record_id(mapping, &key, 0), None),
            None => {
                self.out.rejected_without_key += 1;
                Ok(())
            }
        }
    }

    fn reject(&mut self, reasons: Vec<String>, raw: &str, line: u64) -> Result<(), HubError> {
        self.out.rejected += 1;
        if self.out.first_reject.is_none() {
            self.out.first_reject = Some((line, reasons.join("; ")));
        }
        if self.out.rejected <= MAX_REJECTS {
            let reasons = serde_json::to_string(&reasons).unwrap_or_default();
            let end = (0..=MAX_RAW_BYTES.min(raw.len())).rev().find(|i| raw.is_char_boundary(*i)).unwrap_or(0);
            self.conn
                .prepare_cached("INSERT INTO stage.reject (n, line, reasons, raw) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![self.out.rows_read, line, reasons, &raw[..end]])?;
        }
        Ok(())
    }

    fn refer(&mut self, base: RecordId, content: Option<Content>) -> Result<(), HubError> {
        self.refs.push((base.0, self.out.rows_read, content));
        if self.refs.len() >= SORT_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), HubError> {
        self.refs.sort_unstable();
        let mut insert = self.conn.prepare_cached("INSERT INTO stage.ref (base, n, content) VALUES (?1, ?2, ?3)")?;
        for (base, n, content) in self.refs.drain(..) {
            insert.execute(params![base, n, content])?;
        }
        Ok(())
    }
}
