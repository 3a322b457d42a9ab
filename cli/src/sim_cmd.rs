//! `beatcheck sim`: the sync's state machine under many seeds of bad days.

use crate::args::SimArgs;
use crate::exit::{Exit, Failure};
use crate::output::Context;
use crate::progress::Bar;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a simulation says.
#[derive(Serialize)]
struct Told {
    from: u64,
    to: u64,
    #[serde(flatten)]
    counts: BTreeMap<&'static str, u64>,
    /// The lowest seed that broke a rule, if one did.
    failed_seed: Option<u64>,
    /// Which rule.
    failure: Option<String>,
}

/// Reads `A..B`.
pub(crate) fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(a, b)| Some(a.trim().parse().ok()?..b.trim().parse().ok()?));
    range.filter(|r: &Range<u64>| r.start < r.end).ok_or_else(|| "give a range, such as 0..10000".to_owned())
}

pub(crate) fn run(args: &SimArgs, context: &Context) -> Result<Exit, Failure> {
    let seeds = args.seeds.clone();
    let total = seeds.end - seeds.start;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let bar = Bar::new("simulating");
    // A broken rule is a panic, which the runner catches and tells with its seed: its backtrace would only be noise.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = beatcheck_sim::run(seeds.clone(), threads, &|n| bar.rows("seeds", n, total));
    std::panic::set_hook(hook);
    drop(bar);
    let (counts, failure) = match done {
        Ok(totals) => (totals.entries().into_iter().collect(), None),
        Err(failure) => (BTreeMap::new(), Some(failure)),
    };
    let told = Told {
        from: seeds.start,
        to: seeds.end,
        counts,
        failed_seed: failure.as_ref().map(|f| f.seed),
        failure: failure.as_ref().map(|f| f.text.clone()),
    };
    context.emit(&told, |s| match (&told.failure, told.failed_seed) {
        (Some(text), Some(seed)) => {
            s.line(&format!("Seed {seed} broke a rule: {text}"));
            s.line(&format!("To see this again: beatcheck sim --seeds {seed}..{}", seed + 1));
        }
        _ => {
            s.line("No rule was broken.");
            let fields: Vec<(&str, String)> = told.counts.iter().map(|(name, n)| (*name, n.to_string())).collect();
            s.fields(&fields);
        }
    })?;
    Ok(if told.failure.is_none() { Exit::Done } else { Exit::Other })
}

#[cfg(test)]
mod tests {
    use super::parse_seeds;

    #[test]
    fn a_range_is_two_numbers_that_rise() {
        assert_eq!(parse_seeds("0..10"), Ok(0..10));
        for bad in ["", "5", "5..5", "9..3", "a..b", "..", "1..", "-1..3"] {
            assert!(parse_seeds(bad).is_err(), "{bad}");
        }
    }
}
