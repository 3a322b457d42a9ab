//! An answer, rebuilt from its reference: the records that were shown, at the versions shown, and the sources as they stood.
//!
//! The hub keeps every version of every record, and an entry names the version that was shown. What is rebuilt is what an answer
//! was drawn from, not its wording: how candidates were graded is the app's, of the version that was in use. Records are whole;
//! which groups of fields the role did not see is said beside them.

use super::filter::AccountFilter;
use super::index::unhex;
use super::search::count;
use super::{AccountRow, Noted, Page};
use crate::{Hub, HubError};
use beatcheck_audit::{Consulted, Entry, EntryKind, Shown};
use beatcheck_model::{Outcome, Record, RecordId, Timestamp};
use beatcheck_wire::policy::Hidden;
use beatcheck_wire::{CompartmentId, digest};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

/// Checks with one reference, at most: references are short, and not unique over a force and a year.
const MAX_SAME: usize = 10;
/// Versions of one record walked back, at most.
const MAX_VERSIONS: usize = 100_000;

/// An answer as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// The entry of the check.
    pub row: AccountRow,
    /// Groups of fields that the officer did not see; none if it is not known any more.
    pub hidden: Option<Vec<Hidden>>,
    /// The records that were shown.
    pub records: Vec<RebuiltRecord>,
    /// The sources that were consulted, as they stood.
    pub sources: Vec<RebuiltSource>,
    /// Whether all of it could be rebuilt.
    pub whole: bool,
}

/// A record that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RebuiltRecord {
    /// Its id, in hexadecimal.
    pub id: String,
    /// Compartment's name; its id in hexadecimal if the hub does not know it any more.
    pub compartment: String,
    /// The version shown.
    pub version: u32,
    /// `hit` or `possible`.
    pub outcome: Outcome,
    /// The record at that version; none if it cannot be rebuilt.
    pub record: Option<Record>,
    /// The version that stands now; none: the record is gone.
    pub version_now: Option<u32>,
    /// Why it cannot be rebuilt, or what does not fit.
    pub problem: Option<String>,
}

/// A source that was consulted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RebuiltSource {
    /// Compartment's name, as the entry says.
    pub compartment: String,
    /// `current`, `stale`, `missing`, `withheld` or `marks_only`.
    pub state: String,
    /// Up to which change the device held it.
    pub watermark: u64,
    /// By which manifest.
    pub manifest_version: u64,
    /// The time of the extract that the newest change came from; a later extract that changed nothing may have been confirmed.
    pub as_of: Option<Timestamp>,
    /// Why that is not known any more.
    pub problem: Option<String>,
}

impl Hub {
    /// Rebuilds the answers with this reference, the newest first: mostly one.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such check, or only the reader's own; as [`Hub::account_search`] else.
    pub fn rebuild_answer(&self, by: &Noted, reference: &str) -> Result<Vec<Rebuilt>, HubError> {
        self.account_index()?;
        let conn = self.conn()?;
        let filter = AccountFilter {
            reference: Some(reference.into()),
            event: Some("check".into()),
            ..AccountFilter::default()
        };
        let rows = self.page(&conn, by, &filter, &Page { after: None, rows: MAX_SAME })?.rows;
        if rows.is_empty() {
            return Err(HubError::Refused(match count(&conn, by, &filter, "", 1)? {
                0 => "there is no check with this reference, or its time was up".into(),
                _ => "this check is the reader's own: somebody else must look at it".to_owned(),
            }));
        }
        rows.into_iter().map(|row| self.rebuild(&conn, row)).collect()
    }

    fn rebuild(&self, conn: &Connection, row: AccountRow) -> Result<Rebuilt, HubError> {
        let mut out = Rebuilt { row, hidden: None, records: vec![], sources: vec![], whole: false };
        let Some(entry) = &out.row.entry else { return Ok(out) };
        out.hidden = self.hidden(entry);
        if let EntryKind::Check { shown, consulted, .. } = &entry.kind {
            for s in shown {
                out.records.push(record(conn, s, consulted)?);
            }
            for c in consulted {
                out.sources.push(source(conn, c)?);
            }
        }
        out.whole = out.row.problem.is_none()
            && out.hidden.is_some()
            && out.records.iter().all(|r| r.problem.is_none())
            && out.sources.iter().all(|s| s.problem.is_none());
        Ok(out)
    }

    /// Groups of fields that the role did not see under the policy of then.
    fn hidden(&self, entry: &Entry) -> Option<Vec<Hidden>> {
        if matches!(entry.kind, EntryKind::Check { break_glass: true, .. }) {
            return Some(Hidden::ALL.to_vec());
        }
        let policy = self.policy_at(entry.policy_version).ok()?;
        Some(policy.roles.get(&entry.role)?.hide.clone())
    }
}

/// Number and name of a compartment.
fn compartment(conn: &Connection, id: &str) -> Result<Option<(i64, String)>, HubError> {
    let Some(id) = CompartmentId::from_hex(id) else { return Ok(None) };
    Ok(conn
        .prepare_cached("SELECT n, name FROM compartment WHERE id = ?1")?
        .query_row([id.0], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?)
}

fn record(conn: &Connection, shown: &Shown, consulted: &[Consulted]) -> Result<RebuiltRecord, HubError> {
    let mut out = RebuiltRecord {
        id: shown.id.clone(),
        compartment: shown.compartment.clone(),
        version: shown.version,
        outcome: shown.outcome,
        record: None,
        version_now: None,
        problem: None,
    };
    let (Some((n, name)), Some(id)) = (compartment(conn, &shown.compartment)?, unhex(&shown.id)) else {
        out.problem = Some("the hub does not know its compartment any more".into());
        return Ok(out);
    };
    out.compartment = name;
    let mut seq = newest(conn, n, &id)?;
    let mut step = conn.prepare_cached("SELECT previous, version, row FROM record_version WHERE seq = ?1")?;
    for back in 0..MAX_VERSIONS {
        if seq == 0 {
            break;
        }
        let (previous, version, row): (u64, u32, Option<Vec<u8>>) =
            step.query_row([seq], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
        if back == 0 && row.is_some() {
            out.version_now = Some(version);
        }
        if version == shown.version
            && let Some(row) = row
        {
            out.record = Some(digest::from_canonical(&row)?);
            let held = consulted.iter().find(|c| c.compartment == shown.compartment).map(|c| c.watermark);
            if held.is_some_and(|w| seq > w) {
                out.problem = Some("it is newer than what the device said it held".into());
            }
            return Ok(out);
        }
        seq = previous;
    }
    out.problem = Some("this version of it is not in the hub's history".into());
    Ok(out)
}

/// Sequence of a record's newest version; 0 if there is none.
fn newest(conn: &Connection, n: i64, id: &RecordId) -> Result<u64, HubError> {
    let seq = conn
        .prepare_cached(
            "SELECT seq FROM record WHERE compartment = ?1 AND base = ?2 AND occurrence = 0
             UNION ALL SELECT seq FROM record WHERE compartment = ?1 AND record_id = ?2 LIMIT 1",
        )?
        .query_row(params![n, id.0], |r| r.get(0))
        .optional()?;
    Ok(seq.unwrap_or(0))
}

fn source(conn: &Connection, consulted: &Consulted) -> Result<RebuiltSource, HubError> {
    let mut out = RebuiltSource {
        compartment: consulted.name.clone(),
        state: consulted.state.clone(),
        watermark: consulted.watermark,
        manifest_version: consulted.manifest_version,
        as_of: None,
        problem: None,
    };
    match compartment(conn, &consulted.compartment)? {
        None => out.problem = Some("the hub does not know this compartment any more".into()),
        // Nothing was held: there is nothing to rebuild.
        Some(_) if consulted.watermark == 0 => {}
        Some((n, _)) => {
            let sql = "SELECT e.as_of FROM record_version v JOIN extract e ON e.id = v.extract
                       WHERE v.compartment = ?1 AND v.seq <= ?2 ORDER BY v.seq DESC LIMIT 1";
            let as_of: Option<Option<i64>> =
                conn.prepare_cached(sql)?.query_row(params![n, consulted.watermark], |r| r.get(0)).optional()?;
            out.as_of = as_of.flatten().map(Timestamp);
            if out.as_of.is_none() {
                out.problem = Some("the hub's history does not reach back to it".into());
            }
        }
    }
    Ok(out)
}
