//! Which entries are wanted, and as SQL over the index.

use super::Noted;
use beatcheck_model::{RecordId, Timestamp};
use beatcheck_wire::DeviceId;
use rusqlite::types::Value;

/// Which entries are wanted; an empty filter takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Of this device.
    pub device: Option<DeviceId>,
    /// Of this officer: as the entry says.
    pub officer: Option<String>,
    /// With this reference, as it was said over the radio.
    pub reference: Option<String>,
    /// In which this record was shown, or asked for by its id.
    pub record: Option<RecordId>,
    /// With this purpose.
    pub purpose: Option<String>,
    /// Of this kind, such as `check`, `late_hit`, `break_glass`.
    pub event: Option<String>,
    /// That happened at this time or later.
    pub since: Option<Timestamp>,
    /// That happened before this time.
    pub until: Option<Timestamp>,
    /// Only checks that were out of the ordinary.
    pub unusual: bool,
    /// Whose question, reason, incident or anything else contains this, in any case. Entries are opened one by one for it.
    pub text: Option<String>,
}

/// Which page of the list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What the page before said comes next; none: the first page.
    pub after: Option<String>,
    /// Rows of a page; 0 is the usual number.
    pub rows: usize,
}

impl AccountFilter {
    /// The filter in words, for the log of looks.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut parts = Vec::new();
        let mut say = |name: &str, value: Option<String>| parts.extend(value.map(|v| format!("{name} {v}")));
        say("device", self.device.map(|d| d.to_string()));
        say("officer", self.officer.clone());
        say("reference", self.reference.clone());
        say("record", self.record.map(|r| r.to_string()));
        say("purpose", self.purpose.clone());
        say("event", self.event.clone());
        say("since", self.since.map(|t| t.to_string()));
        say("until", self.until.map(|t| t.to_string()));
        say("text", self.text.as_ref().map(|t| format!("'{t}'")));
        if self.unusual {
            parts.push("unusual".into());
        }
        if parts.is_empty() { "everything".into() } else { parts.join(", ") }
    }

    /// Conditions on `account_entry e`, without those on the text, and their values.
    pub(super) fn sql(&self) -> (String, Vec<Value>) {
        let mut sql = String::from("1");
        let mut values = Vec::new();
        let mut also = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                sql.push_str(" AND ");
                sql.push_str(condition);
                values.push(value);
            }
        };
        let text = |t: &Option<String>| t.as_ref().map(|t| Value::Text(t.trim().to_owned()));
        let time = |t: Option<Timestamp>| t.map(|t| Value::Integer(t.0));
        also("e.device = ?", self.device.map(|d| Value::Blob(d.0.to_vec())));
        also("e.officer = ?", text(&self.officer));
        also("e.reference = ?", text(&self.reference));
        also(
            "e.id IN (SELECT entry FROM account_shown WHERE record = ?)",
            self.record.map(|r| Value::Blob(r.0.to_vec())),
        );
        also("e.purpose = ?", text(&self.purpose));
        also("e.event = ?", text(&self.event));
        also("e.happened >= ?", time(self.since));
        // It was not received before it happened: this is what cuts the index.
        also("e.received >= ?", time(self.since));
        also("e.happened < ?", time(self.until));
        if self.unusual {
            sql.push_str(" AND e.unusual");
        }
        (sql, values)
    }
}

/// The condition that an entry is the reader's own, and its values.
pub(super) fn own_sql(by: &Noted) -> (&'static str, Vec<Value>) {
    let values = by.own().iter().map(|o| Value::Text((*o).to_owned())).collect::<Vec<_>>();
    let twice = [values.clone(), values].concat();
    ("((e.officer <> '' AND e.officer IN (?, ?)) OR (e.holder <> '' AND e.holder IN (?, ?)))", twice)
}
