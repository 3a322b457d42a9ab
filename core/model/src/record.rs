//! Records: a vehicle or a nominal, with what hangs off it.
//!
//! Codes are text, never enums: which markers, statuses or ethnic appearance codes exist is an agency's table and
//! changes without a release. Only what the *rules* depend on is typed (kind, disclosure, sex for matching).

use crate::{PartialDate, RecordId, RecordKind};
use serde::{Deserialize, Serialize};

/// One record as the hub published it. Which compartment and source it belongs to is known from where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Identity, stable across extracts.
    pub id: RecordId,
    /// Counts the published forms of this record, from 1.
    pub version: u32,
    /// The extract's own key, as written there (key columns joined by `|`); empty if the source has none.
    pub source_key: String,
    /// When the source created it.
    pub created: Option<PartialDate>,
    /// When the source last changed it.
    pub updated: Option<PartialDate>,
    /// When it is due for review (MoPI).
    pub review: Option<PartialDate>,
    /// After which day it must not be shown.
    pub expires: Option<PartialDate>,
    /// Handling code, empty if none.
    pub handling: String,
    /// What is wrong or special with this row (`vrm_unusable`, `synthetic`, ...).
    pub flags: Vec<String>,
    /// The subject.
    pub body: Body,
}

/// Flag of a record whose registration mark was damaged or absent in the extract: kept, never found by its mark.
pub const FLAG_VRM_UNUSABLE: &str = "vrm_unusable";
/// Flag of a record whose year of manufacture cannot be read in the extract.
pub const FLAG_YEAR_UNREADABLE: &str = "year_unreadable";
/// Flag of a record that describes nobody: test data.
pub const FLAG_SYNTHETIC: &str = "synthetic";

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// A vehicle.
    Vehicle(Vehicle),
    /// A nominal.
    Person(Person),
    /// Forms of one name.
    Variant(Variant),
}

/// Names that are forms of one name: short forms, spellings, transliterations. A hub adds such tables to those that are compiled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// As written; each form counts as each other.
    pub forms: Vec<String>,
}

impl Body {
    /// The kind of subject.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::Vehicle(_) => RecordKind::Vehicle,
            Self::Person(_) => RecordKind::Person,
            Self::Variant(_) => RecordKind::Variant,
        }
    }

    /// The markers on the record.
    #[must_use]
    pub fn markers(&self) -> &[Marker] {
        match self {
            Self::Vehicle(v) => &v.markers,
            Self::Person(p) => &p.markers,
            Self::Variant(_) => &[],
        }
    }
}

/// A vehicle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vehicle {
    /// Normalised registration mark (`A-Z0-9` only); `None` where the extract's is absent or damaged beyond use.
    pub vrm: Option<String>,
    /// The mark as the extract writes it, for display; empty if it has none.
    pub vrm_as_written: String,
    /// Vehicle identification or chassis number, upper case; empty if unknown.
    pub vin: String,
    /// Make.
    pub make: String,
    /// Model, as written.
    pub model: String,
    /// Colour.
    pub colour: String,
    /// Body or vehicle type.
    pub body_type: String,
    /// Year of manufacture, 0 if unknown.
    pub year: u16,
    /// Where it was taken from or is kept: free text, such as a police district.
    pub area: String,
    /// Warnings and statuses.
    pub markers: Vec<Marker>,
    /// Keeper and known users.
    pub links: Vec<Link>,
}

/// A nominal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Names; the first is the primary one, the rest are aliases.
    pub names: Vec<Name>,
    /// Dates of birth; the first is the primary one, the rest were given on occasion.
    pub dobs: Vec<PartialDate>,
    /// Sex as recorded.
    pub sex: Sex,
    /// Officer-observed appearance code (IC1..IC6, IC9); never a match key.
    pub ethnic_appearance: String,
    /// Self-defined ethnicity (16+1 codes); never merged with the observed one.
    pub ethnicity_self: String,
    /// Height band in centimetres, such as `170-175`; empty if unknown.
    pub height_band: String,
    /// PNC ID, CRO number, driver number, custody number and others, each with its kind.
    pub identifiers: Vec<Identifier>,
    /// Addresses.
    pub addresses: Vec<Address>,
    /// Warning markers.
    pub markers: Vec<Marker>,
    /// Wanted, missing, bail, curfew, court order, disqualified from driving.
    pub statuses: Vec<Status>,
    /// Offending in a sentence; empty if none.
    pub summary: String,
    /// Arrests, charges, convictions.
    pub events: Vec<Event>,
    /// Vehicles and associates.
    pub links: Vec<Link>,
    /// Reference of a photograph; empty if none.
    pub photo_ref: String,
}

/// A name by which a nominal is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Given names, in order, separated by spaces.
    pub given: String,
    /// Surname.
    pub surname: String,
    /// `primary`, `alias`, `nickname`, `maiden`, ...
    pub kind: String,
}

/// Sex as recorded; for matching only what agrees or disagrees counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// Not known or not recorded.
    #[default]
    Unknown,
    /// Male.
    Male,
    /// Female.
    Female,
    /// Recorded as something else.
    Other,
}

/// A number that identifies a nominal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// `pnc_id`, `cro`, `driver_number`, `custody`, ...
    pub kind: String,
    /// As written by the source, even where its check letter is wrong.
    pub value: String,
}

/// An address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address in one line, without the postcode.
    pub text: String,
    /// Postcode, empty if unknown.
    pub postcode: String,
    /// `home`, `former`, `work`, ...
    pub kind: String,
}

/// Who may hear of a marker (rule 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// May be read aloud and shown anywhere on the screen.
    #[default]
    Speakable,
    /// Never enters a text that is read aloud, spoken by a screen reader or shown in a notification.
    Silent,
}

/// A warning or status on a record, with source and dates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The agency's code, such as `LOS` or `FI`.
    pub code: String,
    /// What it means, in words.
    pub text: String,
    /// What to do; empty if nothing is said.
    pub action: String,
    /// Whether it may be spoken.
    pub disclosure: Disclosure,
    /// Since when.
    pub since: Option<PartialDate>,
    /// Until when.
    pub until: Option<PartialDate>,
}

/// A legal or police status of a nominal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `wanted`, `missing`, `bail`, `curfew`, `court_order`, `disqualified`, ...
    pub code: String,
    /// Particulars.
    pub text: String,
    /// Since when.
    pub since: Option<PartialDate>,
    /// Until when.
    pub until: Option<PartialDate>,
}

/// An arrest, charge or conviction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `arrest`, `charge`, `conviction`, ...
    pub kind: String,
    /// When.
    pub date: Option<PartialDate>,
    /// Offence or subject.
    pub text: String,
    /// Outcome; empty if open.
    pub outcome: String,
}

/// A link to another record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// `keeper`, `user`, `associate`, `drives`, ...
    pub kind: String,
    /// The other record's key in its own source.
    pub target_key: String,
    /// The other subject in words, such as a mark or a name.
    pub text: String,
}
