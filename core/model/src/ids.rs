//! Names of things: records, compartments, devices.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Identity of a record, stable across extracts: the first 16 bytes of a hash over source, kind, key and occurrence.
///
/// The hub computes it ([`RecordId::derive_input`] gives the bytes that are hashed); a device derives it again
/// only to follow a link.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct RecordId(pub [u8; 16]);

impl RecordId {
    /// The bytes whose SHA-256 (first 16 bytes) is the id. Parts are length-prefixed, so that no two lists of parts
    /// give the same bytes. `occurrence` counts from 0 and is appended only where it is not 0: a source without
    /// duplicates has the ids it would have without the rule.
    #[must_use]
    pub fn derive_input(source: &str, kind: RecordKind, key: &[&str], occurrence: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        for part in std::iter::once(source).chain(std::iter::once(kind.as_str())).chain(key.iter().copied()) {
            out.extend_from_slice(&(part.len() as u32).to_le_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        if occurrence != 0 {
            out.extend_from_slice(b"#");
            out.extend_from_slice(&occurrence.to_le_bytes());
        }
        out
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a record is about: the two subjects that can be checked, and tables that help to find them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A vehicle.
    Vehicle,
    /// A nominal.
    Person,
    /// Names that are forms of one name; shown to nobody.
    Variant,
}

impl RecordKind {
    /// The word used in JSON and in mapping files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle",
            Self::Person => "person",
            Self::Variant => "variant",
        }
    }

    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Vehicle, Self::Person, Self::Variant];

    /// The kind that a word of [`RecordKind::as_str`] means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}
