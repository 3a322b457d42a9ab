//! Records and changes out of thrown bytes: any, but often alike, as what is real is.

use beatcheck_model::*;
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::patch::{Patch, RowRef};
use beatcheck_wire::record_id;

/// The source of derived ids.
pub(crate) const SOURCE: &str = "list";
const WORDS: [&str; 8] =
    ["", "A", "AB51CDE", "two words", "Szczęsny", "é", "|", "a longer text, as a summary would be, of some length"];

/// Thrown bytes; zeros when they are used up.
pub(crate) struct Dice<'a>(pub(crate) &'a [u8]);

impl Dice<'_> {
    fn throw(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        (0..self.throw() % 9).fold(0, |n, _| n << 8 | u64::from(self.throw()))
    }

    fn text(&mut self) -> String {
        WORDS[usize::from(self.throw()) % WORDS.len()].to_owned()
    }

    fn date(&mut self) -> PartialDate {
        PartialDate::new(self.number() as u16, self.throw(), self.throw())
    }

    fn option<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Option<T> {
        (self.throw() % 2 == 1).then(|| make(self))
    }

    fn list<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.throw() % 4).map(|_| make(self)).collect()
    }

    fn marker(&mut self) -> Marker {
        Marker {
            code: self.text(),
            text: self.text(),
            action: self.text(),
            disclosure: if self.throw() % 2 == 1 { Disclosure::Silent } else { Disclosure::Speakable },
            since: self.option(Self::date),
            until: self.option(Self::date),
        }
    }

    fn link(&mut self) -> Link {
        Link { kind: self.text(), target_key: self.text(), text: self.text() }
    }

    fn status(&mut self) -> Status {
        let (since, until) = (self.option(Self::date), self.option(Self::date));
        Status { code: self.text(), text: self.text(), since, until }
    }

    fn event(&mut self) -> Event {
        Event { kind: self.text(), date: self.option(Self::date), text: self.text(), outcome: self.text() }
    }

    fn body(&mut self, kind: RecordKind) -> Body {
        match kind {
            RecordKind::Vehicle => Body::Vehicle(Vehicle {
                vrm: self.option(Self::text),
                vrm_as_written: self.text(),
                vin: self.text(),
                make: self.text(),
                model: self.text(),
                colour: self.text(),
                body_type: self.text(),
                year: self.number() as u16,
                area: self.text(),
                markers: self.list(Self::marker),
                links: self.list(Self::link),
            }),
            RecordKind::Person => Body::Person(Person {
                names: self.list(|d| Name { given: d.text(), surname: d.text(), kind: d.text() }),
                dobs: self.list(Self::date),
                sex: [Sex::Unknown, Sex::Male, Sex::Female, Sex::Other][usize::from(self.throw() % 4)],
                ethnic_appearance: self.text(),
                ethnicity_self: self.text(),
                height_band: self.text(),
                identifiers: self.list(|d| Identifier { kind: d.text(), value: d.text() }),
                addresses: self.list(|d| Address { text: d.text(), postcode: d.text(), kind: d.text() }),
                markers: self.list(Self::marker),
                statuses: self.list(Self::status),
                summary: self.text(),
                events: self.list(Self::event),
                links: self.list(Self::link),
                photo_ref: self.text(),
            }),
            RecordKind::Variant => Body::Variant(Variant { forms: self.list(Self::text) }),
        }
    }

    /// A record whose id is a thrown one, or follows from its key.
    pub(crate) fn record(&mut self, kind: RecordKind) -> Record {
        let source_key = self.text();
        let key: Vec<&str> = source_key.split('|').collect();
        let id = match self.throw() % 8 {
            0 => RecordId([self.throw(); 16]),
            n => record_id(SOURCE, kind, &key, u32::from(n) - 1),
        };
        Record {
            id,
            version: self.number() as u32,
            created: self.option(Self::date),
            updated: self.option(Self::date),
            review: self.option(Self::date),
            expires: self.option(Self::date),
            handling: self.text(),
            flags: self.list(Self::text),
            body: self.body(kind),
            source_key,
        }
    }

    /// As many changes as there are bytes for.
    pub(crate) fn changes(&mut self, kind: RecordKind, prefix: u8) -> Vec<Change> {
        let (mut out, mut seq) = (Vec::new(), 0_u64);
        while !self.0.is_empty() {
            seq = seq.saturating_add(self.number());
            let row = RowRef::new(RecordId([self.throw(); 16]), prefix);
            let op = match self.throw() % 3 {
                0 => Op::Upsert(Box::new(self.record(kind))),
                1 => Op::Delete { row, version: self.number() as u32, at: Timestamp((self.number() >> 1) as i64) },
                _ => {
                    let fields = self.number();
                    Op::Patch(Patch { row, ..Patch::of(&self.record(kind), fields) })
                }
            };
            out.push(Change { seq, op });
        }
        out
    }
}
