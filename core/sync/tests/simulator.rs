//! The machine under the simulator of `beatcheck-sim`: many seeds, and what single rules cost.
//!
//! `BEATCHECK_SEED=n` runs one seed, `BEATCHECK_SEEDS=n` as many from 0 on.
#![allow(clippy::unwrap_used, missing_docs)]

use beatcheck_sim::{Chaos, End, Rng, World};
use beatcheck_sync::{Limits, Outcome, SyncFault};
use beatcheck_wire::segment::{FRAME, HEADER};

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

fn done(end: End) -> Outcome {
    let End::Done(outcome) = end else { panic!("nothing restarts here") };
    outcome
}

/// A sync over a good link that brings everything.
fn good(w: &mut World) -> Outcome {
    let outcome = done(w.sync(&Chaos::default()));
    assert_eq!((&outcome.fault, &outcome.failed), (&None, &Vec::new()));
    assert!(w.agrees());
    outcome
}

#[test]
fn whatever_happens_a_healed_link_brings_the_hubs_state() {
    let range = seeds(300);
    let many = range.end - range.start > 1;
    let totals = beatcheck_sim::run(range, 2, &|_| {}).unwrap_or_else(|f| panic!("seed {}: {}", f.seed, f.text));
    println!("{totals:?}");
    // A model in which something never happens proves nothing about it.
    let never: Vec<&str> = totals.entries().into_iter().filter(|(_, n)| *n == 0).map(|(name, _)| name).collect();
    assert!(!many || never.is_empty(), "never seen: {never:?}");
}

#[test]
fn a_drop_costs_at_most_one_frame_per_range_in_flight() {
    for seed in seeds(60) {
        let _says = Seed(seed);
        let mut w = World::new(seed);
        let chaos = Chaos { drop: 150, restart: 20, switch: 20, ..Chaos::default() };
        let needed = w.all_bytes();
        let mut n = 0;
        while !w.agrees() {
            n += 1;
            assert!(n < 200, "a link that sometimes works brings everything in the end");
            w.sync(&chaos);
        }
        let allowed = needed + w.broken * (FRAME + HEADER) as u64;
        assert!(w.totals.bytes <= allowed, "{} bytes for {needed}, {} ranges broke", w.totals.bytes, w.broken);
    }
}

#[test]
fn a_cache_that_always_lies_ends_in_a_fault_and_changes_nothing() {
    for seed in seeds(60) {
        let _says = Seed(seed);
        let mut w = World::new(seed);
        good(&mut w);
        w.stir();
        let (before, bytes) = (w.held_now(), w.totals.bytes);
        let outcome = done(w.sync(&Chaos { damage: 1000, ..Chaos::default() }));
        assert_eq!(outcome.failed.len(), before.0.len());
        assert!(outcome.failed.iter().all(|(_, f)| matches!(f, SyncFault::SegmentDamaged(_))), "{outcome:?}");
        assert_eq!(w.held_now(), before, "the old state stays in use, and the next sync looks again");
        assert!(w.totals.bytes > bytes);
        good(&mut w);
    }
}

#[test]
fn rot_at_rest_is_mended_or_rebuilt_after_a_scrub_whether_or_not_anything_changed() {
    let (mut mended, mut rebuilt) = (0, 0);
    for seed in seeds(60) {
        let _says = Seed(seed);
        let mut w = World::new(seed);
        good(&mut w);
        w.rot_all();
        w.scrub();
        if seed % 2 == 0 {
            w.stir();
        }
        let outcome = good(&mut w);
        (mended, rebuilt) = (mended + outcome.repaired.len(), rebuilt + outcome.rebuilt.len());
        assert_eq!(good(&mut w), Outcome { ask_again_s: 300, ..Outcome::default() });
    }
    assert!(mended > 0 && rebuilt > 0, "{mended} mended, {rebuilt} rebuilt");
}

#[test]
fn without_a_budget_left_snapshots_wait_and_changes_do_not() {
    for seed in seeds(60) {
        let _says = Seed(seed);
        let none = Limits { budget_bytes: Some(0), ..Limits::default() };
        let mut w = World::new(seed);
        let outcome = done(w.sync_within(&Chaos::default(), none));
        assert_eq!((outcome.fault, outcome.failed), (None, Vec::new()));
        assert!(outcome.applied.len() + outcome.deferred.len() >= 2, "an empty compartment costs nothing");
        good(&mut w);
        w.stir();
        let outcome = done(w.sync_within(&Chaos::default(), none));
        assert_eq!((outcome.fault, outcome.failed), (None, Vec::new()));
        assert!(!outcome.applied.is_empty() || !outcome.deferred.is_empty());
        good(&mut w);
    }
}

#[test]
fn the_same_seed_is_the_same_story() {
    let tell = || {
        let mut w = World::new(7);
        let chaos = Chaos::of(&mut Rng::new(7));
        (0..5).for_each(|_| drop(w.sync(&chaos)));
        (w.totals, w.broken, w.held_now())
    };
    assert_eq!(tell(), tell());
}
