//! The columns of each record kind, in the order of their fields. Changing this list is a new record schema.

use crate::WireError;
use crate::columns::{Column, Columnar, ListCol, OptCol, Reader, StrCol, U8Col, U16Col, columnar, patchable};
use beatcheck_model::{
    Address, Disclosure, Event, Identifier, Link, Marker, Name, PartialDate, Person, Record, Sex, Status, Variant,
    Vehicle,
};

/// Dates as three columns: years, months, days.
#[derive(Debug, Default)]
pub(crate) struct DateCol {
    year: U16Col,
    month: U8Col,
    day: U8Col,
}

impl Column for DateCol {
    type Item = PartialDate;
    fn push(&mut self, d: &PartialDate) {
        self.year.push(&d.year);
        self.month.push(&d.month);
        self.day.push(&d.day);
    }
    fn encode(&self, out: &mut Vec<u8>) {
        self.year.encode(out);
        self.month.encode(out);
        self.day.encode(out);
    }
    fn decode(from: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
        Ok(Self { year: U16Col::decode(from, n)?, month: U8Col::decode(from, n)?, day: U8Col::decode(from, n)? })
    }
    fn take(&mut self) -> Result<PartialDate, WireError> {
        Ok(PartialDate::new(self.year.take()?, self.month.take()?, self.day.take()?))
    }
}
impl Columnar for PartialDate {
    type Col = DateCol;
}

/// Declares a column that holds an enum as a small number.
macro_rules! enum_column {
    ($t:ty, $name:ident { $($v:path = $n:literal),* }) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name(U8Col);
        impl Column for $name {
            type Item = $t;
            fn push(&mut self, item: &$t) { self.0.push(&match item { $($v => $n),* }); }
            fn encode(&self, out: &mut Vec<u8>) { self.0.encode(out); }
            fn decode(from: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
                U8Col::decode(from, n).map(Self)
            }
            fn take(&mut self) -> Result<$t, WireError> {
                match self.0.take()? { $($n => Ok($v),)* _ => Err(WireError::Malformed("code")) }
            }
        }
        impl Columnar for $t { type Col = $name; }
    };
}
enum_column!(Sex, SexCol { Sex::Unknown = 0, Sex::Male = 1, Sex::Female = 2, Sex::Other = 3 });
enum_column!(Disclosure, DisclosureCol { Disclosure::Speakable = 0, Disclosure::Silent = 1 });

columnar!(Marker, MarkerCols {
    code: String, text: String, action: String, disclosure: Disclosure,
    since: Option<PartialDate>, until: Option<PartialDate>,
});
columnar!(Link, LinkCols { kind: String, target_key: String, text: String });
columnar!(Name, NameCols { given: String, surname: String, kind: String });
columnar!(Identifier, IdentifierCols { kind: String, value: String });
columnar!(Address, AddressCols { text: String, postcode: String, kind: String });
columnar!(Status, StatusCols {
    code: String, text: String, since: Option<PartialDate>, until: Option<PartialDate>,
});
columnar!(Event, EventCols { kind: String, date: Option<PartialDate>, text: String, outcome: String });
columnar!(Vehicle, VehicleCols {
    vrm: Option<String>, vrm_as_written: String, vin: String, make: String, model: String, colour: String,
    body_type: String, year: u16, area: String, markers: Vec<Marker>, links: Vec<Link>,
});
columnar!(Person, PersonCols {
    names: Vec<Name>, dobs: Vec<PartialDate>, sex: Sex, ethnic_appearance: String, ethnicity_self: String,
    height_band: String, identifiers: Vec<Identifier>, addresses: Vec<Address>, markers: Vec<Marker>,
    statuses: Vec<Status>, summary: String, events: Vec<Event>, links: Vec<Link>, photo_ref: String,
});
columnar!(Variant, VariantCols { forms: Vec<String> });

patchable!(
    Vehicle,
    VehicleCols { vrm, vrm_as_written, vin, make, model, colour, body_type, year, area, markers, links }
);
patchable!(
    Person,
    PersonCols {
        names,
        dobs,
        sex,
        ethnic_appearance,
        ethnicity_self,
        height_band,
        identifiers,
        addresses,
        markers,
        statuses,
        summary,
        events,
        links,
        photo_ref,
    }
);
patchable!(Variant, VariantCols { forms });

/// What every record has beside its identity, its version and its body.
#[derive(Debug, Default)]
pub(crate) struct CommonCols {
    source_key: StrCol,
    created: OptCol<DateCol>,
    updated: OptCol<DateCol>,
    review: OptCol<DateCol>,
    expires: OptCol<DateCol>,
    handling: StrCol,
    flags: ListCol<StrCol>,
}
patchable!(Record, CommonCols { source_key, created, updated, review, expires, handling, flags });

impl CommonCols {
    pub(crate) fn push(&mut self, r: &Record) {
        self.push_some(r, u64::MAX);
    }
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.source_key.encode(out);
        self.created.encode(out);
        self.updated.encode(out);
        self.review.encode(out);
        self.expires.encode(out);
        self.handling.encode(out);
        self.flags.encode(out);
    }
    pub(crate) fn decode(r: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
        Self::decode_some(r, &vec![u64::MAX; n], 0)
    }
}
