//! `beatcheck bench`: figures of the whole job, from the commands that an operator and an officer run.
//!
//! A bench runs the command's own subcommands as child processes, so that time and memory of each step are its own and
//! nothing is measured that nobody runs. `docs/benches.md` says what each figure means. A bench is never a test: what
//! it says depends on the machine, and only `--check` turns a missed goal into an exit code.

mod bindings;
mod captures;
mod checks;
mod crowd;
mod curve;
mod fair;
mod figure;
mod fleet;
mod hostile;
mod job;
mod link;
mod main_job;
mod matching;
mod phones;
mod plates;
mod queries;
mod sizes;
mod step;
mod sync;

use crate::exit::{Exit, Failure};
use crate::output::{Context, Screen};
use crate::progress::Bar;
use clap::Args;
use figure::{Figure, median_of_runs};
use std::path::{Path, PathBuf};

/// `bench`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    beatcheck bench --list\n  \
    beatcheck bench main --size 10000\n  \
    beatcheck bench main --runs 3 --json --check\n  \
    beatcheck bench link --profile edge-lossy --profile 3g-average\n  \
    beatcheck bench fleet --devices 500 --json\n\n\
    With --json a line a figure: bench, case, metric, value, unit, better (lower or higher), and where they exist goal, \
    peer, peer_value, n and network (bench `link`: tun, or simulated). docs/benches.md says what each means.")]
pub(crate) struct BenchArgs {
    /// Which bench
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "step", "fetch_json"])]
    name: Option<String>,
    /// Name the benches, with a line each
    #[arg(long)]
    list: bool,
    /// How many records of each kind, where the bench makes them up
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    size: u64,
    /// Run the whole bench so often; each figure is the median
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Exit 1 when a goal is missed
    #[arg(long)]
    check: bool,
    /// Work here and leave everything; without it in a temporary directory that is removed
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where the captures are (bench `captures`), or the labelled set (bench `match`)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which half of a labelled set is asked (bench `match`)
    #[arg(long, value_name = "HALF", default_value = "report", value_parser = ["report", "tune"])]
    half: String,
    /// Write the questions that were not answered first to this file (bench `match`)
    #[arg(long, value_name = "FILE")]
    misses: Option<PathBuf>,
    /// Draw true persons recognised against strangers taken for them to this file (bench `match`)
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// How many records in all, half vehicles and half persons (bench `sync`)
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    records: u64,
    /// Provision a million records as well (bench `sync`)
    #[arg(long)]
    million: bool,
    /// Leave a line or an alternative out; may be given again (bench `sync`)
    #[arg(long, value_name = "WHAT", value_parser = sync::PARTS)]
    skip: Vec<String>,
    /// Be the alternative's client, as this file says, and print what it took
    #[arg(long, value_name = "FILE", hide = true)]
    fetch_json: Option<PathBuf>,
    /// How many devices are enrolled before the console is asked (benches `fleet`, `crowd`)
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(50..=20_000))]
    devices: u32,
    #[command(flatten)]
    link: link::LinkArgs,
    #[command(flatten)]
    bindings: bindings::BindingsArgs,
    /// Run the rest of the line as one step, and write its time and memory to this file
    #[arg(long, value_name = "FILE", hide = true)]
    step: Option<PathBuf>,
    /// The line of a step
    #[arg(last = true, hide = true, requires = "step")]
    line: Vec<std::ffi::OsString>,
}

/// Where a bench looks that is given no `--data`.
const CAPTURES: &str = "../shared/data/nz-police-stolen-vehicles";

/// What a bench is run with.
struct Setting<'a> {
    dir: &'a Path,
    size: u64,
    data: &'a Path,
    half: &'a str,
    misses: Option<&'a Path>,
    svg: Option<&'a Path>,
    records: u64,
    million: bool,
    skip: &'a [String],
    devices: u32,
    link: &'a link::LinkArgs,
    bindings: &'a bindings::BindingsArgs,
    /// Which of the runs this is, from 1.
    run: u32,
}

struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&Setting<'_>) -> Result<Vec<Figure>, Failure>,
    table: fn(&mut Screen, &[Figure]),
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "main",
        about: "the main job on made-up records: ingest, publish, first sync, checks, a delta of 1%; time, memory, bytes",
        run: main_job::run,
        table: figure::table,
    },
    Bench {
        name: "captures",
        about: "two real lists of one source: bytes on the wire of first sync and delta beside the lists, compressed",
        run: captures::run,
        table: figure::table,
    },
    Bench {
        name: "plates",
        about: "made-up vehicles: marks as written, in part, and one slip off by class and slip; who is found, how fast",
        run: plates::run,
        table: figure::table,
    },
    Bench {
        name: "fair",
        about: "made-up persons: who is found and who is taken for another, by origin and by length of the name",
        run: fair::run,
        table: figure::table,
    },
    Bench {
        name: "hostile",
        about: "questions made to be slow, over made-up records: how long the worst takes",
        run: hostile::run,
        table: figure::table,
    },
    Bench {
        name: "match",
        about: "a labelled set of persons and questions: who is found, who is told apart from strangers, how fast",
        run: matching::run,
        table: figure::table,
    },
    Bench {
        name: "sync",
        about: "the sync against its goals, and beside zstd'd JSON over HTTPS and PouchDB in the same run",
        run: sync::run,
        table: figure::table_of_others,
    },
    Bench {
        name: "link",
        about: "poor signal under real TCP: first sync, first answer and deltas over emulated links; time and bytes beyond",
        run: link::run,
        table: link::table,
    },
    Bench {
        name: "fleet",
        about: "every page of the console over HTTPS, with 5,000 devices that enrolled and reported, beside 50 in the same run",
        run: fleet::run,
        table: fleet::table,
    },
    Bench {
        name: "crowd",
        about: "thousands of phones at one hub: all connect, ask, wait, and are told of a publication",
        run: crowd::run,
        table: figure::table,
    },
    Bench {
        name: "bindings",
        about: "what a language costs: the same questions of the same device from Rust, Kotlin, Swift and Python in one run",
        run: bindings::run,
        table: figure::table,
    },
];

/// What `--list --json` says of a bench.
#[derive(serde::Serialize)]
struct Listed {
    bench: &'static str,
    about: &'static str,
}

pub(crate) fn run(args: &BenchArgs, context: &Context) -> Result<Exit, Failure> {
    if let Some(report) = &args.step {
        return step::run_here(report, &args.line);
    }
    if let Some(spec) = &args.fetch_json {
        return sync::fetch_json(spec, context);
    }
    if args.list {
        let list: Vec<Listed> = BENCHES.iter().map(|b| Listed { bench: b.name, about: b.about }).collect();
        let rows: Vec<Vec<String>> = list.iter().map(|b| vec![b.bench.to_owned(), b.about.to_owned()]).collect();
        context.emit(&list, |s| s.table(&["bench", "what it measures"], &rows))?;
        return Ok(Exit::Done);
    }
    let name = args.name.as_deref().unwrap_or_default();
    let Some(bench) = BENCHES.iter().find(|b| b.name == name) else {
        return Err(Failure::new("usage", format!("no bench {name:?}: `beatcheck bench --list` names them")));
    };
    if !(100..=beatcheck_fixtures::MAX_ROWS).contains(&args.size) {
        return Err(Failure::new("usage", format!("--size lies between 100 and {}", beatcheck_fixtures::MAX_ROWS)));
    }
    if !(sync::RECORDS_MIN..=beatcheck_fixtures::MAX_ROWS).contains(&args.records) {
        let text = format!("--records lies between {} and {}", sync::RECORDS_MIN, beatcheck_fixtures::MAX_ROWS);
        return Err(Failure::new("usage", text));
    }
    let mut runs = Vec::new();
    for n in 1..=args.runs {
        runs.push(one_run(bench, args, n)?);
    }
    show(bench, &median_of_runs(runs), args, context)
}

/// One run, in a directory of its own.
fn one_run(bench: &Bench, args: &BenchArgs, n: u32) -> Result<Vec<Figure>, Failure> {
    let data = match &args.data {
        Some(data) => data.clone(),
        None if bench.name == "match" => return Err(Failure::new("usage", "--data says where the labelled set is")),
        None => PathBuf::from(CAPTURES),
    };
    let (half, misses, svg) = (args.half.as_str(), args.misses.as_deref(), args.svg.as_deref());
    let (records, million, skip) = (args.records, args.million, args.skip.as_slice());
    let setting = |dir: &Path| {
        let (size, data, link) = (args.size, &*data, &args.link);
        (bench.run)(&Setting {
            dir,
            size,
            data,
            half,
            misses,
            svg,
            records,
            million,
            skip,
            devices: args.devices,
            link,
            bindings: &args.bindings,
            run: n,
        })
    };
    let Some(kept) = &args.dir else {
        let temporary =
            tempfile::Builder::new().prefix("beatcheck-bench-").tempdir().map_err(step::io("making a directory"))?;
        return setting(temporary.path());
    };
    let dir = kept.join(format!("{}-{n}", bench.name));
    if dir.exists() {
        return Err(Failure::new("usage", format!("{} is there already", dir.display())));
    }
    std::fs::create_dir_all(&dir).map_err(step::io("making a directory"))?;
    // Steps are processes of their own: a path must mean the same to them.
    setting(&dir.canonicalize().map_err(step::io("finding the directory"))?)
}

fn show(bench: &Bench, figures: &[Figure], args: &BenchArgs, context: &Context) -> Result<Exit, Failure> {
    if figures.is_empty() {
        // The bench has said on stderr what it lacks.
        return Ok(Exit::Done);
    }
    for (i, f) in figures.iter().enumerate() {
        // A line a figure for programs; for people one table, which comes with the first.
        context.emit(&f.named(bench.name), |s| {
            if i == 0 {
                (bench.table)(s, figures)
            }
        })?;
    }
    let missed: Vec<&Figure> = figures.iter().filter(|f| f.missed()).collect();
    for f in &missed {
        crate::complain(&format!("goal missed: {} {}: {}", f.case, f.metric, f.against_goal()));
    }
    // What did not come to its end was not measured: that is no success, whether goals count or not.
    let failed = (args.check && !missed.is_empty()) || link::unfinished(figures);
    Ok(if failed { Exit::Other } else { Exit::Done })
}

/// Says on stderr, on a terminal, what is being measured.
fn doing(what: &str) -> Bar {
    Bar::new(what)
}
