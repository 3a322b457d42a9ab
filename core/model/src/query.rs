//! What an officer asks.

use crate::{RecordKind, Sex};
use serde::{Deserialize, Serialize};

/// Longest text accepted in one field of a query, in bytes. Longer ones are an invalid query, not a slow one.
pub const MAX_FIELD_BYTES: usize = 10_240;

/// One check's question. In JSON the `kind` says which: `{"kind":"vehicle","vrm":"BD51 SMR"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Query {
    /// A vehicle check.
    Vehicle(VehicleQuery),
    /// A person check.
    Person(PersonQuery),
    /// What is linked with a record that was shown.
    Linked(LinkedQuery),
}

impl Query {
    /// The kind of subject asked for.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::Vehicle(_) => RecordKind::Vehicle,
            Self::Person(_) => RecordKind::Person,
            Self::Linked(q) => q.of,
        }
    }

    /// The kinds of record that are searched.
    #[must_use]
    pub const fn searches(&self) -> &'static [RecordKind] {
        match self {
            Self::Vehicle(_) => &[RecordKind::Vehicle],
            Self::Person(_) => &[RecordKind::Person],
            Self::Linked(_) => &[RecordKind::Vehicle, RecordKind::Person],
        }
    }
}

/// Ask what is linked with a record: from a person to vehicles and associates, from a vehicle to its keeper and known users,
/// and back. It is a check like any other: with a purpose, on record, within the permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedQuery {
    /// Kind of the record.
    pub of: RecordKind,
    /// Its id as an answer shows it, 32 hexadecimal digits.
    pub record: String,
}

/// Ask for a vehicle: by mark, or by VIN. At least one must be given; what it looks like narrows the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VehicleQuery {
    /// Registration mark as typed; `?` is one character not seen, `*` any number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrm: Option<String>,
    /// VIN or chassis number as typed, or its last six characters or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vin: Option<String>,
    /// Make or model or both, such as `VW Golf`. This and what follows are filters: they find nothing by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub make: Option<String>,
    /// Colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// Body type, such as `estate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_type: Option<String>,
    /// Year of manufacture: `2015`, `2010-2014`, or `~2015` for about that year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<String>,
    /// Which page of the list, from 1; a page holds as many as policy shows in one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
}

/// Ask for a person. At least one of a name, a date of birth, an identifier or an address must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonQuery {
    /// Surname as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surname: Option<String>,
    /// Given names as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// A whole name in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Date of birth: `1984-03-02`, `1984-03`, `1984`, or `~1984` for about that year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dob: Option<String>,
    /// Sex, if it is to count.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "sex_text")]
    pub sex: Option<Sex>,
    /// Any identifier: PNC ID, CRO number, driver number, ... A driver number is also a description of its holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Age in years, instead of a date of birth: `30`, `30-35`, or `~30` for about that age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    /// Height, if it is to count: `172`, `170-175` (centimetres), `5'8"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<String>,
    /// Any part of an address, with or without a postcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Postcode, or the beginning of one: `B15 2TT`, `B15 2`, `B15`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// Which page of the list, from 1; a page holds as many as policy shows in one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
}

/// Reads `m`, `f`, `male`, `female`, `unknown`, `other` in any case; writes the word. An empty text is no sex given.
pub mod sex_text {
    use super::Sex;
    use serde::{Deserialize, Deserializer, Serializer};

    /// The sex that a word or letter means; `None` if it means none.
    #[must_use]
    pub fn parse(s: &str) -> Option<Sex> {
        match s.trim().to_ascii_lowercase().as_str() {
            "m" | "male" => Some(Sex::Male),
            "f" | "female" => Some(Sex::Female),
            "u" | "unknown" => Some(Sex::Unknown),
            "o" | "x" | "other" => Some(Sex::Other),
            _ => None,
        }
    }

    pub(super) fn serialize<S: Serializer>(v: &Option<Sex>, s: S) -> Result<S::Ok, S::Error> {
        match v {
            None => s.serialize_none(),
            Some(Sex::Male) => s.serialize_str("male"),
            Some(Sex::Female) => s.serialize_str("female"),
            Some(Sex::Other) => s.serialize_str("other"),
            Some(Sex::Unknown) => s.serialize_str("unknown"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Sex>, D::Error> {
        match Option::<String>::deserialize(d)? {
            None => Ok(None),
            Some(t) if t.trim().is_empty() => Ok(None),
            Some(t) => parse(&t).map(Some).ok_or_else(|| serde::de::Error::custom("sex is m, f, other or unknown")),
        }
    }
}
