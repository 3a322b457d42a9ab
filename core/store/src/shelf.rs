//! The open compartments, and every way to read a record.
//!
//! A reader takes the whole shelf as it is at that moment (an `Arc`), so that swapping a compartment in or out never
//! waits for a check and no check waits for it (rule 10). What the permit hides is taken out here. A compartment taken away lives until its last reader is done.

use crate::StoreError;
use crate::mask::mask;
use crate::persons::{self, PersonCandidates};
use crate::pool::Read;
use crate::records::{self, Compartment};
use beatcheck_model::{Body, Record, RecordId, RecordKind};
use beatcheck_policy::Permit;
use beatcheck_search::{PersonPlan, VehiclePlan};
use beatcheck_wire::CompartmentId;
use beatcheck_wire::mark_index::MarkIndex;
use beatcheck_wire::policy::Hidden;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Vehicle candidates of one check, at most: the mark as written first, then the decided reading, the VIN, look-alikes.
pub const CANDIDATES_MAX: usize = 500;

/// Rows read for part of a mark, of one compartment, where policy shows no more: some may turn out to have expired.
const PATTERN_ROWS: usize = 64;

/// Vehicles one slip away, of one compartment, at most: a store of millions has some for every mark.
const NEAR_MAX: usize = 5;

/// A record that may answer a check, and where it lies. Not scored, and expired ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Compartment it was found in.
    pub compartment: CompartmentId,
    /// The record.
    pub record: Record,
}

/// Vehicles that may answer a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VehicleCandidates {
    /// At most [`CANDIDATES_MAX`]. Not scored, and expired ones included.
    pub candidates: Vec<Candidate>,
    /// Vehicles of which part of the mark agrees beyond those that were read: they are counted and not here.
    pub unread: u64,
    /// Whether there were more than were counted: part of a mark that too many bear.
    pub more: bool,
}

type Open = BTreeMap<CompartmentId, Arc<Compartment>>;

#[derive(Clone, Debug, Default)]
struct Held {
    open: Open,
    /// Which marks a compartment lists whose rows are not here yet.
    listed: BTreeMap<CompartmentId, (RecordKind, Arc<MarkIndex>)>,
}

/// The open compartments of this device.
#[derive(Debug, Default)]
pub struct Shelf {
    held: RwLock<Arc<Held>>,
}

impl Shelf {
    /// An empty shelf.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a compartment in, in place of the generation that was there, or of the index of its marks.
    pub fn put(&self, id: CompartmentId, compartment: Arc<Compartment>) {
        self.change(|held| {
            held.listed.remove(&id);
            held.open.insert(id, compartment);
        });
    }

    /// Takes a compartment out, and the index of its marks: from now on no check finds it; checks under way finish with it.
    pub fn take(&self, id: &CompartmentId) -> Option<Arc<Compartment>> {
        self.change(|held| {
            held.listed.remove(id);
            held.open.remove(id)
        })
    }

    /// Puts in which marks a compartment lists, until its rows are there. Where they are already, it is not kept.
    pub fn put_index(&self, id: CompartmentId, kind: RecordKind, index: Arc<MarkIndex>) {
        self.change(|held| {
            if !held.open.contains_key(&id) {
                held.listed.insert(id, (kind, index));
            }
        });
    }

    /// Takes an index of marks out.
    pub fn take_index(&self, id: &CompartmentId) -> Option<Arc<MarkIndex>> {
        self.change(|held| held.listed.remove(id)).map(|(_, index)| index)
    }

    /// Permitted vehicle compartments whose rows are not here yet, and that list a mark that is asked for: by the mark as
    /// written (`vrm`), the reading that the plate's format leaves (`vrm_decided`), or the look-alike key itself
    /// (`vrm_folded`), whichever comes first. Part of a mark is not looked up, nor is a VIN.
    ///
    /// That a mark is listed says that there is a record of it and not what it says: the answer can but warn.
    #[must_use]
    pub fn listed(&self, permit: &Permit, plan: &VehiclePlan) -> Vec<(CompartmentId, &'static str)> {
        let asked = [("vrm", &plan.vrm), ("vrm_decided", &plan.vrm_decided), ("vrm_folded", &plan.vrm_folded)];
        let now = self.now();
        let of_vehicles = now.listed.iter().filter(|(id, (kind, _))| *kind == RecordKind::Vehicle && permit.allows(id));
        let found = of_vehicles.filter_map(|(id, (_, index))| {
            let (key, _) = asked.iter().find(|(_, mark)| mark.as_ref().is_some_and(|m| index.contains(m)))?;
            Some((*id, *key))
        });
        found.collect()
    }

    /// The compartment with this id, if it is open.
    #[must_use]
    pub fn get(&self, id: &CompartmentId) -> Option<Arc<Compartment>> {
        self.now().open.get(id).cloned()
    }

    /// Ids of the open compartments, sorted.
    #[must_use]
    pub fn ids(&self) -> Vec<CompartmentId> {
        self.now().open.keys().copied().collect()
    }

    /// Ids of the compartments whose index of marks is here and whose rows are not, sorted.
    #[must_use]
    pub fn indexed(&self) -> Vec<CompartmentId> {
        self.now().listed.keys().copied().collect()
    }

    /// Prepares each compartment for fast checks ([`Compartment::warm`]): vocabularies, and filters where more than one
    /// vehicle compartment is open. For a background thread; after each `put` it has something to do.
    ///
    /// # Errors
    /// The first failure; the other compartments are prepared all the same.
    pub fn warm(&self) -> Result<(), StoreError> {
        let held = self.now();
        let several = held.open.values().filter(|c| c.kind() == RecordKind::Vehicle).count() > 1;
        let wanted = held.open.values().filter(|c| several || c.kind() == RecordKind::Person);
        wanted.map(|c| c.warm()).fold(Ok(()), Result::and)
    }

    /// Vehicles that bear one of the keys asked, in permitted compartments, at most [`CANDIDATES_MAX`].
    ///
    /// # Errors
    /// [`StoreError`] if any permitted compartment cannot be read: part of an answer would pass for the whole.
    pub fn vehicles(&self, permit: &Permit, plan: &VehiclePlan) -> Result<VehicleCandidates, StoreError> {
        let permitted = self.permitted(permit, RecordKind::Vehicle);
        let mut found: Vec<(usize, Candidate)> = Vec::new();
        let (mut more, mut unread) = (false, 0);
        // With filters, those that look quite as asked lead, wherever their marks stand.
        let rows = if plan.look.is_empty() { PATTERN_ROWS.max(plan.rows) } else { CANDIDATES_MAX };
        for (id, compartment) in &permitted {
            let mut read = compartment.read()?;
            if let Some(pattern) = &plan.pattern {
                let marks = compartment.marks(&mut read)?;
                let rids = if plan.look.is_empty() {
                    marks.matching(pattern, &|_| true, CANDIDATES_MAX + 1)
                } else {
                    let looks = compartment.looks(&mut read)?;
                    marks.matching(pattern, &looks.filter(&plan.look), CANDIDATES_MAX + 1)
                };
                more |= rids.len() > CANDIDATES_MAX;
                // All agree alike: who is not shown need not be decrypted.
                unread += rids.len().min(CANDIDATES_MAX).saturating_sub(rows) as u64;
                for rid in rids.into_iter().take(rows.min(CANDIDATES_MAX)) {
                    let record = records::by_rid(read.conn()?, rid)?.ok_or(StoreError::Corrupt)?;
                    found.push((0, Candidate { compartment: *id, record }));
                }
            }
            if compartment.may_hold(&mut read, plan)? {
                let records = vehicles_in(&read, plan)?.into_iter();
                found.extend(records.map(|(rank, record)| (rank, Candidate { compartment: *id, record })));
            }
        }
        if found.is_empty() {
            // Shown apart from what is as asked: only where there is none.
            for (id, compartment) in &permitted {
                let records = near_in(&compartment.read()?, plan)?.into_iter();
                found.extend(records.map(|(rank, record)| (rank, Candidate { compartment: *id, record })));
            }
        }
        found.sort_by_key(|(rank, _)| *rank);
        more |= found.len() > CANDIDATES_MAX;
        found.truncate(CANDIDATES_MAX);
        let candidates = found.into_iter().map(|(_, c)| seen(permit, c)).collect();
        Ok(VehicleCandidates { candidates, unread, more })
    }

    /// The records of permitted compartments that say to be linked with the one of this key, at most 50 of each; of those
    /// that do not hide it.
    ///
    /// # Errors
    /// As [`Shelf::vehicles`].
    pub fn linking(&self, permit: &Permit, key: &str) -> Result<Vec<Candidate>, StoreError> {
        let mut out = Vec::new();
        for kind in [RecordKind::Vehicle, RecordKind::Person] {
            for (id, compartment) in self.permitted(permit, kind) {
                if key.is_empty() || permit.hides(&id).contains(&Hidden::Links) {
                    continue;
                }
                let records = records::linking(compartment.read()?.conn()?, key)?;
                out.extend(records.into_iter().map(|record| seen(permit, Candidate { compartment: id, record })));
            }
        }
        Ok(out)
    }

    /// Persons worth scoring against the plan, in permitted compartments, the likeliest first and at most
    /// [`crate::RANKED_MAX`].
    ///
    /// # Errors
    /// As [`Shelf::vehicles`].
    pub fn persons(&self, permit: &Permit, plan: &PersonPlan) -> Result<PersonCandidates, StoreError> {
        let variants = self.variants(permit, plan)?;
        let mut found = if variants.is_empty() {
            persons::candidates(&self.permitted(permit, RecordKind::Person), plan)?
        } else {
            let plan = PersonPlan { variants: variants.clone(), ..plan.clone() };
            persons::candidates(&self.permitted(permit, RecordKind::Person), &plan)?
        };
        found.variants = variants;
        found.candidates = found.candidates.into_iter().map(|c| seen(permit, c)).collect();
        Ok(found)
    }

    /// The other forms of the names asked, by the tables of permitted compartments.
    fn variants(&self, permit: &Permit, plan: &PersonPlan) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (_, compartment) in self.permitted(permit, RecordKind::Variant) {
            let table = compartment.variants(&mut compartment.read()?)?;
            for token in plan.surname.iter().chain(&plan.given).chain(&plan.any) {
                let forms: Vec<String> = table.forms(token).cloned().collect();
                if !forms.is_empty() {
                    out.entry(token.clone()).or_default().extend(forms);
                }
            }
        }
        Ok(out)
    }

    /// The record with this id in this compartment; `None` if it is not there, or the compartment is not permitted or
    /// not open.
    ///
    /// # Errors
    /// [`StoreError`] if the compartment cannot be read.
    pub fn record(
        &self,
        permit: &Permit,
        compartment: &CompartmentId,
        id: &RecordId,
    ) -> Result<Option<Record>, StoreError> {
        match self.get(compartment).filter(|_| permit.allows(compartment)) {
            Some(c) => {
                let record = records::by_id(c.read()?.conn()?, id)?;
                Ok(record.map(|r| mask(r, permit.hides(compartment))))
            }
            None => Ok(None),
        }
    }

    /// What the permit allows of what is open, sorted: readers of several compartments take them in one order.
    fn permitted(&self, permit: &Permit, kind: RecordKind) -> Vec<(CompartmentId, Arc<Compartment>)> {
        let now = self.now();
        let open = now.open.iter().filter(|(id, c)| c.kind() == kind && permit.allows(id));
        open.map(|(id, c)| (*id, c.clone())).collect()
    }

    fn now(&self) -> Arc<Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change<T>(&self, f: impl FnOnce(&mut Held) -> T) -> T {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Held::clone(&held);
        let out = f(&mut next);
        *held = Arc::new(next);
        out
    }
}

/// A candidate as the permit lets it be seen.
fn seen(permit: &Permit, c: Candidate) -> Candidate {
    Candidate { record: mask(c.record, permit.hides(&c.compartment)), ..c }
}

/// The records of one file that bear a key asked, each once, with the rank of the first key that found it.
fn vehicles_in(read: &Read<'_>, plan: &VehiclePlan) -> Result<Vec<(usize, Record)>, StoreError> {
    let conn = read.conn()?;
    let asks = [
        ("vrm", &plan.vrm),
        ("vrm", &plan.vrm_decided),
        ("vin", &plan.vin),
        ("vrm", &plan.vrm_folded),
        ("folded", &plan.vrm_folded),
        ("vin_tail", &plan.vin_tail),
    ];
    let mut rids: Vec<i64> = Vec::new();
    let mut out = Vec::new();
    for (rank, (table, key)) in asks.into_iter().enumerate() {
        let Some(key) = key else { continue };
        let mut statement =
            conn.prepare_cached(&format!("SELECT rid FROM {table} WHERE key=?1 ORDER BY rid LIMIT {CANDIDATES_MAX}"))?;
        let mut rows = statement.query([key])?;
        while let Some(row) = rows.next()? {
            let rid = row.get(0)?;
            if !rids.contains(&rid) && rids.len() < CANDIDATES_MAX {
                rids.push(rid);
                out.push((rank, records::by_rid(conn, rid)?.ok_or(StoreError::Corrupt)?));
            }
        }
    }
    Ok(out)
}

/// The records of one file whose mark is one slip from the one asked, at most [`NEAR_MAX`].
fn near_in(read: &Read<'_>, plan: &VehiclePlan) -> Result<Vec<(usize, Record)>, StoreError> {
    let conn = read.conn()?;
    let mut statement = conn.prepare_cached(&format!("SELECT rid FROM vrm WHERE key=?1 LIMIT {NEAR_MAX}"))?;
    let mut out = Vec::new();
    for (rank, near) in plan.near.iter().enumerate() {
        let mut rows = statement.query([&near.mark])?;
        while let Some(row) = rows.next()? {
            if out.len() == NEAR_MAX {
                return Ok(out);
            }
            let record = records::by_rid(conn, row.get(0)?)?.ok_or(StoreError::Corrupt)?;
            let differs = matches!(&record.body, Body::Vehicle(v) if plan.look.fit(v).differs());
            if !differs {
                out.push((rank, record));
            }
        }
    }
    Ok(out)
}
