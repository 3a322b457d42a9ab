//! Under which keys a record is found. One function for the bulk load and for deltas, so that both index alike.

use beatcheck_model::{Body, PartialDate, Record};
use beatcheck_search as search;

/// The keys of one record; each at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    Vehicle {
        vrm: Option<String>,
        /// Only where it is not the mark itself.
        folded: Option<String>,
        vin: Option<String>,
    },
    Person {
        tokens: Vec<String>,
        /// By [`ymd`].
        dobs: Vec<u32>,
        idents: Vec<String>,
    },
}

pub(crate) fn keys_of(record: &Record) -> Keys {
    match &record.body {
        Body::Vehicle(v) => Keys::Vehicle {
            vrm: v.vrm.clone(),
            folded: v.vrm.as_ref().map(|m| search::fold_vrm(m)).filter(|f| Some(f) != v.vrm.as_ref()),
            vin: search::normalise_vin(&v.vin),
        },
        Body::Person(p) => Keys::Person {
            tokens: search::index_tokens(p),
            dobs: unique(p.dobs.iter().map(|d| ymd(*d)).filter(|d| *d != 0)),
            idents: unique(
                p.identifiers.iter().map(|i| search::normalise_identifier(&i.value)).filter(|i| !i.is_empty()),
            ),
        },
    }
}

/// A date by its digits, so that neighbours of a year lie together: `19840302`. Unknown parts are 0.
pub(crate) fn ymd(d: PartialDate) -> u32 {
    u32::from(d.year) * 10_000 + u32::from(d.month) * 100 + u32::from(d.day)
}

fn unique<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut out: Vec<T> = items.collect();
    out.sort_unstable();
    out.dedup();
    out
}
