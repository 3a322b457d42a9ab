//! A patch: the fields of a record that changed, and nothing of the others.
//!
//! It names the record by the first bytes of its id, as many as the hub found to be enough ([`RowRef`]), and carries the
//! union of the fields that changed since the watermark from which its delta may be applied: whichever version in
//! between a device holds, setting these fields gives the newest one. What comes out is proven by the digest.

use crate::WireError;
use crate::record_columns::{CommonCols, PersonCols, VariantCols, VehicleCols};
use beatcheck_model::{Body, Person, Record, RecordId, RecordKind, Variant, Vehicle};

/// Fewest bytes of an id that name a record.
pub const MIN_PREFIX: u8 = 4;
/// Bytes of a whole id.
pub const WHOLE_ID: u8 = 16;

/// Names a record that is held already, by the first bytes of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowRef {
    bytes: [u8; 16],
    len: u8,
}

impl RowRef {
    /// The record with this id, by `len` bytes of it ([`MIN_PREFIX`] to [`WHOLE_ID`]; others are brought within).
    ///
    /// ```
    /// use beatcheck_model::RecordId;
    /// use beatcheck_wire::patch::RowRef;
    /// let r = RowRef::new(RecordId([7; 16]), 5);
    /// assert!(r.names(&RecordId([7; 16])) && !r.names(&RecordId([8; 16])));
    /// let (first, last) = r.range();
    /// assert!(first <= RecordId([7; 16]) && RecordId([7; 16]) <= last);
    /// ```
    #[must_use]
    pub fn new(id: RecordId, len: u8) -> Self {
        let len = len.clamp(MIN_PREFIX, WHOLE_ID);
        let mut bytes = id.0;
        bytes[usize::from(len)..].fill(0);
        Self { bytes, len }
    }

    /// The bytes that are known of the id.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether it names the record with this id.
    #[must_use]
    pub fn names(&self, id: &RecordId) -> bool {
        id.0.starts_with(self.prefix())
    }

    /// The lowest and the highest id that it may name.
    #[must_use]
    pub fn range(&self) -> (RecordId, RecordId) {
        let mut last = self.bytes;
        last[usize::from(self.len)..].fill(0xff);
        (RecordId(self.bytes), RecordId(last))
    }
}

impl From<RecordId> for RowRef {
    fn from(id: RecordId) -> Self {
        Self::new(id, WHOLE_ID)
    }
}

/// The changed fields of one record. `values` holds them at their places; its other fields mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Which record.
    pub row: RowRef,
    /// The version that it has afterwards.
    pub version: u32,
    /// Which fields: the common ones from bit 0 (`source_key`, `created`, `updated`, `review`, `expires`, `handling`,
    /// `flags`), then those of the body in their order.
    pub fields: u64,
    /// Their values.
    pub values: Box<Record>,
}

/// A record of a kind with nothing in it.
pub(crate) fn blank(kind: RecordKind) -> Record {
    Record {
        id: RecordId::default(),
        version: 0,
        source_key: String::new(),
        created: None,
        updated: None,
        review: None,
        expires: None,
        handling: String::new(),
        flags: Vec::new(),
        body: match kind {
            RecordKind::Vehicle => Body::Vehicle(Vehicle::default()),
            RecordKind::Person => Body::Person(Person::default()),
            RecordKind::Variant => Body::Variant(Variant::default()),
        },
    }
}

/// How many fields a record of a kind has: a patch names no others.
pub(crate) const fn field_count(kind: RecordKind) -> u32 {
    CommonCols::FIELDS
        + match kind {
            RecordKind::Vehicle => VehicleCols::FIELDS,
            RecordKind::Person => PersonCols::FIELDS,
            RecordKind::Variant => VariantCols::FIELDS,
        }
}

impl Patch {
    /// The fields in which two versions of one record differ, other than id and version, which are no fields; `None` if
    /// they are not of one kind.
    #[must_use]
    pub fn diff(old: &Record, new: &Record) -> Option<u64> {
        let body = match (&old.body, &new.body) {
            (Body::Vehicle(a), Body::Vehicle(b)) => VehicleCols::diff(a, b),
            (Body::Person(a), Body::Person(b)) => PersonCols::diff(a, b),
            (Body::Variant(a), Body::Variant(b)) => VariantCols::diff(a, b),
            _ => return None,
        };
        Some(CommonCols::diff(old, new) | body << CommonCols::FIELDS)
    }

    /// A patch that sets `fields` to what they are in `new`; the other values are left out. Bits beyond the fields of its
    /// kind mean nothing: `u64::MAX` is all fields.
    #[must_use]
    pub fn of(new: &Record, fields: u64) -> Self {
        let fields = fields & ((1 << field_count(new.body.kind())) - 1);
        let mut values = blank(new.body.kind());
        set(&mut values, new, fields);
        Self { row: new.id.into(), version: new.version, fields, values: Box::new(values) }
    }

    /// Brings a record that is held to the new version; nothing changes if that is refused.
    ///
    /// # Errors
    /// [`WireError::Malformed`] if it is not the record that the patch names, or of another kind.
    pub fn apply(&self, held: &mut Record) -> Result<(), WireError> {
        if !self.row.names(&held.id) || held.body.kind() != self.values.body.kind() {
            return Err(WireError::Malformed("patch"));
        }
        set(held, &self.values, self.fields);
        held.version = self.version;
        Ok(())
    }

    /// Takes a later patch of the same record on top of this one: applying what comes out is applying both in turn.
    pub fn absorb(&mut self, later: &Self) {
        set(&mut self.values, &later.values, later.fields);
        self.fields |= later.fields;
        self.version = later.version;
    }
}

fn set(into: &mut Record, from: &Record, fields: u64) {
    CommonCols::set(into, from, fields);
    let body = fields >> CommonCols::FIELDS;
    match (&mut into.body, &from.body) {
        (Body::Vehicle(a), Body::Vehicle(b)) => VehicleCols::set(a, b, body),
        (Body::Person(a), Body::Person(b)) => PersonCols::set(a, b, body),
        (Body::Variant(a), Body::Variant(b)) => VariantCols::set(a, b, body),
        _ => {}
    }
}
