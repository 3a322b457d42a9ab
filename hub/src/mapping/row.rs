//! One row of an extract into one record, or into the reasons why not.
//!
//! Reasons name columns and never values: they are shown and logged, and a value may be personal data.

use super::lists::{Item, items};
use super::{AsOf, Column, ConstantMarker, Mapping};
use beatcheck_model::{
    Address, Body, Disclosure, Event, FLAG_VRM_UNUSABLE, FLAG_YEAR_UNREADABLE, Identifier, Link, Marker, Name,
    PartialDate, Person, Record, RecordId, RecordKind, Status, Timestamp, Variant, Vehicle, sex_text,
};
use csv::StringRecord;
use std::collections::{BTreeMap, HashMap};

/// A mapping bound to the columns of one extract.
pub(crate) struct RowReader<'m> {
    mapping: &'m Mapping,
    fields: BTreeMap<&'m str, Vec<(usize, &'m Column)>>,
    markers: Vec<(&'m ConstantMarker, Option<usize>)>,
    key: Vec<usize>,
    as_of: Option<usize>,
    width: usize,
}

/// What became of a row.
pub(crate) enum Verdict {
    /// A record, its id and version still to be given.
    Record(Box<Record>),
    /// Not usable, for these reasons.
    Rejected(Vec<String>),
}

struct Cells<'r> {
    row: &'r StringRecord,
    reasons: Vec<String>,
}

impl<'m> RowReader<'m> {
    /// Binds the mapping to a header.
    ///
    /// # Errors
    /// The columns that are missing or ambiguous; never what the header holds instead, for it may be a row of data.
    pub(crate) fn bind(mapping: &'m Mapping, header: &StringRecord) -> Result<Self, String> {
        let mut at: HashMap<&str, Option<usize>> = HashMap::new();
        for (i, name) in header.iter().enumerate() {
            at.entry(name.trim()).and_modify(|x| *x = None).or_insert(Some(i));
        }
        let (mut missing, mut twice) = (Vec::new(), Vec::new());
        let mut find = |name: &str| match at.get(name) {
            Some(Some(i)) => *i,
            Some(None) => {
                twice.push(format!("`{name}`"));
                0
            }
            None => {
                missing.push(format!("`{name}`"));
                0
            }
        };
        let fields = mapping
            .fields
            .iter()
            .map(|(n, f)| (n.as_str(), f.0.iter().map(|c| (find(&c.column), c)).collect()))
            .collect();
        let markers = mapping.markers.iter().map(|m| (m, m.since.as_deref().map(&mut find))).collect();
        let key = mapping.source.key.iter().map(|k| find(k)).collect();
        let as_of = match &mapping.source.as_of {
            Some(AsOf::Newest(c) | AsOf::Column(c)) => Some(find(c)),
            _ => None,
        };
        missing.dedup();
        twice.dedup();
        match (missing.is_empty(), twice.is_empty()) {
            (false, _) => Err(format!("its first line does not name the columns {}", missing.join(", "))),
            (_, false) => Err(format!("its first line names the columns {} more than once", twice.join(", "))),
            _ => Ok(Self { mapping, fields, markers, key, as_of, width: header.len() }),
        }
    }

    /// The key values of a row, as far as they are there; `None` if not all are.
    pub(crate) fn key<'r>(&self, row: &'r StringRecord) -> Option<Vec<&'r str>> {
        if self.key.is_empty() {
            return (row.len() == self.width).then(|| row.iter().map(str::trim).collect());
        }
        self.key.iter().map(|i| row.get(*i).map(str::trim)).collect()
    }

    /// The cell that states the extract's time.
    pub(crate) fn as_of<'r>(&self, row: &'r StringRecord) -> Option<&'r str> {
        self.as_of.and_then(|i| row.get(i)).map(str::trim)
    }

    /// The record that a row is.
    pub(crate) fn read(&self, row: &StringRecord) -> Verdict {
        if row.len() != self.width {
            return Verdict::Rejected(vec![format!("has {} columns, the header has {}", row.len(), self.width)]);
        }
        let mut cells = Cells { row, reasons: Vec::new() };
        let c = &mut cells;
        let source = &self.mapping.source;
        let (created, updated) = (self.date(c, "created"), self.date(c, "updated"));
        let expires = self.date(c, "expires").or_else(|| {
            let from = updated.or(created)?;
            source.validity_days.and_then(|days| add_days(from, days))
        });
        let mut flags = source.flags.clone();
        let body = match source.kind {
            RecordKind::Vehicle => Body::Vehicle(self.vehicle(c, &mut flags)),
            RecordKind::Person => Body::Person(self.person(c)),
            RecordKind::Variant => Body::Variant(Variant {
                forms: self.list(c, "forms", |_, i| Some(i.text("form")).filter(|f| !f.is_empty())),
            }),
        };
        let source_key = if self.key.is_empty() { String::new() } else { self.key(row).unwrap_or_default().join("|") };
        let record = Record {
            id: RecordId::default(),
            version: 0,
            source_key,
            created,
            updated,
            review: self.date(c, "review"),
            expires,
            handling: source.handling.clone(),
            flags,
            body,
        };
        if cells.reasons.is_empty() { Verdict::Record(Box::new(record)) } else { Verdict::Rejected(cells.reasons) }
    }

    fn vehicle(&self, c: &mut Cells<'_>, flags: &mut Vec<String>) -> Vehicle {
        let as_written = self.fields.get("vrm").and_then(|f| f.first()).map_or("", |(i, _)| cell(c.row, *i));
        let vrm = beatcheck_search::normalise_vrm(&self.text(c, "vrm"));
        if vrm.is_none() && !flags.iter().any(|f| f == FLAG_VRM_UNUSABLE) {
            flags.push(FLAG_VRM_UNUSABLE.into());
        }
        let vin = self.text(c, "vin");
        let year = self.text(c, "year");
        let year = match year.as_str() {
            "" => 0,
            y => y.parse().ok().filter(|y| *y == 0 || (1000..=9999).contains(y)).unwrap_or_else(|| {
                // Not worth losing a stolen car for: the row is kept, and says that its year is not to be read.
                flags.push(FLAG_YEAR_UNREADABLE.into());
                0
            }),
        };
        Vehicle {
            vrm,
            vrm_as_written: as_written.to_owned(),
            vin: beatcheck_search::normalise_vin(&vin).unwrap_or_else(|| vin.to_uppercase()),
            make: self.text(c, "make"),
            model: self.text(c, "model"),
            colour: self.text(c, "colour"),
            body_type: self.text(c, "body_type"),
            year,
            area: self.text(c, "area"),
            markers: self.markers(c),
            links: self.links(c),
        }
    }

    fn person(&self, c: &mut Cells<'_>) -> Person {
        let (given, surname) = (self.text(c, "given"), self.text(c, "surname"));
        let mut names = Vec::new();
        if !given.is_empty() || !surname.is_empty() {
            names.push(Name { given, surname, kind: "primary".into() });
        }
        names.extend(self.list(c, "aliases", |_, i| {
            let (given, surname) = (i.text("given"), i.text("surname"));
            Some(Name { given, surname, kind: i.kind_or("alias") })
        }));
        // Any other word is no sex known: it only ever counts for or against a match, so no row is lost for it.
        let sex = sex_text::parse(&self.text(c, "sex")).unwrap_or_default();
        let mut addresses = Vec::new();
        let (text, postcode) = (self.text(c, "address"), self.text(c, "postcode"));
        if !text.is_empty() || !postcode.is_empty() {
            addresses.push(Address { text, postcode, kind: "home".into() });
        }
        addresses.extend(self.list(c, "addresses", |_, i| {
            let (text, postcode) = (i.text("text"), i.text("postcode"));
            Some(Address { text, postcode, kind: i.kind_or("home") })
        }));
        let person = Person {
            names,
            dobs: self.list(c, "dob", |d, i| d(i.get("date"))),
            sex,
            ethnic_appearance: self.text(c, "ethnic_appearance"),
            ethnicity_self: self.text(c, "ethnicity_self"),
            height_band: self.text(c, "height_band"),
            identifiers: self
                .list(c, "identifiers", |_, i| Some(Identifier { kind: i.kind_or("other"), value: i.text("value") })),
            addresses,
            markers: self.markers(c),
            statuses: self.list(c, "statuses", |d, i| {
                let (since, until) = (d(i.get("since")), d(i.get("until")));
                Some(Status { code: i.text("code"), text: i.text("text"), since, until })
            }),
            summary: self.text(c, "summary"),
            events: self.list(c, "events", |d, i| {
                let date = d(i.get("date"));
                Some(Event { kind: i.text("kind"), date, text: i.text("text"), outcome: i.text("outcome") })
            }),
            links: self.links(c),
            photo_ref: self.text(c, "photo_ref"),
        };
        if person.names.is_empty() && person.dobs.is_empty() && person.identifiers.is_empty() {
            c.reasons.push("has neither name nor date of birth nor identifier: it could never be found".into());
        }
        person
    }

    fn markers(&self, c: &mut Cells<'_>) -> Vec<Marker> {
        let mut out = Vec::new();
        for (m, since) in &self.markers {
            let since = since.and_then(|i| {
                self.mapping.dates.parse(cell(c.row, i)).unwrap_or_else(|()| {
                    let column = m.since.as_deref().unwrap_or_default();
                    c.reasons.push(format!("column `{column}`: not a date in any of the mapping's formats"));
                    None
                })
            });
            let ConstantMarker { code, text, action, disclosure, .. } = (*m).clone();
            out.push(Marker { code, text, action, disclosure, since, until: None });
        }
        let mut wrong = false;
        out.extend(self.list(c, "markers", |d, i| {
            let disclosure = match i.get("disclosure").to_ascii_lowercase().as_str() {
                "" | "speakable" => Disclosure::Speakable,
                "silent" => Disclosure::Silent,
                _ => {
                    wrong = true;
                    Disclosure::Silent
                }
            };
            let (since, until) = (d(i.get("since")), d(i.get("until")));
            let (code, text, action) = (i.text("code"), i.text("text"), i.text("action"));
            Some(Marker { code, text, action, disclosure, since, until })
        }));
        if wrong {
            self.reject(c, "markers", "disclosure is neither `speakable` nor `silent`");
        }
        out
    }

    fn links(&self, c: &mut Cells<'_>) -> Vec<Link> {
        self.list(c, "links", |_, i| {
            Some(Link { kind: i.text("kind"), target_key: i.text("target_key"), text: i.text("text") })
        })
    }

    /// A field's text, empty where it is not mapped, empty or unusable.
    fn text(&self, c: &Cells<'_>, field: &str) -> String {
        let Some((i, column)) = self.fields.get(field).and_then(|f| f.first()) else { return String::new() };
        let value = cell(c.row, *i);
        if column.unusable.is(value) { String::new() } else { value.to_owned() }
    }

    fn date(&self, c: &mut Cells<'_>, field: &str) -> Option<PartialDate> {
        let text = self.text(c, field);
        self.mapping.dates.parse(&text).unwrap_or_else(|()| {
            self.reject(c, field, "not a date in any of the mapping's formats");
            None
        })
    }

    /// The items of a list field; `make` is given a reader of dates.
    fn list<T>(
        &self,
        c: &mut Cells<'_>,
        field: &str,
        mut make: impl FnMut(&mut dyn FnMut(&str) -> Option<PartialDate>, &Item<'_>) -> Option<T>,
    ) -> Vec<T> {
        let mut out = Vec::new();
        for (i, column) in self.fields.get(field).into_iter().flatten() {
            let value = cell(c.row, *i);
            if column.unusable.is(value) {
                continue;
            }
            let mut reason = None;
            let mut date = |text: &str| {
                self.mapping.dates.parse(text).unwrap_or_else(|()| {
                    reason = Some("not a date in any of the mapping's formats");
                    None
                })
            };
            match items(field, column, value) {
                Ok(all) => out.extend(all.iter().filter_map(|item| make(&mut date, item))),
                Err(e) => reason = Some(e),
            }
            if let Some(reason) = reason {
                c.reasons.push(format!("column `{}`: {reason}", column.column));
            }
        }
        out
    }

    fn reject(&self, c: &mut Cells<'_>, field: &str, reason: &str) {
        let column = self.fields.get(field).and_then(|f| f.first()).map_or(field, |(_, column)| &column.column);
        c.reasons.push(format!("column `{column}`: {reason}"));
    }
}

fn cell(row: &StringRecord, i: usize) -> &str {
    row.get(i).unwrap_or("").trim()
}

/// A full, possible date moved by days.
fn add_days(from: PartialDate, days: u32) -> Option<PartialDate> {
    if !from.is_full() {
        return None;
    }
    let start: Timestamp = format!("{from}T00:00:00Z").parse().ok()?;
    Some(start.plus_secs(i64::from(days) * 86_400).date())
}
