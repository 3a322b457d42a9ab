//! Under which keys a record is found. One function for the bulk load and for deltas, so that both index alike.

use super::births::{Birth, sex_code};
use beatcheck_model::{Body, Link, PartialDate, Record};
use beatcheck_search as search;

/// The keys of one record; each at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    Vehicle {
        vrm: Option<String>,
        /// Only where it is not the mark itself.
        folded: Option<String>,
        vin: Option<String>,
        vin_tail: Option<String>,
        look: LookKey,
        links: Vec<String>,
    },
    Person {
        tokens: Vec<Token>,
        birth: Birth,
        idents: Vec<String>,
        places: Vec<String>,
        links: Vec<String>,
    },
    /// Read whole, never looked up by key.
    Variant,
}

/// What a vehicle looks like, in the words by which it is filtered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LookKey {
    /// Make and model, colour, type.
    pub(crate) words: [String; 3],
    pub(crate) year: u16,
}

pub(crate) fn keys_of(record: &Record) -> Keys {
    match &record.body {
        Body::Vehicle(v) => {
            let vin = search::normalise_vin(&v.vin);
            Keys::Vehicle {
                vrm: v.vrm.clone(),
                vin_tail: vin.as_deref().and_then(search::vin_tail).map(str::to_owned),
                folded: v.vrm.as_ref().map(|m| search::fold_vrm(m)).filter(|f| Some(f) != v.vrm.as_ref()),
                vin,
                look: LookKey {
                    words: [format!("{} {}", v.make, v.model).trim().to_owned(), v.colour.clone(), v.body_type.clone()],
                    year: v.year,
                },
                links: links(&v.links),
            }
        }
        Body::Variant(_) => Keys::Variant,
        Body::Person(p) => Keys::Person {
            tokens: search::index_names(p),
            birth: Birth {
                dates: births(p),
                sex: sex_code(p.sex),
                height: search::parse_height(&p.height_band).map_or(0, |(a, b)| a.midpoint(b).min(255) as u8),
            },
            idents: unique(p.identifiers.iter().flat_map(|i| search::identifier_keys(&i.value))),
            places: search::place_keys(&p.addresses),
            links: links(&p.links),
        },
    }
}

/// A name token and the part of a name it stands in.
pub(crate) type Token = (search::NameRole, String);

/// A date of birth in 28 bits, day lowest; parts beyond what a calendar writes with their digits count as unknown.
pub(crate) fn pack(d: PartialDate) -> u32 {
    let part = |n: u16, below: u16| u32::from(if n < below { n } else { 0 });
    part(d.year, 1 << 14) << 14 | part(d.month.into(), 1 << 7) << 7 | part(d.day.into(), 1 << 7)
}

/// What [`pack`] packed.
pub(crate) fn unpack(packed: u32) -> PartialDate {
    PartialDate::new((packed >> 14 & 0x3FFF) as u16, (packed >> 7 & 0x7F) as u8, (packed & 0x7F) as u8)
}

fn births(p: &beatcheck_model::Person) -> Vec<u32> {
    let mut out: Vec<u32> = Vec::new();
    for packed in p.dobs.iter().map(|d| pack(*d)) {
        if packed != 0 && !out.contains(&packed) {
            out.push(packed);
        }
    }
    out
}

fn links(links: &[Link]) -> Vec<String> {
    unique(links.iter().map(|l| l.target_key.clone()).filter(|k| !k.is_empty()))
}

fn unique<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut out: Vec<T> = items.collect();
    out.sort_unstable();
    out.dedup();
    out
}
