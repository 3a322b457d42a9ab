//! One story for each seed, and many seeds on several threads.

use crate::link::Chaos;
use crate::totals::Totals;
use crate::world::{End, World};
use beatcheck_sync::{Limits, MAX_IN_FLIGHT};
use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A seed whose story broke a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed: its story is the same every time.
    pub seed: u64,
    /// Which rule.
    pub text: String,
}

/// Some bad days, then a good link: after it, the device must hold what the hub has.
///
/// # Panics
/// When a rule is broken; that is what it is for.
#[must_use]
pub fn story(seed: u64) -> Totals {
    let mut w = World::new(seed);
    for _ in 0..3 + w.rng.below(6) {
        let chaos = Chaos::of(&mut w.rng);
        let budget_bytes = w.rng.chance(250).then(|| w.rng.below(12_000));
        let limits = Limits { budget_bytes, in_flight: 1 + w.rng.below(MAX_IN_FLIGHT as u64) as usize };
        let end = w.sync_within(&chaos, limits);
        if let End::Done(o) = &end {
            let put_off = budget_bytes.is_some() || o.deferred.is_empty();
            assert!(put_off, "nothing is put off without a budget");
        }
        w.read();
        w.try_all_keys();
        if w.rng.chance(600) {
            w.hub_moves();
        }
        if w.rng.chance(150) {
            let hours = w.rng.below(120) as i64;
            w.hours_pass(hours);
        }
    }
    w.scrub();
    let End::Done(outcome) = w.sync(&Chaos::default()) else { panic!("nothing restarts here") };
    assert_eq!((outcome.fault, outcome.failed), (None, Vec::new()), "one sync over a good link is enough");
    assert!(w.agrees(), "the device holds what the hub has for it");
    w.read();
    let bytes = w.totals.bytes;
    let End::Done(again) = w.sync(&Chaos::default()) else { panic!("nothing restarts here") };
    assert!(again.applied.is_empty() && w.totals.bytes == bytes, "a poll without change brings nothing");
    w.totals.seeds = 1;
    w.totals
}

/// Tells the stories of all `seeds` on `threads` threads; `progress` is called with the number told so far.
///
/// # Errors
/// The lowest of the seeds that failed before all threads had stopped.
pub fn run(seeds: Range<u64>, threads: usize, progress: &(dyn Fn(u64) + Sync)) -> Result<Totals, Failure> {
    run_with(seeds, threads, progress, &story)
}

fn run_with(
    seeds: Range<u64>,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
    tell: &(dyn Fn(u64) -> Totals + Sync),
) -> Result<Totals, Failure> {
    let (next, told) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let (totals, failure) = (Mutex::new(Totals::default()), Mutex::new(None::<Failure>));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            match catch_unwind(AssertUnwindSafe(|| tell(seed))) {
                Ok(one) => {
                    if let Ok(mut all) = totals.lock() {
                        all.add(&one);
                    }
                    progress(told.fetch_add(1, Ordering::Relaxed) + 1);
                }
                Err(panic) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    let found = Failure { seed, text: text_of(panic.as_ref()) };
                    if let Ok(mut first) = failure.lock()
                        && first.as_ref().is_none_or(|f| found.seed < f.seed)
                    {
                        *first = Some(found);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    match failure.into_inner() {
        Ok(Some(failure)) => Err(failure),
        _ => Ok(totals.into_inner().unwrap_or_default()),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a rule was broken").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_do_not_depend_on_threads() {
        let count = |threads| run(0..12, threads, &|_| {}).map(|t| t.entries());
        assert_eq!(count(1), count(3));
    }

    #[test]
    fn a_broken_rule_is_told_with_its_seed() {
        let tell = |seed| {
            assert!(seed != 5, "rule 5");
            Totals { seeds: 1, ..Totals::default() }
        };
        let failure = run_with(0..100, 2, &|_| {}, &tell).unwrap_err();
        assert_eq!((failure.seed, failure.text.as_str()), (5, "rule 5"));
        assert_eq!(run_with(6..20, 2, &|_| {}, &tell).unwrap().seeds, 14);
    }
}
