//! Taking in an extract: a CSV through a mapping becomes changes with sequence numbers.
//!
//! An extract is *full*: it says all that its source holds. So it is compared with what is held; what is new, what
//! reads differently and what is gone become changes, and an unchanged row costs nothing downstream. An extract is
//! taken wholly or not at all. What cannot be read is kept aside with its reasons, and a record is never deleted because
//! its row was damaged. An extract that looks broken as a whole (empty, unreadable, most of the source gone) is refused;
//! the source then counts as stale (PRODUCT, rule 1) until a good one comes.

mod apply;
mod as_of;
mod group;
mod history;
mod stage;

pub use history::Reject;

use crate::mapping::Mapping;
use crate::{Hub, HubError, Progress, keys};
use apply::{Difference, Target};
use beatcheck_model::Timestamp;
use beatcheck_wire::digest::RowDigest;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use stage::{StageFile, Staged};
use std::path::Path;

/// Below this many held records no share of deletions is refused: in a short list a large share means little.
const SHARE_FROM_ROWS: u64 = 10;
/// How far a stated time may lie ahead of the hub's clock, in seconds.
const AHEAD_S: i64 = 300;

/// What to take in, and how.
#[derive(Clone, Copy, Debug)]
pub struct IngestOptions<'a> {
    /// The mapping file.
    pub mapping: &'a Path,
    /// The extract, a CSV with column names in its first line.
    pub extract: &'a Path,
    /// The extract's own time, where it is stated; otherwise as the mapping says.
    pub as_of: Option<Timestamp>,
    /// Take it even if it deletes more than the mapping allows.
    pub force: bool,
}

/// What an extract did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestReport {
    /// Number of the extract at this hub.
    pub extract_id: i64,
    /// Source.
    pub source: String,
    /// Compartment.
    pub compartment: String,
    /// The source's time after it.
    pub as_of: Timestamp,
    /// How that time was found, in words.
    pub as_of_from: String,
    /// Rows of data in the file.
    pub rows_read: u64,
    /// Rows that became records.
    pub accepted: u64,
    /// Rows kept aside.
    pub rejected: u64,
    /// Accepted rows without a usable registration mark.
    pub unusable_vrm: u64,
    /// Records that were not held.
    pub added: u64,
    /// Records that read differently.
    pub changed: u64,
    /// Records that are gone.
    pub removed: u64,
    /// Records that read as before.
    pub unchanged: u64,
    /// Rows that repeat another one exactly; each is a record of its own.
    pub duplicates: u64,
    /// Highest sequence of the compartment after it.
    pub watermark: u64,
    /// What an operator should know; no personal data.
    pub warnings: Vec<String>,
}

struct Known {
    n: i64,
    as_of: Timestamp,
    target: Target,
    watermark: u64,
}

/// Why an extract was not taken: refused for what it is (the source is stale from now on), or for how it was offered.
enum Refusal {
    Extract(String),
    Offer(HubError),
}

impl From<HubError> for Refusal {
    fn from(e: HubError) -> Self {
        Self::Offer(e)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(e: rusqlite::Error) -> Self {
        Self::Offer(e.into())
    }
}

impl Hub {
    /// Takes in a full extract: compares it with what is held and gives every difference a sequence number.
    ///
    /// Nothing is published by it. One ingest runs at a time; a second one waits.
    ///
    /// # Errors
    /// [`HubError::Mapping`]; [`HubError::Extract`] if the extract as a whole is refused, in which case nothing is
    /// changed but that the source counts as stale; [`HubError::Refused`] if it is offered wrongly (a time that goes
    /// backwards, a mapping that moves the source elsewhere), in which case nothing is changed at all.
    pub fn ingest(&self, o: &IngestOptions<'_>, progress: &mut dyn FnMut(Progress)) -> Result<IngestReport, HubError> {
        let mapping = Mapping::load(o.mapping)?;
        if let Some(t) = o.as_of.filter(|t| *t > self.now().plus_secs(AHEAD_S)) {
            return Err(HubError::Refused(format!("--as-of {t} lies in the future: no extract can be from then")));
        }
        let _lock = self.lock("ingest.lock")?;
        let mut conn = self.own_conn()?;
        check_identity(&conn, &mapping)?;
        let _stage = StageFile::attach(self, &conn)?;
        let staged = match stage::read(&conn, &mapping, o.extract, self.now(), progress) {
            Err(HubError::Extract { path, reason }) => {
                if !conn.is_autocommit() {
                    conn.execute_batch("COMMIT")?;
                }
                self.refuse(&mut conn, &mapping, None, &reason)?;
                return Err(HubError::Extract { path, reason });
            }
            other => other?,
        };
        match self.take(&mut conn, o, &mapping, &staged, progress) {
            Ok(report) => Ok(report),
            Err(Refusal::Offer(e)) => Err(e),
            Err(Refusal::Extract(reason)) => {
                self.refuse(&mut conn, &mapping, Some(&staged), &reason)?;
                Err(HubError::Extract { path: o.extract.into(), reason })
            }
        }
    }

    fn take(
        &self,
        conn: &mut Connection,
        o: &IngestOptions<'_>,
        mapping: &Mapping,
        staged: &Staged,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<IngestReport, Refusal> {
        let accepted = staged.rows_read - staged.rejected;
        match &staged.first_reject {
            _ if staged.rows_read == 0 => return Err(Refusal::Extract("it has column names but no rows".into())),
            Some((line, reason)) if accepted == 0 => {
                return Err(Refusal::Extract(format!("not one row could be read; the first, line {line}: {reason}")));
            }
            _ => {}
        }
        let mut warnings = staged.warnings.clone();
        let (mut as_of, mut as_of_from) = match (o.as_of, &staged.as_of) {
            (Some(t), _) => {
                warnings.clear();
                (t, "stated".to_owned())
            }
            (None, Ok((t, from))) => (*t, from.clone()),
            (None, Err(reason)) => {
                return Err(HubError::Extract { path: o.extract.into(), reason: reason.clone() }.into());
            }
        };
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = self.now();
        let mut known = open_compartment(&tx, mapping, now, as_of)?;
        if as_of < known.as_of {
            if o.as_of.is_some() {
                return Err(HubError::Refused(format!(
                    "--as-of {as_of} is before {}, the time of what is held: an older extract would undo a newer one; \
                     nothing was changed",
                    known.as_of
                ))
                .into());
            }
            warnings.push(format!(
                "its time ({as_of}, from {as_of_from}) is before that of what is held; the later one, {}, stays",
                known.as_of
            ));
            (as_of, as_of_from) = (known.as_of, "the extract before".into());
        }
        let d = apply::compare(&tx, known.n, staged.rows_read, progress)?;
        check_share(mapping, &d, o.force, &mut warnings)?;
        if d.kept > 0 {
            warnings.push(format!("{} records were kept as they were because their rows are damaged", d.kept));
        }
        if staged.rejected_without_key > 0 && d.removed > 0 {
            warnings.push(format!(
                "{} damaged rows have no readable key: some of the {} records removed may be theirs",
                staged.rejected_without_key, d.removed
            ));
        }
        tx.execute(
            "INSERT INTO extract (compartment, source, taken_at, as_of, as_of_from, content_hash, mapping)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![known.n, mapping.source.name, now.0, as_of.0, as_of_from, staged.content_hash.0, mapping.text],
        )?;
        let extract_id = tx.last_insert_rowid();
        known.target.extract = extract_id;
        let before = known.target.seq;
        apply::apply(&tx, &mut known.target, mapping, d.added + d.changed + d.removed, progress)?;
        let t = known.target;
        let watermark = if t.seq > before { t.seq } else { known.watermark };
        tx.execute("UPDATE sequence SET last = ?1", [t.seq])?;
        let s = &mapping.source;
        tx.execute(
            "UPDATE compartment SET title = ?2, offline_allowed = ?3, warnings = ?4, due_every_hours = ?5, as_of = ?6,
                    last_refused = 0, rows = ?7, unsearchable = ?8, watermark = ?9, digest = ?10 WHERE n = ?1",
            params![
                known.n,
                s.title.as_ref().unwrap_or(&s.name),
                s.offline_allowed,
                mapping.warnings(),
                s.due_every_hours,
                as_of.0,
                t.rows,
                t.unsearchable,
                watermark,
                t.digest.to_bytes()
            ],
        )?;
        keep_rejects(&tx, extract_id)?;
        let report = IngestReport {
            extract_id,
            source: s.name.clone(),
            compartment: s.compartment.clone(),
            as_of,
            as_of_from,
            rows_read: staged.rows_read,
            accepted,
            rejected: staged.rejected,
            unusable_vrm: staged.unusable_vrm,
            added: d.added,
            changed: d.changed,
            removed: d.removed,
            unchanged: d.unchanged,
            duplicates: d.duplicates,
            watermark,
            warnings,
        };
        let text = serde_json::to_string(&report).unwrap_or_default();
        tx.execute("UPDATE extract SET report = ?2 WHERE id = ?1", params![extract_id, text])?;
        tx.commit()?;
        Ok(report)
    }

    /// Writes down that an extract was refused: its source, if held, is stale from now on.
    fn refuse(
        &self,
        conn: &mut Connection,
        mapping: &Mapping,
        staged: Option<&Staged>,
        reason: &str,
    ) -> Result<(), HubError> {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute("UPDATE compartment SET last_refused = 1 WHERE source = ?1", [&mapping.source.name])?;
        tx.execute(
            "INSERT INTO extract (compartment, source, taken_at, content_hash, mapping, refused)
             VALUES ((SELECT n FROM compartment WHERE source = ?1), ?1, ?2, ?3, ?4, ?5)",
            params![mapping.source.name, self.now().0, staged.map(|s| s.content_hash.0), mapping.text, reason],
        )?;
        let id = tx.last_insert_rowid();
        keep_rejects(&tx, id)?;
        tx.commit()?;
        Ok(())
    }

    /// A lock between processes that work on this hub; held until dropped.
    pub(crate) fn lock(&self, name: &str) -> Result<std::fs::File, HubError> {
        let path = self.dir().join(name);
        let what = || format!("locking {}", path.display());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(HubError::io(what()))?;
        file.lock().map_err(HubError::io(what()))?;
        Ok(file)
    }
}

fn keep_rejects(conn: &Connection, extract: i64) -> Result<(), HubError> {
    conn.execute(
        "INSERT INTO reject (extract, n, line, reasons, raw) SELECT ?1, n, line, reasons, raw FROM stage.reject",
        [extract],
    )?;
    Ok(())
}

/// A source stays in its compartment and of its kind, and a compartment has one source.
fn check_identity(conn: &Connection, mapping: &Mapping) -> Result<(), HubError> {
    let s = &mapping.source;
    let mut known = conn.prepare("SELECT source, name, kind FROM compartment WHERE source = ?1 OR name = ?2")?;
    let mut rows = known.query([&s.name, &s.compartment])?;
    while let Some(r) = rows.next()? {
        let (source, name, kind): (String, String, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
        let wrong = if source != s.name {
            format!("compartment '{name}' belongs to source '{source}': a compartment has one source")
        } else if name != s.compartment {
            format!("source '{source}' is in compartment '{name}': it cannot move to '{}'; name it anew", s.compartment)
        } else if kind != s.kind.as_str() {
            format!("source '{source}' holds records of kind {kind}: it cannot become {}", s.kind.as_str())
        } else {
            continue;
        };
        return Err(HubError::Refused(format!("{wrong}; nothing was changed")));
    }
    Ok(())
}

fn check_share(mapping: &Mapping, d: &Difference, force: bool, warnings: &mut Vec<String>) -> Result<(), Refusal> {
    let allowed = mapping.source.max_delete_share;
    if d.held < SHARE_FROM_ROWS || d.removed as f64 <= allowed * d.held as f64 {
        return Ok(());
    }
    let what = format!("it would delete {} of {} records, more than the share {allowed} allowed", d.removed, d.held);
    if !force {
        return Err(Refusal::Extract(format!("{what} by the mapping: if that is right, say --force")));
    }
    warnings.push(format!("forced: {what}"));
    Ok(())
}

/// The compartment of the mapping, made if it is new.
fn open_compartment(conn: &Connection, mapping: &Mapping, now: Timestamp, as_of: Timestamp) -> Result<Known, HubError> {
    let s = &mapping.source;
    check_identity(conn, mapping)?;
    let seq = conn.query_row("SELECT last FROM sequence", [], |r| r.get(0))?;
    let mut find =
        conn.prepare("SELECT n, as_of, rows, unsearchable, watermark, digest FROM compartment WHERE source = ?1")?;
    let read = |r: &rusqlite::Row<'_>| {
        let target = Target {
            compartment: r.get(0)?,
            extract: 0,
            at: now,
            digest: RowDigest::default(),
            rows: r.get(2)?,
            unsearchable: r.get(3)?,
            seq,
        };
        let known = Known { n: r.get(0)?, as_of: Timestamp(r.get(1)?), target, watermark: r.get(4)? };
        Ok((known, r.get::<_, Vec<u8>>(5)?))
    };
    let found = match find.query_row([&s.name], read).optional()? {
        Some(found) => found,
        None => {
            conn.execute(
                "INSERT INTO compartment (id, name, source, kind, title, offline_allowed, warnings, as_of, digest)
                 VALUES (?1, ?2, ?3, ?4, ?3, 0, 0, ?5, ?6)",
                params![
                    keys::random::<16>()?,
                    s.compartment,
                    s.name,
                    s.kind.as_str(),
                    as_of.0,
                    RowDigest::default().to_bytes()
                ],
            )?;
            find.query_row([&s.name], read)?
        }
    };
    let (mut known, digest) = found;
    known.target.digest = RowDigest::from_bytes(&digest)?;
    Ok(known)
}
