//! Mapping files: how a source's extract becomes records, so that a new source is a file and not code.
//!
//! The format is described for operators in `docs/mapping.md`. Everything that can be known to be wrong without an
//! extract is refused here, with the line it stands on; what needs the extract (a column that is not there) is refused
//! when its header is read, and what needs a row makes that row a reject.

mod dates;
mod field;
mod lists;
mod row;

pub use dates::DateFormats;
pub use field::{Column, Field, Unusable};
pub(crate) use row::{RowReader, Verdict};

use crate::HubError;
use beatcheck_model::{Disclosure, RecordKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

/// Version of the mapping format that this build reads.
pub const FORMAT: u32 = 1;
/// Largest mapping file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A mapping that was read and found consistent.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The source.
    pub source: Source,
    /// How its dates are written.
    pub dates: DateFormats,
    /// Record field to columns.
    pub fields: BTreeMap<String, Field>,
    /// Markers that every record of the source has.
    pub markers: Vec<ConstantMarker>,
    /// The file as it was, to be kept beside each extract.
    pub text: String,
}

/// What the file says of the source as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name, as shown in answers; part of every record's identity.
    pub name: String,
    /// Vehicles or persons.
    pub kind: RecordKind,
    /// Compartment its records go to.
    pub compartment: String,
    /// Whether it may go to phones at all; publishing refuses a source that does not say so.
    #[serde(default)]
    pub offline_allowed: bool,
    /// Whether it carries warnings about its subjects; if not said, whether any marker is mapped.
    pub warnings: Option<bool>,
    /// Name for people, where `name` is a code.
    pub title: Option<String>,
    /// Columns that identify a row; none: the whole row does.
    pub key: Vec<String>,
    /// How often an extract is due, in hours.
    pub due_every_hours: Option<u32>,
    /// Share of the held records that one extract may delete without being forced, 0 to 1.
    #[serde(default = "half")]
    pub max_delete_share: f64,
    /// Days after `updated` (or else `created`) at which a record without `expires` expires.
    pub validity_days: Option<u32>,
    /// Handling code of every record.
    #[serde(default)]
    pub handling: String,
    /// Flags of every record.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Where the extract's own time comes from; `None`: it must be stated at each ingest.
    #[serde(default)]
    pub as_of: Option<AsOf>,
}

fn half() -> f64 {
    0.5
}

/// Where the extract's own time comes from.
#[derive(Debug, Clone)]
pub enum AsOf {
    /// The newest date in a column.
    Newest(String),
    /// A column in which every row states it.
    Column(String),
    /// The group of a pattern on the file's name.
    FileName(regex::Regex),
    /// The time of ingest: for sources that are exported at that moment.
    IngestTime,
}

impl<'de> Deserialize<'de> for AsOf {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            newest: Option<String>,
            column: Option<String>,
            file_name: Option<String>,
            ingest_time: Option<bool>,
        }
        let err = serde::de::Error::custom;
        match Raw::deserialize(d)? {
            Raw { newest: Some(c), column: None, file_name: None, ingest_time: None } => Ok(Self::Newest(c)),
            Raw { newest: None, column: Some(c), file_name: None, ingest_time: None } => Ok(Self::Column(c)),
            Raw { newest: None, column: None, file_name: Some(p), ingest_time: None } => {
                let pattern = regex::Regex::new(&p).map_err(|e| err(format!("file_name: {e}")))?;
                if pattern.captures_len() != 2 {
                    return Err(err("file_name: the pattern needs exactly one group (..) around the time".to_owned()));
                }
                Ok(Self::FileName(pattern))
            }
            Raw { newest: None, column: None, file_name: None, ingest_time: Some(true) } => Ok(Self::IngestTime),
            _ => Err(err("as_of takes exactly one of newest, column, file_name, ingest_time = true".to_owned())),
        }
    }
}

/// A marker that every record of a source has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstantMarker {
    /// The agency's code.
    pub code: String,
    /// In words.
    pub text: String,
    /// What to do.
    #[serde(default)]
    pub action: String,
    /// Who may hear of it.
    #[serde(default)]
    pub disclosure: Disclosure,
    /// Column that says since when.
    pub since: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: Spanned<u32>,
    source: Spanned<Source>,
    #[serde(default)]
    dates: Dates,
    fields: BTreeMap<String, Spanned<Field>>,
    #[serde(default)]
    markers: Vec<Spanned<ConstantMarker>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Dates {
    formats: Vec<Spanned<String>>,
}

impl Mapping {
    /// Reads and checks a mapping file.
    ///
    /// # Errors
    /// [`HubError::Mapping`] with the line of what is wrong.
    pub fn load(path: &Path) -> Result<Self, HubError> {
        let bad = |reason: String| HubError::Mapping { path: path.into(), reason };
        let size = std::fs::metadata(path).map_err(|e| bad(e.to_string()))?.len();
        if size > MAX_BYTES {
            return Err(bad(format!("{size} bytes is no mapping")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
        Self::parse(&text).map_err(bad)
    }

    /// Reads and checks a mapping.
    ///
    /// # Errors
    /// What is wrong, beginning with `line N:`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let at = |span: Range<usize>, reason: &str| {
            let line = text.as_bytes()[..span.start.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1;
            format!("line {line}: {reason}")
        };
        let file: File = toml::from_str(text).map_err(|e| at(e.span().unwrap_or_default(), e.message().trim()))?;
        if *file.format.get_ref() != FORMAT {
            let found = file.format.get_ref();
            return Err(at(file.format.span(), &format!("format {found} is not known: this build reads {FORMAT}")));
        }
        let source_span = file.source.span();
        let source = file.source.into_inner();
        check_source(&source).map_err(|e| at(source_span.clone(), &e))?;
        for (name, field) in &file.fields {
            field.get_ref().check(name, source.kind).map_err(|e| at(field.span(), &e))?;
        }
        let any = |names: &[&str]| names.iter().any(|n| file.fields.contains_key(*n));
        match source.kind {
            RecordKind::Vehicle if !any(&["vrm", "vin"]) => {
                return Err(at(source_span, "map `vrm` or `vin`: without one no vehicle can be found"));
            }
            RecordKind::Person if !any(&["surname", "given", "identifiers"]) => {
                return Err(at(
                    source_span,
                    "map `surname`, `given` or `identifiers`: without one no person can be found",
                ));
            }
            RecordKind::Variant if !any(&["forms"]) => {
                return Err(at(source_span, "map `forms`: the names that are forms of one name"));
            }
            _ => {}
        }
        if let Some(m) = file.markers.iter().find(|m| m.get_ref().code.is_empty() || m.get_ref().text.is_empty()) {
            return Err(at(m.span(), "a marker needs code and text"));
        }
        let formats = &file.dates.formats;
        let dates = if formats.is_empty() {
            DateFormats::default()
        } else {
            DateFormats::new(formats.iter().map(|f| f.get_ref().as_str()))
                .map_err(|(i, e)| at(formats[i].span(), &e))?
        };
        Ok(Self {
            source,
            dates,
            fields: file.fields.into_iter().map(|(n, f)| (n, f.into_inner())).collect(),
            markers: file.markers.into_iter().map(Spanned::into_inner).collect(),
            text: text.to_owned(),
        })
    }

    /// Whether the source carries warnings.
    #[must_use]
    pub fn warnings(&self) -> bool {
        self.source.warnings.unwrap_or(!self.markers.is_empty() || self.fields.contains_key("markers"))
    }
}

fn check_source(s: &Source) -> Result<(), String> {
    for (what, text) in [("name", &s.name), ("compartment", &s.compartment)] {
        if text.trim().is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
            return Err(format!("source.{what} must be 1 to 200 bytes of plain text"));
        }
    }
    if !(0.0..=1.0).contains(&s.max_delete_share) {
        return Err("source.max_delete_share is a share: 0 to 1".into());
    }
    if s.due_every_hours == Some(0) || s.validity_days == Some(0) {
        return Err("source.due_every_hours and source.validity_days must be above 0".into());
    }
    if s.flags.iter().any(String::is_empty) {
        return Err("a flag cannot be empty".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "format = 1\n[source]\nname = \"s\"\nkind = \"vehicle\"\ncompartment = \"c\"\nkey = [\"id\"]\n\
                        [fields]\nvrm = \"plate\"\n";

    #[test]
    fn defaults_are_the_careful_ones() {
        let m = Mapping::parse(GOOD).unwrap();
        assert!(!m.source.offline_allowed && !m.warnings() && m.source.as_of.is_none());
        assert!((m.source.max_delete_share - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (from, to, expected) in [
            ("format = 1", "format = 2", "line 1: format 2 is not known"),
            ("vrm = \"plate\"", "vrn = \"plate\"", "line 8: a vehicle has no field `vrn`"),
            ("name = \"s\"", "nam = \"s\"", "line 3: unknown field `nam`"),
            ("key = [\"id\"]", "key = [\"id\"]\nmax_delete_share = 2.0", "source.max_delete_share is a share"),
            ("vrm = \"plate\"", "vrm = { column = \"p\", split = \";\" }", "line 8: `vrm` is no list"),
            ("vrm = \"plate\"", "vrm = { column = \"p\", unusable = [\"(\"] }", "line 8: unusable: regex parse error"),
            ("vrm = \"plate\"", "make = \"m\"", "map `vrm` or `vin`"),
            ("[fields]", "[source.as_of]\nfile_name = \"x\"\n[fields]", "exactly one group"),
            ("[fields]", "[dates]\nformats = [\"%d/%m/%y\"]\n[fields]", "line 8: two-digit years"),
            ("vrm = \"plate\"", "vrm = \"plate\"\nlinks = { column = \"l\", parts = [\"x\"] }", "has no part `x`"),
        ] {
            let error = Mapping::parse(&GOOD.replace(from, to)).unwrap_err();
            assert!(error.contains(expected), "{expected:?} not in {error:?}");
        }
    }
}
