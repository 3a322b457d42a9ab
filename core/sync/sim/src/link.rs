//! A hostile link: what one request brings, if anything.

use crate::hub::Hub;
use crate::rng::Rng;
use beatcheck_sync::{Event, FetchFault, Want};
use beatcheck_wire::segment::frame_range;
use beatcheck_wire::{CompartmentId, GrantBundle, Hash32};
use std::collections::VecDeque;

/// How bad a day is, in cases per 1,000.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chaos {
    /// A request, or a range between two frames, breaks off.
    pub drop: u64,
    /// The hub asks for patience.
    pub busy: u64,
    /// An older document is shown, or none that was asked for.
    pub replay: u64,
    /// A document is expired, forged or damaged.
    pub forge: u64,
    /// A frame is damaged.
    pub damage: u64,
    /// The device restarts, per instruction and per event.
    pub restart: u64,
    /// The hub moves on, per event.
    pub moves: u64,
    /// Something stored is damaged at rest, per sync.
    pub rot: u64,
    /// Another network: everything in flight breaks, per event.
    pub switch: u64,
    /// The link is gone for a while, per event.
    pub outage: u64,
}

impl Chaos {
    /// One of many kinds of bad days.
    #[must_use]
    pub const fn of(rng: &mut Rng) -> Self {
        Self {
            drop: rng.below(2) * rng.below(300),
            busy: rng.below(2) * rng.below(100),
            replay: rng.below(2) * rng.below(150),
            forge: rng.below(2) * rng.below(150),
            damage: rng.below(2) * rng.below(300),
            restart: rng.below(2) * rng.below(40),
            moves: rng.below(2) * rng.below(80),
            rot: rng.below(2) * rng.below(1000),
            switch: rng.below(2) * rng.below(60),
            outage: rng.below(2) * rng.below(40),
        }
    }
}

fn flip(bytes: &mut [u8], rng: &mut Rng) {
    let at = rng.below(bytes.len() as u64) as usize;
    bytes[at] ^= 1 << rng.below(8);
}

/// What the hub says of a compartment that the device may not have.
pub(crate) fn not_granted() -> FetchFault {
    FetchFault::Refused { code: "not_granted".into(), text: "not in the grant".into() }
}

/// The events that one request brings, in their order.
pub(crate) fn answer(hub: &Hub, want: &Want, chaos: &Chaos, rng: &mut Rng) -> VecDeque<Event> {
    if rng.chance(chaos.drop) {
        return [Event::Failed(want.clone(), FetchFault::Transient("dropped".into()))].into();
    }
    if rng.chance(chaos.busy) {
        let s = if rng.chance(100) { 600 } else { 1 + rng.below(30) as u32 };
        return [Event::Failed(want.clone(), FetchFault::Busy(s))].into();
    }
    let (replay, forge) = (rng.chance(chaos.replay), rng.chance(chaos.forge));
    let granted = |id: &CompartmentId| hub.granted.contains(id);
    let gone = || Event::Failed(want.clone(), FetchFault::NotFound);
    let event = match want {
        Want::Head => {
            let (_, current) = &hub.heads[hub.heads.len() - 1];
            let mut bytes = current.clone();
            let mut roots = Vec::new();
            if replay {
                bytes = hub.heads[rng.below(hub.heads.len() as u64) as usize].1.clone();
            } else if forge {
                match rng.below(4) {
                    3 => roots.push(hub.forged_root()),
                    0 => bytes = hub.expired_head(),
                    1 => bytes = hub.forged_head(),
                    _ => flip(&mut bytes, rng),
                }
            }
            Event::Head { bytes, grant_hint: Some(hub.grant_version), roots }
        }
        Want::Grant => {
            let (current, _) = &hub.grants[hub.grants.len() - 1];
            let mut bundle = current.clone();
            if replay {
                bundle = hub.grants[rng.below(hub.grants.len() as u64) as usize].0.clone();
            } else if forge {
                match rng.below(5) {
                    0 => bundle = hub.unsigned_wipe(),
                    _ => forge_grant(&mut bundle, rng),
                }
            }
            Event::Grant(bundle)
        }
        Want::Manifest(id, _) | Want::Catalogue(id, _) if !granted(id) => Event::Failed(want.clone(), not_granted()),
        Want::Set(hash) => document(hub, hash, replay, forge, rng).map_or_else(gone, Event::Set),
        Want::Manifest(id, hash) => {
            document(hub, hash, replay, forge, rng).map_or_else(gone, |d| Event::Manifest(*id, d))
        }
        Want::Catalogue(id, hash) => {
            document(hub, hash, replay, forge, rng).map_or_else(gone, |d| Event::Catalogue(*id, d))
        }
        Want::Frames { segment, total, first, bytes } => match hub.segments.get(segment) {
            None => gone(),
            Some(s) if !granted(&s.of) => Event::Failed(want.clone(), not_granted()),
            Some(s) => {
                assert_eq!(s.bytes.len(), *total as usize, "the machine asks by the manifest");
                return frames(want, &s.bytes, *first, bytes.clone(), chaos, rng);
            }
        },
    };
    [event].into()
}

fn frames(
    want: &Want,
    content: &[u8],
    first: u16,
    range: std::ops::Range<u32>,
    chaos: &Chaos,
    rng: &mut Rng,
) -> VecDeque<Event> {
    let Want::Frames { segment, .. } = want else { return VecDeque::new() };
    let mut out = VecDeque::new();
    let (mut index, mut at) = (first, range.start);
    while at < range.end {
        if rng.chance(chaos.drop) {
            out.push_back(Event::Failed(want.clone(), FetchFault::Transient("truncated".into())));
            return out;
        }
        let frame = frame_range(content.len() as u32, index);
        assert_eq!(frame.start, at, "a range begins and ends where frames do");
        let mut bytes = content[frame.start as usize..frame.end as usize].to_vec();
        if rng.chance(chaos.damage) {
            flip(&mut bytes, rng);
        }
        out.push_back(Event::Frame { segment: *segment, index, bytes });
        (index, at) = (index + 1, frame.end);
    }
    assert_eq!(at, range.end, "a range begins and ends where frames do");
    out.push_back(Event::FramesEnd { segment: *segment });
    out
}

fn document(hub: &Hub, hash: &Hash32, replay: bool, forge: bool, rng: &mut Rng) -> Option<Vec<u8>> {
    let mut bytes = hub.documents.get(hash)?.clone();
    if replay {
        let other = rng.below(hub.documents.len() as u64) as usize;
        bytes = hub.documents.values().nth(other).cloned().unwrap_or(bytes);
    } else if forge {
        flip(&mut bytes, rng);
    }
    Some(bytes)
}

fn forge_grant(bundle: &mut GrantBundle, rng: &mut Rng) {
    match rng.below(4) {
        0 => flip(&mut bundle.grant, rng),
        1 => flip(&mut bundle.policy, rng),
        2 if !bundle.keys.is_empty() => flip(&mut bundle.keys[0].key, rng),
        _ => drop(bundle.keys.pop()),
    }
}
