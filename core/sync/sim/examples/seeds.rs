//! Tells the stories of a range of seeds: `cargo run -p beatcheck-sim --example seeds -- 0..10000`.
#![allow(clippy::print_stdout)]

use std::io::Write;

fn main() -> std::process::ExitCode {
    let range = std::env::args().nth(1).and_then(|a| {
        let (from, to) = a.split_once("..")?;
        Some(from.parse::<u64>().ok()?..to.parse::<u64>().ok()?)
    });
    let Some(range) = range else {
        println!("which seeds? for instance 0..300");
        return std::process::ExitCode::from(2);
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let progress = |n: u64| {
        if n.is_multiple_of(500) {
            let _ = writeln!(std::io::stderr(), "{n} seeds");
        }
    };
    match beatcheck_sim::run(range, threads, &progress) {
        Ok(totals) => {
            totals.entries().iter().for_each(|(name, n)| println!("{name:>18} {n}"));
            std::process::ExitCode::SUCCESS
        }
        Err(failure) => {
            let (seed, after) = (failure.seed, failure.seed + 1);
            println!("seed {seed}: {}\nto see this again: beatcheck sim --seeds {seed}..{after}", failure.text);
            std::process::ExitCode::FAILURE
        }
    }
}
