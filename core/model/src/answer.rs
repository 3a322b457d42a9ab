//! What an officer is told. The JSON of these shapes is the contract of `docs/cli.md`.
//!
//! The rules of the domain are in the shapes: there is no outcome called clear, `confirm` is a field of every answer,
//! provenance and coverage cannot be left out, and a marker carries whether it may be spoken.

use crate::{Disclosure, PartialDate, RecordId, RecordKind, Timestamp};
use serde::{Deserialize, Serialize};

/// The four outcomes of a check (rule 1: there is no fifth called clear).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The record belongs to what was asked: a mark as written, or an identifier with agreeing details.
    Hit,
    /// Something like what was asked: compare before acting.
    Possible,
    /// Nothing found in the sources searched, as of their times. Never 'clear'.
    NoTrace,
    /// Nothing could be searched, or the check was refused.
    CannotSay,
}

impl Outcome {
    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Possible => "possible",
            Self::NoTrace => "no_trace",
            Self::CannotSay => "cannot_say",
        }
    }
}

/// How well a candidate agrees, in a word that can be said (never a percentage).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Little agrees.
    Weak,
    /// Some agrees.
    Fair,
    /// Nearly all agrees.
    Strong,
    /// All that was asked agrees.
    Certain,
}

/// Whether the sources that carry warnings for this kind of subject were searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningsState {
    /// All of them.
    Loaded,
    /// Some of them.
    Partial,
    /// None: assume unknown.
    NotLoaded,
}

/// State of one permitted compartment when the check was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageState {
    /// Searched and fresh.
    Current,
    /// Searched, but older than policy's warning age, overdue, or its head has expired.
    Stale,
    /// Permitted but not on the device.
    Missing,
    /// Too old to be used, or not permitted for this purpose.
    Withheld,
    /// Only its list of marks was searched: its records are still on their way.
    MarksOnly,
}

impl CoverageState {
    /// Whether the source was searched, fresh or not.
    #[must_use]
    pub const fn searched(self) -> bool {
        matches!(self, Self::Current | Self::Stale | Self::MarksOnly)
    }
}

/// A reason that an officer can say aloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable code, such as `surname_exact`, `dob_day_month_swapped`, `vrm_folded`.
    pub code: String,
    /// The same in words.
    pub text: String,
}

/// A marker as shown with a hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownMarker {
    /// The agency's code.
    pub code: String,
    /// In words.
    pub text: String,
    /// What to do.
    pub action: String,
    /// Whether it may be spoken (rule 4).
    pub disclosure: Disclosure,
    /// Since when, as far as known.
    #[serde(with = "date_text")]
    pub since: Option<PartialDate>,
}

/// One record that answers the question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The record, in hexadecimal.
    pub id: String,
    /// Its published version.
    pub version: u32,
    /// The extract's own key.
    pub source_key: String,
    /// Kind of subject.
    pub kind: RecordKind,
    /// Whether this one is a hit or only possible.
    pub outcome: Outcome,
    /// How well it agrees.
    pub grade: Grade,
    /// 0 to 1, for sorting only: not a probability that may be shown.
    pub score: f64,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Warnings and statuses, most urgent first.
    pub markers: Vec<ShownMarker>,
    /// Flags of the record, such as `synthetic`.
    pub flags: Vec<String>,
    /// Which source says so.
    pub source: String,
    /// Compartment it lies in.
    pub compartment: String,
    /// The time of the extract that last contained it.
    pub as_of: Option<Timestamp>,
    /// The registration mark, for a vehicle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrm: Option<String>,
    /// A line that describes the subject: make, model, colour; or name and date of birth.
    pub title: String,
    /// Further particulars, label and value, in the order to read them.
    pub details: Vec<Detail>,
}

/// A labelled particular of a hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// Such as `Address`.
    pub label: String,
    /// As recorded.
    pub value: String,
}

/// One source that was, or should have been, searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Compartment.
    pub compartment: String,
    /// Source.
    pub source: String,
    /// How it stood.
    pub state: CoverageState,
    /// Why it is withheld, as a stable code: `role`, `too_old`, `lease`, `break_glass`; absent where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
    /// The extract's own time; `None` if nothing is held.
    pub as_of: Option<Timestamp>,
    /// Highest hub sequence applied.
    pub watermark: u64,
    /// Records of the asked kind held.
    pub records: u64,
    /// Records kept but not to be found by their mark, because the extract's is damaged or absent.
    pub unsearchable: u64,
    /// How much of it has come, where some of it is still on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arriving: Option<Arriving>,
}

/// How much of a source has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arriving {
    /// Share of its bytes, 0 to 99.
    pub share_percent: u32,
    /// Seconds until all of it is here, as things go now; `None` where nothing is coming at the moment.
    pub seconds_left: Option<u32>,
}

/// Why a check was refused or could not be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerError {
    /// Stable code, from the table in `docs/cli.md`.
    pub code: String,
    /// What to do, in words; no personal data.
    pub text: String,
}

/// The answer to one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What was asked about.
    pub kind: RecordKind,
    /// The outcome.
    pub outcome: Outcome,
    /// Short and sayable: quote it over the radio.
    pub reference: String,
    /// Whether warnings were loaded.
    pub warnings_state: WarningsState,
    /// What to do before acting.
    pub confirm: String,
    /// A line that must stand above everything else, such as a weak candidate that carries firearms; empty if none.
    pub banner: String,
    /// What is to be said of the question itself: a check letter that does not fit, a driver number that contradicts the
    /// details given, a list that is cut. Empty if there is nothing.
    #[serde(default)]
    pub notes: Vec<Reason>,
    /// What was found, best first.
    pub hits: Vec<Hit>,
    /// How many agreed in all; more than `hits` holds where the list is cut.
    pub total: u64,
    /// What was searched, and what should have been.
    pub coverage: Vec<Coverage>,
    /// What the officer reads. Speakable: silent markers are not in it.
    pub text: String,
    /// Time of the check.
    pub at: Timestamp,
    /// Number of its entry in the journal.
    pub audit_seq: u64,
    /// Microseconds spent on the search.
    pub took_us: u64,
    /// Microseconds spent on making the account durable.
    pub account_us: u64,
    /// Set where the check was refused or could not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<AnswerError>,
}

/// Dates in answers as text (`1984-03`), absent as null.
pub mod date_text {
    use crate::PartialDate;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(v: &Option<PartialDate>, s: S) -> Result<S::Ok, S::Error> {
        match v {
            None => s.serialize_none(),
            Some(d) => s.collect_str(d),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<PartialDate>, D::Error> {
        Option::<String>::deserialize(d)?.map(|t| t.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

impl RecordId {
    /// Reads the 32 hexadecimal digits that `Display` writes.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut out = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (i, b) in out.iter_mut().enumerate() {
            *b = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(out))
    }
}
