//! The only other loop of the state machine: a seeded simulator with a model hub, a model device and a hostile link.
//!
//! `BEATCHECK_SEED=n` runs one seed, `BEATCHECK_SEEDS=n` as many from 0 on. What is checked at every step is in
//! `world.rs`: nothing half-applied or unverified is visible, versions never go backwards, nothing staged is fetched
//! again, a set is committed only when all of it is held, and instructions are bounded.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub)]

mod device;
mod hub;
mod link;
mod rng;
mod world;

use beatcheck_sync::SyncFault;
use beatcheck_wire::segment::{FRAME, HEADER};
use link::Chaos;
use rng::Rng;
use world::{End, World};

/// Says which seed it was, when a test stops.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to see this again: BEATCHECK_SEED={}", self.0);
        }
    }
}

fn seeds(default: u64) -> std::ops::Range<u64> {
    let var = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    match (var("BEATCHECK_SEED"), var("BEATCHECK_SEEDS")) {
        (Some(one), _) => one..one + 1,
        (None, many) => 0..many.unwrap_or(default),
    }
}

/// Every compartment changes, so that rot at rest is found by this sync and not only by a later scrub.
fn stir(w: &mut World) {
    for n in 0..w.hub.sources.len() {
        w.hub.change(n, 1, &mut w.rng);
    }
    w.hub.publish(&mut w.rng);
}

#[test]
fn whatever_happens_a_healed_link_brings_the_hubs_state() {
    let (mut restarts, mut faults, mut failures, mut clean, mut most) = (0, 0, 0, 0, 0);
    for seed in seeds(400) {
        let _says = Seed(seed);
        let mut w = World::new(seed);
        for _ in 0..3 + w.rng.below(6) {
            let chaos = Chaos::of(&mut w.rng);
            match w.sync(&chaos) {
                End::Restarted => restarts += 1,
                End::Done(o) if o.fault.is_some() => faults += 1,
                End::Done(o) if !o.failed.is_empty() => failures += 1,
                End::Done(_) => clean += 1,
            }
            if w.rng.chance(600) {
                w.hub_moves();
            }
        }
        if w.device.stores.values().any(|s| s.rotten) {
            stir(&mut w);
        }
        let End::Done(outcome) = w.sync(&Chaos::default()) else { panic!("nothing restarts here") };
        assert_eq!((outcome.fault, outcome.failed), (None, Vec::new()), "one sync over a good link is enough");
        assert!(w.agrees(), "the device holds what the hub has for it");
        let End::Done(again) = w.sync(&Chaos::default()) else { panic!("nothing restarts here") };
        assert!(again.applied.is_empty(), "a poll without change brings nothing");
        most = most.max(w.most_instructions);
    }
    println!("{clean} clean, {failures} with failures, {faults} faults, {restarts} restarts, {most} instructions");
}

#[test]
fn a_drop_costs_at_most_one_frame_per_range_in_flight() {
    for seed in seeds(60) {
        let _says = Seed(seed);
        let mut w = World::new(seed);
        let chaos = Chaos { drop: 150, restart: 20, ..Chaos::default() };
        let needed: u64 = w.hub.segments.values().map(|(_, s)| s.len() as u64).sum();
        let mut n = 0;
        while !w.agrees() {
            n += 1;
            assert!(n < 200, "a link that sometimes works brings everything in the end");
            w.sync(&chaos);
        }
        let allowed = needed + w.broken * (FRAME + HEADER) as u64;
        assert!(w.bytes <= allowed, "{} bytes for {needed}, {} ranges broke", w.bytes, w.broken);
    }
}

#[test]
fn a_cache_that_always_lies_ends_in_a_fault_and_changes_nothing() {
    for seed in seeds(60) {
        let _says = Seed(seed);
        let mut w = World::new(seed);
        let End::Done(_) = w.sync(&Chaos::default()) else { panic!("nothing restarts here") };
        assert!(w.agrees());
        stir(&mut w);
        let before: Vec<_> = w.device.stores.values().map(|s| (s.manifest_version, s.digest.finish())).collect();
        let (set, bytes) = (w.device.set_hash, w.bytes);
        let End::Done(outcome) = w.sync(&Chaos { damage: 1000, ..Chaos::default() }) else { panic!() };
        assert_eq!(outcome.failed.len(), w.device.stores.len());
        assert!(outcome.failed.iter().all(|(_, f)| matches!(f, SyncFault::SegmentDamaged(_))), "{outcome:?}");
        let after: Vec<_> = w.device.stores.values().map(|s| (s.manifest_version, s.digest.finish())).collect();
        assert_eq!(before, after, "the old state stays in use");
        assert_eq!(w.device.set_hash, set, "and the next sync looks again");
        assert!(w.bytes > bytes);
        let End::Done(healed) = w.sync(&Chaos::default()) else { panic!("nothing restarts here") };
        assert_eq!((healed.fault, healed.failed), (None, Vec::new()));
        assert!(w.agrees());
    }
}

#[test]
fn rot_at_rest_is_rebuilt_by_the_next_change() {
    for seed in seeds(40) {
        let _says = Seed(seed);
        let mut w = World::new(seed);
        w.sync(&Chaos::default());
        w.device.stores.values_mut().for_each(|s| s.rot(0));
        stir(&mut w);
        let End::Done(outcome) = w.sync(&Chaos::default()) else { panic!("nothing restarts here") };
        assert_eq!((outcome.fault, outcome.failed), (None, Vec::new()));
        assert!(w.agrees());
    }
}

#[test]
fn the_same_seed_is_the_same_story() {
    let tell = || {
        let mut w = World::new(7);
        let chaos = Chaos::of(&mut Rng::new(7));
        (0..5).for_each(|_| drop(w.sync(&chaos)));
        (w.bytes, w.broken, w.most_instructions, w.device.head_version)
    };
    assert_eq!(tell(), tell());
}
