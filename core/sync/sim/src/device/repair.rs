//! A repair as the protocol has it: sums, finer sums, rows of what differs.

use super::Device;
use crate::hub::{Hub, SOURCE};
use crate::rng::Rng;
use beatcheck_sync::{ApplyFault, Event};
use beatcheck_wire::CompartmentId;
use beatcheck_wire::batch::{Context, Op};
use beatcheck_wire::digest::{RowDigest, canonical};
use beatcheck_wire::ranges::{MAX_REPAIR_PARTS, MAX_REPAIR_RANGES, RangeSums, RowsRequest, SumsRequest, ids_of};
use beatcheck_wire::segment::{self, OpenAs};

/// Repairs, in cases per 1,000, to which the hub gives no answer, or none that leads anywhere.
const UNANSWERED: u64 = 150;

/// What a repair did.
pub(crate) struct Mended {
    pub(crate) event: Event,
    pub(crate) bytes: u64,
}

impl Device {
    /// Mends a compartment by the hub's sums at its watermark; all of it or nothing.
    pub(crate) fn repair(&mut self, id: CompartmentId, hub: &Hub, rng: &mut Rng) -> Mended {
        let mut bytes = 0;
        let event = match self.try_repair(id, hub, rng, &mut bytes) {
            Ok(whole) => Event::Repaired { compartment: id, whole },
            Err(why) => Event::ApplyFailed { compartment: id, why },
        };
        Mended { event, bytes }
    }

    fn try_repair(&mut self, id: CompartmentId, hub: &Hub, rng: &mut Rng, bytes: &mut u64) -> Result<bool, ApplyFault> {
        let Some(store) = self.stores.get(&id) else { return Ok(false) };
        if rng.chance(UNANSWERED) {
            return Ok(false);
        }
        let mut own = RangeSums::default();
        store.rows.iter().for_each(|(id, row)| own.add(id, row));
        let (compartment, watermark) = (id, store.watermark);
        let mut ask = |first: Option<u8>, own: &[u64]| {
            *bytes += 256 * 8;
            hub.sums(&SumsRequest { compartment, watermark, first }).and_then(|a| a.differing(own).ok())
        };
        let Some(parts) = ask(None, &own.over_all()) else { return Ok(false) };
        if parts.len() > MAX_REPAIR_PARTS {
            return Ok(false);
        }
        let mut ranges = Vec::new();
        for part in parts {
            let Some(below) = ask(Some(part), &own.below(part)) else { return Ok(false) };
            ranges.extend(below.into_iter().map(|low| u16::from_be_bytes([part, low])));
        }
        if ranges.len() > MAX_REPAIR_RANGES {
            return Ok(false);
        }
        let mut rows = store.rows.clone();
        for range in &ranges {
            let (first, last) = ids_of(*range);
            rows.retain(|id, _| *id < first || *id > last);
        }
        if !ranges.is_empty() {
            let Some(answer) = hub.rows(&RowsRequest { compartment, watermark, ranges }, rng) else { return Ok(false) };
            let context = Context { kind: hub.source(&id).kind, source: SOURCE };
            let how = OpenAs { context, dictionary: None, key: self.key(&id, answer.key_epoch)? };
            for s in &answer.segments {
                *bytes += s.len() as u64;
                for change in segment::open(s, &beatcheck_wire::Hash32::of(s), &how).unwrap() {
                    let Op::Upsert(r) = change.op else { panic!("a repair brings whole rows") };
                    rows.insert(r.id, canonical(&r).unwrap());
                }
            }
        }
        let mut digest = RowDigest::default();
        rows.values().for_each(|r| digest.add(r));
        let whole = digest.finish() == store.checkpoint;
        if let (true, Some(store)) = (whole, self.stores.get_mut(&id)) {
            (store.rows, store.digest) = (rows, digest);
            (store.suspect, store.rotten) = (false, false);
        }
        Ok(whole)
    }
}
