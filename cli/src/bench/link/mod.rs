//! Bench `link`: the job over poor signal, under the kernel's own TCP.
//!
//! Two network namespaces are joined by TUN devices and a link emulator of our own (`pipe`): the kernel of the machine
//! need not have one. The same job runs over a link without limits; what a poor link costs beyond is the difference:
//! lost packets sent again, requests repeated, frames fetched twice. Time is the link's as much as ours, so it stands
//! beside the link's floor: the bytes that arrived, at the link's rate.

mod child;
mod extracts;
#[cfg(any(target_os = "linux", test))] // packets there are only where there is TUN
mod line;
mod network;
mod pipe;
mod profile;
mod proxy;
mod show;
mod tun;
mod work;

use super::figure::Figure;
use super::{Setting, step};
use crate::exit::Failure;
use child::{Limit, Stop};
use clap::Args;
use clap::builder::PossibleValuesParser;
use extracts::{Extracts, MAX_DELTAS};
use network::Kind;
use profile::{CLEAN, EDGE_LOSSY, PROFILES, Profile};
pub(super) use show::{table, unfinished};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use work::{Done, Plan};

/// Under this seed the first thousand packets each way already meet their share of loss: 10 and 8 at 1%. Others may lose
/// none of the first hundreds, and a short run would show nothing.
const SEED: u64 = 4;
/// Longest limit that can be set, in minutes.
const MAX_MINUTES: i64 = 24 * 60;
/// Time to find out whether there is a network to be had.
const TRY: Duration = Duration::from_secs(30);

/// What only this bench takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bench `link`")]
pub(super) struct LinkArgs {
    /// Which link; may be repeated [default: edge-lossy]
    #[arg(long = "profile", value_name = "NAME", value_parser = PossibleValuesParser::new(PROFILES.map(|p| p.name)))]
    profiles: Vec<String>,
    /// All profiles, one after the other: about half an hour
    #[arg(long, conflicts_with = "profiles")]
    all: bool,
    /// How many vehicles [default: 2000; 2g-rural: 500]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=beatcheck_fixtures::MAX_ROWS))]
    vehicles: Option<u64>,
    /// How many persons
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=beatcheck_fixtures::MAX_ROWS))]
    persons: u64,
    /// How many deltas after the first sync: 1% of the rows each, and at least 20
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_DELTAS)))]
    deltas: u32,
    /// Any number: the same records, and of each run the same packets lost (a further run takes the next number)
    #[arg(long, value_name = "S", default_value_t = SEED)]
    seed: u64,
    /// End with exit 1 where namespaces and TUN are not to be had, instead of simulating the link
    #[arg(long)]
    require_tun: bool,
    /// Simulate the link by a proxy on loopback, even where TUN is to be had
    #[arg(long, conflicts_with = "require_tun")]
    simulate: bool,
    /// Most minutes for each profile
    #[arg(long, value_name = "M", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=MAX_MINUTES))]
    timeout_min: u32,
}

impl LinkArgs {
    fn profiles(&self) -> Vec<&'static Profile> {
        if self.all {
            return PROFILES.iter().collect();
        }
        let named: Vec<&Profile> = self.profiles.iter().filter_map(|n| Profile::named(n)).collect();
        if named.is_empty() { Profile::named(EDGE_LOSSY).into_iter().collect() } else { named }
    }
}

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Figure>, Failure> {
    let args = setting.link;
    let stop = child::stop_on_signal();
    let kind = kind(args, &stop)?;
    let mut runs = Runs {
        args,
        kind,
        dir: setting.dir,
        run: setting.run,
        stop,
        extracts: BTreeMap::new(),
        clean: BTreeMap::new(),
    };
    let (mut out, mut failed) = (Vec::new(), Vec::new());
    for profile in args.profiles() {
        let vehicles = args.vehicles.unwrap_or(profile.vehicles);
        if !runs.clean.contains_key(&vehicles) {
            // Without it there is nothing to compare with: its failure ends the run.
            let mut clean = Done::default();
            runs.one(&PROFILES[0], vehicles, &mut clean)?;
            out.extend(show::figures(&PROFILES[0], vehicles, kind, &clean, None));
            out.push(show::finished(&PROFILES[0], vehicles, kind, true));
            runs.clean.insert(vehicles, clean);
        }
        if profile.name == CLEAN {
            continue;
        }
        let mut done = Done::default();
        let ended = runs.one(profile, vehicles, &mut done);
        out.extend(show::figures(profile, vehicles, kind, &done, runs.clean.get(&vehicles)));
        match ended {
            Ok(()) => {}
            Err(e) if runs.stop.load(Ordering::Relaxed) => return Err(e),
            Err(e) => {
                crate::complain(&format!("{}: {}", profile.name, e.text));
                failed.push(profile.name);
            }
        }
        out.push(show::finished(profile, vehicles, kind, !failed.contains(&profile.name)));
    }
    Ok(out)
}

/// Whether the real thing is to be had. If not, says why.
fn kind(args: &LinkArgs, stop: &Stop) -> Result<Kind, Failure> {
    let why = if args.simulate {
        "--simulate asks for it".to_owned()
    } else {
        match tun::Tun::begin(&PROFILES[0], args.seed, &Limit::new(Stop::clone(stop), TRY)) {
            Ok(_) => return Ok(Kind::Tun),
            Err(e) if args.require_tun => {
                return Err(Failure::new(
                    "io",
                    format!("--require-tun, but there is no network of TUN devices: {}", e.text),
                ));
            }
            Err(e) => e.text,
        }
    };
    crate::complain(&format!(
        "the link is SIMULATED by a proxy on loopback, not by packets under real TCP: {why}. Loss shows as delay, not as \
         retransmission, and only payload is counted"
    ));
    Ok(Kind::Simulated)
}

/// What the runs of all profiles share.
struct Runs<'a> {
    args: &'a LinkArgs,
    kind: Kind,
    dir: &'a Path,
    run: u32,
    stop: Stop,
    /// By number of vehicles.
    extracts: BTreeMap<u64, Extracts>,
    clean: BTreeMap<u64, Done>,
}

impl Runs<'_> {
    /// The whole job over one link.
    fn one(&mut self, profile: &Profile, vehicles: u64, done: &mut Done) -> Result<(), Failure> {
        let LinkArgs { persons, deltas, seed, timeout_min, .. } = *self.args;
        let limit = Limit::new(Stop::clone(&self.stop), Duration::from_secs(60 * u64::from(timeout_min)));
        let (kind, size) = (self.kind, format!("{vehicles} vehicles, {persons} persons, {deltas} deltas"));
        crate::complain(&format!("{} ({}): {size}, network: {}", profile.name, profile.describe(), kind.as_str()));
        if !self.extracts.contains_key(&vehicles) {
            let made = Extracts::make(&self.dir.join(format!("fixtures-{vehicles}")), vehicles, persons, deltas, seed)?;
            self.extracts.insert(vehicles, made);
        }
        let Some(extracts) = self.extracts.get(&vehicles) else {
            return Err(Failure::new("fixtures", "the records are gone"));
        };
        let dir = self.dir.join(format!("{}-{vehicles}", profile.name));
        std::fs::create_dir_all(&dir).map_err(step::io("making a directory"))?;
        let seed = seed.wrapping_add(u64::from(self.run - 1));
        work::job(&Plan { profile, kind, extracts, deltas, seed }, &dir, &limit, done)
    }
}
