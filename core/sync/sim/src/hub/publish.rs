//! What the hub publishes, and what it forgets.

use super::{Hub, SOURCE, START};
use crate::rng::Rng;
use beatcheck_model::RecordKind;
use beatcheck_wire::envelope::DocKind;
use beatcheck_wire::{
    Catalogue, CatalogueRef, Delta, Hash32, Head, Manifest, ManifestSet, RECORD_SCHEMA, SegmentRef, Snapshot,
};
use std::collections::BTreeSet;

/// Deltas that stand in a manifest: fewer than a real one may have, so that the catalogue is needed often.
const RECENT: usize = 3;
/// Deltas in a catalogue.
const OLDER: usize = 8;
/// Manifests of a compartment whose segments are kept.
const KEPT: usize = 3;
/// Heads whose documents are kept.
const KEPT_HEADS: usize = 3;
/// How long a head is valid, in seconds.
const HEAD_S: i64 = 24 * 3600;

impl Hub {
    /// Publishes what changed, and signs a head.
    pub(crate) fn publish(&mut self, rng: &mut Rng) {
        self.clock_s += 60;
        let now = self.now();
        for n in 0..self.sources.len() {
            self.publish_one(n, rng);
        }
        let mut set = ManifestSet {
            manifests: self.sources.iter().filter_map(|s| Some((s.id, s.manifest.as_ref()?.1))).collect(),
        };
        set.manifests.sort_unstable();
        let bytes = self.publish.sign(DocKind::ManifestSet, &set).unwrap();
        let set_hash = Hash32::of(&bytes);
        self.documents.insert(set_hash, bytes);
        self.sets.insert(set_hash, set);
        let head = Head {
            head_version: self.heads.len() as u64 + 1,
            issued: now,
            expires: now.plus_secs(HEAD_S),
            set_hash,
            ask_again_s: 300,
        };
        let bytes = self.publish.sign(DocKind::Head, &head).unwrap();
        self.heads.push((head, bytes));
        if self.collects {
            self.collect();
        }
    }

    fn publish_one(&mut self, n: usize, rng: &mut Rng) {
        let s = &mut self.sources[n];
        let watermark = s.log.last().map_or(0, |(seq, ..)| *seq);
        let before = s.manifest.clone();
        let old_mark = before.as_ref().map(|(m, _)| m.watermark);
        // A newer extract without a change still makes a manifest: the route is then a touch.
        if old_mark == Some(watermark) && !rng.chance(300) {
            return;
        }
        s.truths.insert(watermark, s.rows.clone());
        let mut fresh = old_mark.is_none() || rng.chance(120);
        let another = fresh && rng.chance(if old_mark.is_none() { 500 } else { 250 });
        if another {
            // What was compressed with the old one is of no use any more.
            self.cut_dictionary(n, rng);
            self.sources[n].recent.clear();
            self.sources[n].older.clear();
        } else if let Some(from) = old_mark.filter(|m| *m < watermark) {
            self.add_deltas(n, from, watermark, rng);
        }
        loop {
            if fresh {
                self.cut_whole(n, watermark, rng);
            }
            let manifest = self.manifest(n, watermark, before.as_ref());
            if let Some(manifest) = self.with_catalogue(n, manifest, fresh || rng.chance(500)) {
                return self.sign(n, manifest);
            }
            assert!(!fresh, "a new snapshot needs no way");
            fresh = true;
        }
    }

    /// The newest step, and sometimes one that joins several: what was in the manifest too long goes to the catalogue.
    fn add_deltas(&mut self, n: usize, from: u64, to: u64, rng: &mut Rng) {
        let segments = self.cut_delta(n, from, rng);
        self.sources[n].recent.push(Delta { from, to, segments });
        if rng.chance(300) {
            let marks: Vec<u64> = self.sources[n].truths.keys().copied().filter(|m| *m < from).collect();
            if !marks.is_empty() {
                let from = marks[rng.below(marks.len() as u64) as usize];
                let segments = self.cut_delta(n, from, rng);
                self.sources[n].older.push(Delta { from, to, segments });
            }
        }
        let s = &mut self.sources[n];
        while s.recent.len() > RECENT {
            let oldest = s.recent.remove(0);
            // Minutes are dropped sooner or later: then only an hour leads there, or nothing.
            if !rng.chance(200) {
                s.older.push(oldest);
            }
        }
        let excess = s.older.len().saturating_sub(OLDER);
        s.older.drain(..excess);
    }

    fn cut_whole(&mut self, n: usize, watermark: u64, rng: &mut Rng) {
        let segments = self.cut_snapshot(n, rng);
        self.sources[n].snapshot = Snapshot { watermark, segments };
        let vehicles = self.sources[n].kind == RecordKind::Vehicle;
        let index = if vehicles && rng.chance(800) { self.cut_index(n, rng) } else { Vec::new() };
        self.sources[n].index = index;
    }

    fn manifest(&self, n: usize, watermark: u64, before: Option<&(Manifest, Hash32)>) -> Manifest {
        let s = &self.sources[n];
        Manifest {
            compartment: s.id,
            manifest_version: before.map_or(1, |(m, _)| m.manifest_version + 1),
            previous: before.map(|(_, h)| *h).unwrap_or_default(),
            key_epoch: s.keys.len() as u32,
            schema: RECORD_SCHEMA,
            source: SOURCE.into(),
            kind: s.kind,
            as_of: START.plus_secs(self.clock_s),
            due_by: None,
            last_refused: false,
            warnings: s.warnings,
            watermark,
            rows: s.rows.len() as u64,
            unsearchable: 0,
            digest: s.digest.finish(),
            dictionary: s.dictionary.as_ref().map(|(_, r)| *r),
            recent: s.recent.clone(),
            catalogue: s.catalogue,
        }
    }

    /// The manifest with the catalogue it had, or a new one; none if no way leads from the snapshot.
    fn with_catalogue(&mut self, n: usize, mut m: Manifest, anew: bool) -> Option<Manifest> {
        let old = self.documents.get(&m.catalogue.hash);
        if !anew && old.is_some_and(|bytes| Catalogue::decode(bytes, &m).is_ok()) {
            return Some(m);
        }
        let s = &mut self.sources[n];
        let catalogue = Catalogue { snapshot: s.snapshot.clone(), index: s.index.clone(), deltas: s.older.clone() };
        let bytes = catalogue.encode().unwrap();
        let snapshot_bytes = catalogue.snapshot.segments.iter().map(|r| u64::from(r.bytes)).sum();
        m.catalogue = CatalogueRef { hash: Hash32::of(&bytes), bytes: bytes.len() as u32, snapshot_bytes };
        Catalogue::decode(&bytes, &m).ok()?;
        s.catalogue = m.catalogue;
        self.documents.insert(m.catalogue.hash, bytes);
        Some(m)
    }

    fn sign(&mut self, n: usize, manifest: Manifest) {
        manifest.validate().expect("the hub publishes what it would accept");
        let bytes = self.publish.sign(DocKind::Manifest, &manifest).unwrap();
        let hash = Hash32::of(&bytes);
        self.documents.insert(hash, bytes);
        self.manifests.insert(hash, manifest.clone());
        let catalogue = Catalogue::decode(&self.documents[&manifest.catalogue.hash], &manifest).unwrap();
        let deltas = manifest.recent.iter().chain(&catalogue.deltas).flat_map(|d| &d.segments);
        let parts = catalogue.snapshot.segments.iter().chain(&catalogue.index).chain(&manifest.dictionary);
        let named: BTreeSet<Hash32> = deltas.chain(parts).map(|r: &SegmentRef| r.hash).collect();
        let s = &mut self.sources[n];
        s.named.push_back(named);
        if s.named.len() > KEPT {
            s.named.pop_front();
        }
        s.manifest = Some((manifest, hash));
    }

    /// Forgets segments and documents that nothing of late names.
    fn collect(&mut self) {
        let mut named: BTreeSet<Hash32> = self.sources.iter().flat_map(|s| &s.named).flatten().copied().collect();
        // What the catalogue in use does not name yet, the next one will.
        named.extend(self.sources.iter().flat_map(|s| &s.older).flat_map(|d| &d.segments).map(|r| r.hash));
        self.segments.retain(|hash, _| named.contains(hash));
        let mut documents: BTreeSet<Hash32> = BTreeSet::new();
        for (head, _) in self.heads.iter().rev().take(KEPT_HEADS) {
            documents.insert(head.set_hash);
            for (_, hash) in &self.sets[&head.set_hash].manifests {
                documents.extend([*hash, self.manifests[hash].catalogue.hash]);
            }
        }
        self.documents.retain(|hash, _| documents.contains(hash));
    }
}
