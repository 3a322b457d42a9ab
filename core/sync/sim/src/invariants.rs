//! What must hold at every moment, whatever the link and the power do.

use crate::device::LEASE_S;
use crate::world::{Flight, World};
use beatcheck_sync::{MAX_APPLYING, Want};
use beatcheck_wire::digest::RowDigest;
use beatcheck_wire::segment::{self, Content, FRAME, frame_range};
use beatcheck_wire::{CompartmentId, Hash32, WireError};

impl World {
    /// What a frame may cost at worst: every try of it, each with its waits and looks, over again for each refetch of a
    /// damaged segment, for a rebuilding and for each new beginning.
    pub(crate) fn bounded(&mut self, instructions: u64) {
        let frames: usize = self.hub.segments.values().map(|s| s.bytes.len().div_ceil(FRAME)).sum();
        let limit = 2000 + frames as u64 * 6 * 40;
        assert!(instructions < limit, "a livelock: {instructions} instructions for {frames} frames");
        self.totals.most_instructions = self.totals.most_instructions.max(instructions);
    }

    /// Nothing that is staged is asked for.
    pub(crate) fn check_want(&self, want: &Want) {
        let Want::Frames { segment, total, first, bytes } = want else { return };
        let staged = self.device.staged.get(segment);
        let mut index = *first;
        loop {
            let frame = frame_range(*total, index);
            if frame.is_empty() || frame.start >= bytes.end {
                return;
            }
            assert!(staged.is_none_or(|s| !s.contains_key(&index)), "asked for a frame that is staged");
            index += 1;
        }
    }

    /// Only what is granted is worked on, each by itself, and not too many at a time.
    pub(crate) fn check_work(&self, id: CompartmentId, flights: &[Flight]) {
        let granted = self.device.grant.iter().flat_map(|g| &g.compartments).any(|c| c.id == id);
        assert!(granted, "only what is granted is applied");
        let mut busy = flights.iter().filter_map(Flight::works_on);
        assert!(busy.clone().count() < MAX_APPLYING, "too much is applied at a time");
        assert!(busy.all(|other| other != id), "a compartment is applied twice at a time");
    }

    /// Only a head of the hub is committed, and a set only when all of it is held; or what came after it, where a sync was cut
    /// off before it committed a newer set, and then an older head is shown that this device has never gone beyond.
    pub(crate) fn check_commit(&self, head_version: u64, head: &[u8], set_hash: Option<Hash32>) {
        let known = &self.hub.heads[head_version as usize - 1];
        assert_eq!(known.1, head, "only a head that the hub signed is committed");
        let Some(set) = set_hash else { return };
        assert_eq!(known.0.set_hash, set);
        for (id, hash) in &self.hub.sets[&set].manifests {
            let granted = self.device.grant.iter().flat_map(|g| &g.compartments).any(|c| c.id == *id);
            let named = self.hub.manifests[hash].manifest_version;
            let store = self.device.stores.get(id);
            let held = store.is_some_and(|s| s.manifest_hash == *hash || s.manifest_version > named);
            assert!(!granted || held, "a set is committed when all of it is held");
        }
    }

    /// Nothing goes backwards, and what is newly visible is whole and verified.
    pub(crate) fn check(&mut self) {
        let d = &mut self.device;
        let now = (d.head_version, d.grant.as_ref().map_or(0, |g| g.grant_version), d.policy_version);
        let (h, g, p) = self.seen;
        assert!(now.0 >= h && now.1 >= g && now.2 >= p, "a version went backwards: {:?} to {now:?}", self.seen);
        self.seen = now;
        for (id, store) in &mut d.stores {
            let (version, watermark) = self.seen_manifests.entry(*id).or_default();
            if store.manifest_version == *version {
                continue;
            }
            assert!(store.manifest_version > *version, "a manifest version went backwards");
            assert!(store.watermark >= *watermark, "a watermark went backwards");
            (*version, *watermark) = (store.manifest_version, store.watermark);
            let m = self.hub.manifests.get(&store.manifest_hash).expect("only what the hub published is held");
            assert_eq!((m.compartment, m.watermark, m.digest), (*id, store.watermark, store.checkpoint));
            let truth = &self.hub.source(id).truths[&store.watermark];
            let same = store.rows.len() == truth.len()
                && store.rows.iter().all(|(id, row)| truth.get(id).is_some_and(|t| t.bytes == *row));
            // Rows that rotted and were not touched by a delta stay unnoticed until a scrub.
            assert!(same || store.rotten, "equal digests are equal rows");
            store.rotten = !same;
            if same {
                let mut digest = RowDigest::default();
                store.rows.values().for_each(|r| digest.add(r));
                assert_eq!(digest.finish(), m.digest, "what is visible is whole and verified");
                assert_eq!(m.rows, store.rows.len() as u64);
            }
        }
        // One that was withdrawn may come back, at whatever version is published by then.
        self.seen_manifests.retain(|id, _| d.stores.contains_key(id));
    }

    /// Checks are made on the device and compared with what the hub knows to be true at the device's watermark.
    pub(crate) fn read(&mut self) {
        let now = self.hub.now();
        let today = now.date();
        let version = self.device.grant.as_ref().map_or(0, |g| g.grant_version);
        let named = version.checked_sub(1).map(|n| self.hub.grants[n as usize].1.clone()).unwrap_or_default();
        let locked = self.answered.is_none_or(|t| now.secs_since(t) > LEASE_S);
        for source in &self.hub.sources {
            let shown = self.device.shown(&source.id, now);
            self.totals.checks += 1;
            self.totals.rows_read += shown.len() as u64;
            let index = source.truths.values().next_back().and_then(|rows| rows.values().next());
            let mark = index.and_then(|r| crate::hub::mark(r)).unwrap_or_else(|| "AB1".into());
            let listed = self.device.listed(&source.id, &mark, now);
            if locked || !named.contains(&source.id) {
                assert!(
                    shown.is_empty() && listed.is_none(),
                    "a withdrawn compartment, or one out of its lease, is shown"
                );
                continue;
            }
            if let (Some(listed), Some(index)) = (listed, self.device.indexes.get(&source.id)) {
                let marks = &self.hub.indexes[&index.first];
                assert_eq!(listed, marks.contains(&mark), "an index says what the hub's says");
                assert_eq!(marks.len(), index.marks.len());
            }
            let store = self.device.stores.get(&source.id);
            // A head that was refused, as expired or a replay, is no contact: then less is shown than might be.
            let Some(store) = store.filter(|s| !s.rotten && self.device.leased(now)) else { continue };
            let may = |r: &crate::hub::Row| r.record.expires.is_none_or(|last| today <= last);
            let mut truth = source.truths[&store.watermark].iter().filter(|(_, r)| may(r));
            for (id, row) in shown {
                let (true_id, true_row) = truth.next().expect("no row is shown after its last day");
                assert_eq!((id, row), (*true_id, true_row.bytes.as_slice()), "what is shown is true");
            }
            assert!(truth.next().is_none(), "all that may be shown is shown");
        }
    }

    /// With all keys that it ever had, the device opens nothing of an epoch that it was not given.
    pub fn try_all_keys(&mut self) {
        let d = &self.device;
        let secret = |s: &&crate::hub::Segment| !d.keys_ever.contains_key(&(s.of, s.epoch));
        let ever: Vec<[u8; 32]> = d.keys_ever.values().copied().collect();
        let mut tried = 0;
        for s in self.hub.segments.values().filter(secret).take(3) {
            for key in &ever {
                tried += 1;
                let opened = segment::open_bytes(Content::Dictionary, &s.bytes, &Hash32::of(&s.bytes), key);
                assert_eq!(opened, Err(WireError::BadFrame), "an epoch after the withdrawal is closed");
            }
        }
        self.totals.keys_tried += tried;
    }

    /// Whether the device holds exactly what the hub has for it, row by row.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let ids: Vec<_> = self.device.stores.keys().copied().collect();
        let granted: Vec<_> = self.hub.granted.iter().copied().collect();
        let same = |s: &crate::hub::Source| {
            let Some(store) = self.device.stores.get(&s.id) else { return false };
            let rows = &s.truths[&s.manifest.as_ref().map_or(0, |(m, _)| m.watermark)];
            store.rows.len() == rows.len()
                && rows.iter().all(|(id, r)| store.rows.get(id).is_some_and(|b| *b == r.bytes))
        };
        ids == granted
            && self.hub.sources.iter().filter(|s| self.hub.granted.contains(&s.id)).all(same)
            && self.device.head_version == self.hub.heads.len() as u64
    }
}
