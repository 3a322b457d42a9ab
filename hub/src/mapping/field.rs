//! How a record's field is filled from columns: the `[fields]` of a mapping.

use beatcheck_model::RecordKind;
use regex::RegexSet;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer};

/// What one column gives to a field.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name in the extract's header.
    pub column: String,
    /// A value that one of these describes (the whole of it) counts as not given.
    #[serde(default)]
    pub unusable: Unusable,
    /// What stands between the items of a list.
    pub split: Option<String>,
    /// What stands between the parts of an item.
    pub part_split: Option<String>,
    /// The parts of an item, in order.
    pub parts: Option<Vec<String>>,
    /// The kind of all items, where the column does not say it (`identifiers = { column = "pnc_id", kind = "pnc_id" }`).
    pub kind: Option<String>,
}

/// Patterns, each to be matched by the whole value: a plate is not lost because a part of it looks like `NA`.
#[derive(Debug, Clone, Default)]
pub struct Unusable(Option<RegexSet>);

impl Unusable {
    /// Whether `value` is one of them.
    #[must_use]
    pub fn is(&self, value: &str) -> bool {
        self.0.as_ref().is_some_and(|set| set.is_match(value))
    }
}

impl<'de> Deserialize<'de> for Unusable {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let patterns = Vec::<String>::deserialize(d)?;
        let whole = patterns.iter().map(|p| format!("^(?:{p})$"));
        let set = RegexSet::new(whole).map_err(|e| serde::de::Error::custom(format!("unusable: {e}")))?;
        Ok(Self((!patterns.is_empty()).then_some(set)))
    }
}

/// The columns of one field: `"column"`, `{ column = .. }`, or for a list an array of these.
#[derive(Debug, Clone)]
pub struct Field(pub Vec<Column>);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Field;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a column's name, { column = \"...\" }, or an array of these")
            }
            fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Field, E> {
                let column = v.to_owned();
                Ok(Field(vec![Column {
                    column,
                    unusable: Unusable::default(),
                    split: None,
                    part_split: None,
                    parts: None,
                    kind: None,
                }]))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
                Column::deserialize(MapAccessDeserializer::new(map)).map(|c| Field(vec![c]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Field, A::Error> {
                let fields = Vec::<Field>::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(Field(fields.into_iter().flat_map(|f| f.0).collect()))
            }
        }
        d.deserialize_any(Visitor)
    }
}

const COMMON: [&str; 6] = ["created", "updated", "review", "expires", "markers", "links"];
const VEHICLE: [&str; 8] = ["vrm", "vin", "make", "model", "colour", "body_type", "year", "area"];
const PERSON: [&str; 16] = [
    "given",
    "surname",
    "dob",
    "sex",
    "ethnic_appearance",
    "ethnicity_self",
    "height_band",
    "summary",
    "photo_ref",
    "address",
    "postcode",
    "aliases",
    "addresses",
    "identifiers",
    "statuses",
    "events",
];

const VARIANT: [&str; 1] = ["forms"];

/// The fields that a record of this kind has.
pub(super) fn names(kind: RecordKind) -> Vec<&'static str> {
    let own: &[&str] = match kind {
        RecordKind::Vehicle => &VEHICLE,
        RecordKind::Person => &PERSON,
        RecordKind::Variant => &VARIANT,
    };
    own.iter().chain(&COMMON).copied().collect()
}

/// The parts that an item of a list field may have, in the order taken where `parts` is not given; `None` for a field
/// that is no list.
pub(super) fn parts(field: &str) -> Option<&'static [&'static str]> {
    Some(match field {
        "aliases" => &["given", "surname", "kind"],
        "addresses" => &["text", "postcode", "kind"],
        "identifiers" => &["kind", "value"],
        "markers" => &["code", "text", "action", "disclosure", "since", "until"],
        "statuses" => &["code", "text", "since", "until"],
        "events" => &["kind", "date", "text", "outcome"],
        "links" => &["kind", "target_key", "text"],
        "dob" => &["date"],
        "forms" => &["form"],
        _ => return None,
    })
}

impl Field {
    /// What is wrong with this field, in words.
    pub(super) fn check(&self, name: &str, kind: RecordKind) -> Result<(), String> {
        if !names(kind).contains(&name) {
            let known = names(kind).join(", ");
            return Err(format!("a {} has no field `{name}`; it has {known}", kind.as_str()));
        }
        let list = parts(name);
        if self.0.is_empty() || (list.is_none() && self.0.len() > 1) {
            return Err(format!("`{name}` takes exactly one column"));
        }
        for c in &self.0 {
            let options = c.split.is_some() || c.part_split.is_some() || c.parts.is_some() || c.kind.is_some();
            let Some(known) = list else {
                if options {
                    return Err(format!("`{name}` is no list: split, part_split, parts and kind do not apply"));
                }
                continue;
            };
            if c.split.as_deref() == Some("") || c.part_split.as_deref() == Some("") {
                return Err(format!("`{name}`: split and part_split cannot be empty"));
            }
            if let Some(bad) = c.parts.iter().flatten().find(|p| !known.contains(&p.as_str())) {
                return Err(format!("`{name}` has no part `{bad}`; it has {}", known.join(", ")));
            }
            if c.kind.is_some() && !known.contains(&"kind") {
                return Err(format!("an item of `{name}` has no kind"));
            }
        }
        Ok(())
    }
}
