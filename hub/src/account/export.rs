//! Export for review: CSV for a spreadsheet, JSON for everything else.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@` or a control character for a formula, and an officer types what
//! they like into a reason. Such a cell gets an apostrophe in front, which spreadsheets read as 'this is text'; so does a cell that
//! begins with an apostrophe, so that reading back can take exactly one away. Rows go out page by page: an export of everything
//! takes no more memory than a screen of it.

use super::filter::{AccountFilter, Page};
use super::search::count;
use super::{AccountRow, Noted};
use crate::{Hub, HubError};
use beatcheck_audit::EntryKind;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::Write;

/// Version of the JSON export.
const JSON_FORMAT: u32 = 1;
/// Rows opened at once.
const ROWS: usize = 500;
/// Withheld rows counted, at most.
const COUNT_UP_TO: u64 = 1_000_000;

/// The columns of a CSV export.
const COLUMNS: [&str; 23] = [
    "device",
    "seq",
    "received",
    "not_before",
    "happened",
    "at",
    "officer",
    "holder",
    "role",
    "policy_version",
    "grant_version",
    "event",
    "reference",
    "purpose",
    "reason",
    "incident",
    "asked",
    "outcome",
    "unusual",
    "shown",
    "details",
    "unsigned",
    "problem",
];

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a head, UTF-8.
    Csv,
    /// One object: `format`, `filter`, `entries`, `withheld`.
    Json,
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// Entries written.
    pub entries: u64,
    /// Entries left out because they are the reader's own.
    pub withheld: u64,
}

impl Hub {
    /// Writes the entries that match, newest first. The reader's own are left out.
    ///
    /// # Errors
    /// As [`Hub::account_search`]; [`HubError::Io`] if `out` cannot be written.
    pub fn export(
        &self,
        by: &Noted,
        filter: &AccountFilter,
        format: Format,
        out: &mut dyn Write,
    ) -> Result<ExportReport, HubError> {
        self.account_index()?;
        match format {
            Format::Csv => self.export_csv(by, filter, out),
            Format::Json => self.export_json(by, filter, out),
        }
    }

    fn export_csv(&self, by: &Noted, filter: &AccountFilter, out: &mut dyn Write) -> Result<ExportReport, HubError> {
        let failed = |e: csv::Error| HubError::Io { what: WRITING.into(), source: e.into() };
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        csv.write_record(COLUMNS).map_err(failed)?;
        let report = self.each(by, filter, &mut |row| csv.write_record(cells(row)).map_err(failed))?;
        csv.flush().map_err(HubError::io(WRITING))?;
        Ok(report)
    }

    fn export_json(&self, by: &Noted, filter: &AccountFilter, out: &mut dyn Write) -> Result<ExportReport, HubError> {
        let text = |value: &Value| serde_json::to_string(value).unwrap_or_default();
        let head = format!("{{\"format\":{JSON_FORMAT},\"filter\":{},\"entries\":[", text(&json!(filter.in_words())));
        out.write_all(head.as_bytes()).map_err(HubError::io(WRITING))?;
        let mut between = "\n";
        let report = self.each(by, filter, &mut |row| {
            out.write_all(between.as_bytes()).map_err(HubError::io(WRITING))?;
            between = ",\n";
            serde_json::to_writer(&mut *out, row).map_err(|e| HubError::Io { what: WRITING.into(), source: e.into() })
        })?;
        let tail = format!("\n],\"withheld\":{}}}\n", report.withheld);
        out.write_all(tail.as_bytes()).and_then(|()| out.flush()).map_err(HubError::io(WRITING))?;
        Ok(report)
    }

    fn each(
        &self,
        by: &Noted,
        filter: &AccountFilter,
        write: &mut dyn FnMut(&AccountRow) -> Result<(), HubError>,
    ) -> Result<ExportReport, HubError> {
        let conn = self.conn()?;
        let mut report = ExportReport { entries: 0, withheld: count(&conn, by, filter, "", COUNT_UP_TO)? };
        let mut page = Page { after: None, rows: ROWS };
        loop {
            let found = self.page(&conn, by, filter, &page)?;
            for row in &found.rows {
                write(row)?;
                report.entries += 1;
            }
            page.after = found.next;
            if page.after.is_none() {
                return Ok(report);
            }
        }
    }
}

const WRITING: &str = "writing the export";

/// A row's cells, none of which a spreadsheet takes for a formula.
fn cells(row: &AccountRow) -> Vec<String> {
    let entry = row.entry.as_ref();
    let kind = entry.and_then(|e| serde_json::to_value(&e.kind).ok()).unwrap_or(Value::Null);
    let of = |name: &str| match kind.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let unusual = match entry.map(|e| &e.kind) {
        Some(EntryKind::Check { unusual, .. }) => unusual.join(" "),
        _ => String::new(),
    };
    let shown = match entry.map(|e| &e.kind) {
        Some(EntryKind::Check { shown, .. } | EntryKind::LateHit { shown, .. }) => {
            shown.iter().map(|s| format!("{}@{}", s.id, s.version)).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    };
    let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    [
        row.device.clone(),
        row.seq.to_string(),
        row.received.to_string(),
        row.not_before.map(|t| t.to_string()).unwrap_or_default(),
        row.happened.to_string(),
        entry.map(|e| e.at.to_string()).unwrap_or_default(),
        entry.map(|e| e.officer.clone()).unwrap_or_default(),
        row.holder.clone(),
        entry.map(|e| e.role.clone()).unwrap_or_default(),
        number(entry.map(|e| e.policy_version)),
        number(entry.map(|e| e.grant_version)),
        of("event"),
        of("reference"),
        of("purpose"),
        of("reason"),
        of("incident"),
        of("asked"),
        of("outcome"),
        unusual,
        shown,
        // Everything that the event says, so that nothing is lost for want of a column.
        if kind.is_null() { String::new() } else { kind.to_string() },
        row.unsigned.to_string(),
        row.problem.clone().unwrap_or_default(),
    ]
    .into_iter()
    .map(guarded)
    .collect()
}

/// A cell that a spreadsheet takes for text.
fn guarded(cell: String) -> String {
    let first = cell.trim_start_matches(' ').chars().next();
    if first.is_some_and(|c| {
        matches!(c, '=' | '+' | '-' | '@' | '\'' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}') || c.is_control()
    }) {
        format!("'{cell}")
    } else {
        cell
    }
}
