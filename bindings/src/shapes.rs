//! The shapes of the core's answers, told to UniFFI. The types themselves are the core's: nothing is converted.
//!
//! UniFFI needs each field named here again; the compiler refuses a list that is not the type's.

use beatcheck_client::{
    ClockStatus, CompartmentChange, CompartmentStatus, DeviceStatus, Failure, JournalStatus, LateHit, Mended, Network,
    Recovered, SyncReport, UnlockStatus, WipeReport,
};
use beatcheck_model::{
    Answer, AnswerError, Arriving, Coverage, CoverageState, Detail, Disclosure, Grade, Hit, Outcome, PartialDate,
    PersonQuery, Reason, RecordKind, Sex, ShownMarker, Timestamp, VehicleQuery, WarningsState,
};

uniffi::custom_type!(Timestamp, String, {
    remote,
    lower: |t| t.to_string(),
    try_lift: |s| Ok(s.parse()?),
});
uniffi::custom_type!(PartialDate, String, {
    remote,
    lower: |d| d.to_string(),
    try_lift: |s| Ok(s.parse()?),
});

#[uniffi::remote(Enum)]
pub enum Outcome {
    Hit,
    Possible,
    NoTrace,
    CannotSay,
}

#[uniffi::remote(Enum)]
pub enum Grade {
    Weak,
    Fair,
    Strong,
    Certain,
}

#[uniffi::remote(Enum)]
pub enum WarningsState {
    Loaded,
    Partial,
    NotLoaded,
}

#[uniffi::remote(Enum)]
pub enum CoverageState {
    Current,
    Stale,
    Missing,
    Withheld,
    MarksOnly,
}

#[uniffi::remote(Enum)]
pub enum RecordKind {
    Vehicle,
    Person,
    Variant,
}

#[uniffi::remote(Enum)]
pub enum Disclosure {
    Speakable,
    Silent,
}

#[uniffi::remote(Enum)]
pub enum Sex {
    Unknown,
    Male,
    Female,
    Other,
}

#[uniffi::remote(Record)]
pub struct VehicleQuery {
    #[uniffi(default = None)]
    pub vrm: Option<String>,
    #[uniffi(default = None)]
    pub vin: Option<String>,
    #[uniffi(default = None)]
    pub make: Option<String>,
    #[uniffi(default = None)]
    pub colour: Option<String>,
    #[uniffi(default = None)]
    pub body_type: Option<String>,
    #[uniffi(default = None)]
    pub year: Option<String>,
    #[uniffi(default = None)]
    pub page: Option<u32>,
}

#[uniffi::remote(Record)]
pub struct PersonQuery {
    #[uniffi(default = None)]
    pub surname: Option<String>,
    #[uniffi(default = None)]
    pub given: Option<String>,
    #[uniffi(default = None)]
    pub name: Option<String>,
    #[uniffi(default = None)]
    pub dob: Option<String>,
    #[uniffi(default = None)]
    pub sex: Option<Sex>,
    #[uniffi(default = None)]
    pub identifier: Option<String>,
    #[uniffi(default = None)]
    pub age: Option<String>,
    #[uniffi(default = None)]
    pub height: Option<String>,
    #[uniffi(default = None)]
    pub address: Option<String>,
    #[uniffi(default = None)]
    pub postcode: Option<String>,
    #[uniffi(default = None)]
    pub page: Option<u32>,
}

#[uniffi::remote(Record)]
pub struct Reason {
    pub code: String,
    pub text: String,
}

#[uniffi::remote(Record)]
pub struct ShownMarker {
    pub code: String,
    pub text: String,
    pub action: String,
    pub disclosure: Disclosure,
    pub since: Option<PartialDate>,
}

#[uniffi::remote(Record)]
pub struct Detail {
    pub label: String,
    pub value: String,
}

#[uniffi::remote(Record)]
pub struct Hit {
    pub id: String,
    pub version: u32,
    pub source_key: String,
    pub kind: RecordKind,
    pub outcome: Outcome,
    pub grade: Grade,
    pub score: f64,
    pub reasons: Vec<Reason>,
    pub markers: Vec<ShownMarker>,
    pub flags: Vec<String>,
    pub source: String,
    pub compartment: String,
    pub as_of: Option<Timestamp>,
    pub vrm: Option<String>,
    pub title: String,
    pub details: Vec<Detail>,
}

#[uniffi::remote(Record)]
pub struct Coverage {
    pub compartment: String,
    pub source: String,
    pub state: CoverageState,
    pub withheld: Option<String>,
    pub as_of: Option<Timestamp>,
    pub watermark: u64,
    pub records: u64,
    pub unsearchable: u64,
    pub arriving: Option<Arriving>,
}

#[uniffi::remote(Record)]
pub struct Arriving {
    pub share_percent: u32,
    pub seconds_left: Option<u32>,
}

#[uniffi::remote(Record)]
pub struct AnswerError {
    pub code: String,
    pub text: String,
}

#[uniffi::remote(Record)]
pub struct Answer {
    pub kind: RecordKind,
    pub outcome: Outcome,
    pub reference: String,
    pub warnings_state: WarningsState,
    pub confirm: String,
    pub banner: String,
    pub notes: Vec<Reason>,
    pub hits: Vec<Hit>,
    pub total: u64,
    pub coverage: Vec<Coverage>,
    pub text: String,
    pub at: Timestamp,
    pub audit_seq: u64,
    pub took_us: u64,
    pub account_us: u64,
    pub error: Option<AnswerError>,
}

#[uniffi::remote(Record)]
pub struct CompartmentStatus {
    pub compartment: String,
    pub source: String,
    pub kind: RecordKind,
    pub state: CoverageState,
    pub as_of: Option<Timestamp>,
    pub due_by: Option<Timestamp>,
    pub manifest_version: u64,
    pub watermark: u64,
    pub records: u64,
    pub unsearchable: u64,
    pub digest: Option<String>,
    pub warnings: bool,
    pub arriving: Option<Arriving>,
    pub scrubbed: Option<Timestamp>,
    pub suspect: bool,
    pub repairs: u32,
    pub repaired_rows: u64,
    pub rebuilds: u32,
}

#[uniffi::remote(Record)]
pub struct JournalStatus {
    pub last_seq: u64,
    pub acked: u64,
    pub pending: u64,
    pub pending_bytes: u64,
    pub low: bool,
}

#[uniffi::remote(Record)]
pub struct LateHit {
    pub reference: String,
    pub asked: Timestamp,
    pub at: Timestamp,
    pub change: String,
    pub text: String,
    pub audit_seq: u64,
}

#[uniffi::remote(Record)]
pub struct ClockStatus {
    pub state: String,
    pub anchored: bool,
    pub unsure_minutes: u32,
}

#[uniffi::remote(Record)]
pub struct DeviceStatus {
    pub device: String,
    pub vault: String,
    pub role: Option<String>,
    pub purposes: Vec<String>,
    pub policy_version: u64,
    pub grant_version: u64,
    pub last_contact: Option<Timestamp>,
    pub lease_ends: Option<Timestamp>,
    pub lease_ended: bool,
    pub head_version: u64,
    pub head_expires: Option<Timestamp>,
    pub renew_after: Option<Timestamp>,
    pub compartments: Vec<CompartmentStatus>,
    pub journal: JournalStatus,
    pub late_hits: Vec<LateHit>,
    pub next_sync: Option<Timestamp>,
    pub rolled_back: bool,
    pub unlock: UnlockStatus,
    pub clock: ClockStatus,
    pub break_glass_until: Option<Timestamp>,
    pub staged_bytes: u64,
}

#[uniffi::remote(Record)]
pub struct CompartmentChange {
    pub compartment: String,
    pub source: String,
    pub route: String,
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    pub rows: u64,
    pub bytes: u64,
    pub as_of: Timestamp,
    pub watermark: u64,
    pub digest: String,
}

#[uniffi::remote(Enum)]
pub enum Network {
    Unmetered,
    Metered,
    Roaming,
}

#[uniffi::remote(Record)]
pub struct Mended {
    pub compartment: String,
    pub rows: u64,
    pub bytes: u64,
    pub rebuilt: bool,
}

#[uniffi::remote(Record)]
pub struct Failure {
    pub compartment: Option<String>,
    pub code: String,
    pub text: String,
}

#[uniffi::remote(Record)]
pub struct SyncReport {
    pub complete: bool,
    pub compartments: Vec<CompartmentChange>,
    pub withdrawn: Vec<String>,
    pub failed: Vec<Failure>,
    pub deferred: Vec<String>,
    pub locked: bool,
    pub mended: Vec<Mended>,
    pub fault: Option<Failure>,
    pub requests: u32,
    pub bytes_down: u64,
    pub relay_bytes: u64,
    pub bytes_up: u64,
    pub took_ms: u64,
    pub journal_sent: u64,
    pub journal_pending: u64,
    pub late_hits: Vec<LateHit>,
    pub ask_again_s: u32,
    pub wiped: bool,
}

#[uniffi::remote(Record)]
pub struct WipeReport {
    pub wiped: bool,
    pub journal_pending: u64,
}

#[uniffi::remote(Record)]
pub struct Recovered {
    pub device: Option<String>,
    pub kept_bytes: u64,
}
