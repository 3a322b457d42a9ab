//! Which keys a vehicle file cannot hold: a binary fuse filter in RAM, so that most files need not be asked.
//!
//! It may say 'perhaps' of anything; 'no' only of a key that is in no state up to the one it covers. Three rules keep
//! that true: it is built from one read transaction and carries its stamp; keys of a delta are added *before* the delta
//! commits and the stamp moves *after*; a reader takes its 'no' only if the stamp is that of the state it reads itself
//! (so another process's commit makes it ask the file). Deleted keys stay in and cost a question.

use crate::StoreError;
use crate::pool::Stamp;
use beatcheck_search::VehiclePlan;
use rusqlite::Connection;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use xorf::{BinaryFuse8, Filter as _};

/// Keys added since the filter was built, at most; then it is dropped until the next `warm`.
const ADDED_MAX: usize = 100_000;
/// Fewer keys than this are kept as a set.
const FUSE_MIN: usize = 1_000;

/// Which table a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    Vrm,
    Folded,
    Vin,
    VinTail,
}

impl Class {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Vrm, "vrm"), (Self::Folded, "folded"), (Self::Vin, "vin"), (Self::VinTail, "vin_tail")];

    pub(crate) fn of_table(table: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, t)| *t == table).map(|(c, _)| *c)
    }
}

/// A key as the filter knows it. Good within one process only.
pub(crate) fn hash(class: Class, key: &str) -> u64 {
    let mut h = DefaultHasher::new();
    (class, key).hash(&mut h);
    h.finish()
}

pub(crate) struct Filter {
    base: Option<BinaryFuse8>,
    added: HashSet<u64>,
    covers: Stamp,
    /// The state whose keys were added before its commit.
    pending: Option<Stamp>,
}

impl Filter {
    /// Builds it from the state that `conn` reads, whose stamp is `stamp`; `None` if no filter comes out right.
    pub(crate) fn build(conn: &Connection, stamp: Stamp) -> Result<Option<Self>, StoreError> {
        let mut keys = Vec::new();
        for (class, table) in Class::ALL {
            let mut statement = conn.prepare(&format!("SELECT key FROM {table}"))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                keys.push(hash(class, row.get_ref(0)?.as_str().map_err(|_| StoreError::Corrupt)?));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        if keys.len() < FUSE_MIN {
            return Ok(Some(Self { base: None, added: keys.into_iter().collect(), covers: stamp, pending: None }));
        }
        let Ok(base) = BinaryFuse8::try_from(&keys) else { return Ok(None) };
        // Belt and braces: one that misses a key would be a false 'no trace'.
        let whole = keys.iter().all(|k| base.contains(k));
        Ok(whole.then(|| Self { base: Some(base), added: HashSet::new(), covers: stamp, pending: None }))
    }

    /// Whether it may be asked about the state with this stamp.
    pub(crate) fn covers(&self, stamp: &Stamp) -> bool {
        self.covers == *stamp
    }

    /// Adds keys of a delta from `base` to `next` that is about to commit; false if this filter is no good for it.
    pub(crate) fn add(&mut self, base: &Stamp, next: Stamp, keys: &[u64]) -> bool {
        self.added.extend(keys);
        self.pending = Some(next);
        self.covers == *base && self.added.len() <= ADDED_MAX
    }

    /// After the commit to `now`. A filter that was put here between, and never heard of its keys, stays where it was.
    pub(crate) fn advance(&mut self, now: Stamp) {
        if self.pending.take() == Some(now) {
            self.covers = now;
        }
    }

    /// Whether any of the keys asked may be there.
    pub(crate) fn may_hold(&self, asked: &VehiclePlan) -> bool {
        let holds = |class, key: &Option<String>| {
            key.as_ref().is_some_and(|k| {
                let h = hash(class, k);
                self.added.contains(&h) || self.base.as_ref().is_some_and(|b| b.contains(&h))
            })
        };
        holds(Class::Vrm, &asked.vrm)
            || holds(Class::Vrm, &asked.vrm_decided)
            || holds(Class::Vrm, &asked.vrm_folded)
            || holds(Class::Folded, &asked.vrm_folded)
            || holds(Class::Vin, &asked.vin)
            || holds(Class::VinTail, &asked.vin_tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beatcheck_wire::Hash32;

    fn table_of(n: usize) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("../migrations/records_vehicles.sql")).unwrap();
        let tx = conn.unchecked_transaction().unwrap();
        for i in 0..n {
            tx.execute("INSERT INTO vrm VALUES(?1,?2)", (format!("K{i}"), i as i64)).unwrap();
            tx.execute("INSERT INTO vin VALUES(?1,?2)", (format!("K{i}"), i as i64)).unwrap();
        }
        tx.commit().unwrap();
        conn
    }

    fn asks(vrm: String) -> VehiclePlan {
        VehiclePlan { vrm: Some(vrm), ..VehiclePlan::default() }
    }

    #[test]
    fn holds_every_key_of_any_number_and_few_others() {
        for n in [0, 1, 2, 400, 501, 5_000, 20_000] {
            let filter = Filter::build(&table_of(n), (1, Hash32::default(), 0)).unwrap().expect("a filter");
            assert!((0..n).all(|i| filter.may_hold(&asks(format!("K{i}")))), "{n}");
            let wrong = (0..10_000).filter(|i| filter.may_hold(&asks(format!("L{i}")))).count();
            assert!(wrong < 100, "{wrong} of 10,000 absent keys are asked for");
        }
    }

    #[test]
    fn covers_one_state_only() {
        let mut filter = Filter::build(&table_of(10), (1, Hash32::default(), 0)).unwrap().expect("a filter");
        let (one, two) = ((1, Hash32::default(), 0), (2, Hash32::default(), 0));
        assert!(filter.add(&one, two, &[hash(Class::Vrm, "NEW")]));
        assert!(filter.covers(&one) && filter.may_hold(&asks("NEW".into())));
        filter.advance(two);
        assert!(filter.covers(&two) && !filter.covers(&one));
        filter.advance((3, Hash32::default(), 0));
        assert!(filter.covers(&two), "not to a state whose keys it was not given");
        assert!(!filter.add(&one, (3, Hash32::default(), 0), &[]), "not from a state it does not cover");
    }
}
