//! The job over one link: enrol, first sync, first answer, deltas, and a sync that finds nothing new.
//!
//! The hub serves on its side, the device's commands run on theirs, each as a process of its own. A sync on a bad link
//! may end with a fault; then it is called again, as an app would, and the calls are counted. Time is that of the
//! calls and the pauses between them; bytes are counted until the link is quiet again.

use super::child::{self, Ended, Limit, Process};
use super::extracts::Extracts;
use super::network::{Kind, Moved, Network, Side, run_here};
use super::profile::Profile;
use crate::exit::Failure;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A sync (or enrolment) is called at most so often before the run gives up.
const MAX_CALLS: u32 = 60;
/// Pause before the next call.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time of one call: above any sync of the sizes that fit in a run.
const CALL: Duration = Duration::from_secs(20 * 60);
/// A hub listens within this time.
const LISTEN: Duration = Duration::from_secs(30);
/// A check that needs no network answers within this time.
const CHECK: Duration = Duration::from_secs(10);
/// How often a check is made beside the sync.
const EVERY: Duration = Duration::from_secs(1);
/// Faults that are kept word for word, of each phase.
const KEPT_FAULTS: usize = 5;

/// What is to be done.
pub(super) struct Plan<'a> {
    pub(super) profile: &'a Profile,
    pub(super) kind: Kind,
    pub(super) extracts: &'a Extracts,
    pub(super) deltas: u32,
    pub(super) seed: u64,
}

/// What a part of the job took.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) seconds: f64,
    /// How many syncs (or enrolments) there were to be, and how many calls that took.
    pub(super) wanted: u32,
    pub(super) calls: u32,
    pub(super) moved: Moved,
    /// Bytes of TLS, as the device counts them; requests likewise.
    pub(super) wire: u64,
    pub(super) requests: u64,
    /// Rows that came, changed or went.
    pub(super) changes: u64,
    faults: Vec<String>,
}

impl Phase {
    fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    /// Both together, under another name.
    pub(super) fn with(&self, other: &Self, name: &'static str) -> Self {
        Self {
            name,
            seconds: self.seconds + other.seconds,
            wanted: self.wanted + other.wanted,
            calls: self.calls + other.calls,
            moved: self.moved.plus(other.moved),
            wire: self.wire + other.wire,
            requests: self.requests + other.requests,
            changes: self.changes + other.changes,
            faults: Vec::new(),
        }
    }
}

/// What a whole job took, as far as it came.
#[derive(Default)]
pub(super) struct Done {
    pub(super) phases: Vec<Phase>,
    /// Seconds from the first sync's beginning to the first answer that is one; none if there was none in time.
    pub(super) first_answer: Option<f64>,
}

/// Does the whole job in `dir`, and notes each part when it is done.
pub(super) fn job(plan: &Plan<'_>, dir: &Path, limit: &Limit, done: &mut Done) -> Result<(), Failure> {
    let hub = dir.join("hub");
    let name = super::tun::HUB_ADDRESS;
    run_here(&[text("hub"), text("init"), text("--data"), hub.as_os_str(), text("--name"), text(name)], limit)?;
    bring(plan.extracts, 0, &hub, limit)?;
    let mut network = Network::begin(plan.kind, plan.profile, plan.seed, limit)?;
    // Declared after the network, so that it ends before it.
    let (_serving, listening) = serve(&network, &hub, limit)?;
    let url = network.reach(&listening)?;
    let site = Site { plan, hub: &hub, network: &network, url: &url, limit };
    let (home, other) = (dir.join("device"), dir.join("second-device"));
    done.phases.push(site.phase("enrol", |p| site.enrol(&home, p))?);
    done.phases.push(site.phase("first sync", |p| site.sync(&home, p))?);
    // A device of its own: each check is an entry of the account that goes up, and would count among the bytes.
    site.phase("enrol a second device", |p| site.enrol(&other, p))?;
    done.first_answer = site.first_answer(&other)?;
    let mut deltas = Phase::new("deltas");
    for n in 1..=plan.deltas {
        bring(plan.extracts, n, &hub, limit)?;
        deltas = deltas.with(&site.phase("delta", |p| site.sync(&home, p))?, "deltas");
    }
    site.say(&deltas);
    done.phases.push(deltas);
    done.phases.push(site.phase("nothing new", |p| site.sync(&home, p))?);
    Ok(())
}

fn text(s: &str) -> &OsStr {
    OsStr::new(s)
}

/// Takes in the `n`th extract of each source, and publishes.
fn bring(extracts: &Extracts, n: u32, hub: &Path, limit: &Limit) -> Result<(), Failure> {
    for source in &extracts.sources {
        let Some(extract) = source.extracts.get(n as usize) else {
            return Err(Failure::new("fixtures", "an extract is missing"));
        };
        let data = [text("hub"), text("ingest"), text("--data"), hub.as_os_str(), text("--as-of"), text("now")];
        let what = [text("--mapping"), source.mapping.as_os_str(), extract.as_os_str()];
        run_here(&[&data[..], &what[..]].concat(), limit)?;
    }
    run_here(&[text("hub"), text("publish"), text("--data"), hub.as_os_str()], limit).map(drop)
}

/// Starts to serve; where.
fn serve(network: &Network, hub: &Path, limit: &Limit) -> Result<(Process, String), Failure> {
    let (listen, name) = (network.listen(), super::tun::HUB_ADDRESS);
    let line = [text("hub"), text("serve"), text("--data"), hub.as_os_str(), text("--listen"), text(&listen)];
    let line = [&line[..], &[text("--name"), text(name)]].concat();
    let mut serving = child::start(network.command(Side::Hub, &line)?)?;
    limit.within(LISTEN).wait(|| serving.said().ends_with('\n') || serving.ended());
    match parse(&serving.said()).and_then(|v| v["listening"].as_str().map(str::to_owned)) {
        Some(url) => Ok((serving, url)),
        None => {
            limit.check()?;
            let ended = serving.finish(&limit.within(Duration::ZERO))?;
            Err(Failure::new("io", format!("the hub does not serve: {}", ended.complaint())))
        }
    }
}

/// The last line of JSON that was printed.
fn parse(out: &str) -> Option<Value> {
    serde_json::from_str(out.lines().last()?).ok()
}

/// A hub that serves, and the link to it.
struct Site<'a> {
    plan: &'a Plan<'a>,
    hub: &'a Path,
    network: &'a Network,
    url: &'a str,
    limit: &'a Limit,
}

impl Site<'_> {
    /// Does a part of the job, with its time and bytes.
    fn phase(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut Phase) -> Result<(), Failure>,
    ) -> Result<Phase, Failure> {
        let mut phase = Phase { wanted: 1, ..Phase::new(name) };
        let (before, begun) = (self.network.moved(), Instant::now());
        work(&mut phase).map_err(|e| Failure::new("io", format!("{name}: {}", e.text)))?;
        phase.seconds = begun.elapsed().as_secs_f64();
        self.network.settle(self.plan.profile, self.limit);
        self.limit.check()?;
        phase.moved = self.network.moved().since(before);
        if phase.name != "delta" || !phase.faults.is_empty() {
            self.say(&phase);
        }
        Ok(phase)
    }

    /// On stderr: a run takes minutes.
    fn say(&self, phase: &Phase) {
        let Phase { name, seconds, calls, moved, .. } = phase;
        let (sent, got) = (moved.sent(), moved.delivered());
        let faults: String = phase.faults.iter().take(KEPT_FAULTS).map(|f| format!("; {f}")).collect();
        crate::complain(&format!(
            "{}: {name}: {seconds:.1} s, calls: {calls}, bytes sent: {sent}, delivered: {got}{faults}",
            self.plan.profile.name
        ));
    }

    /// Calls `line` on the device's side until `done`.
    fn until_done(
        &self,
        phase: &mut Phase,
        mut line: impl FnMut() -> Result<Vec<std::ffi::OsString>, Failure>,
        mut done: impl FnMut(&mut Phase, &Ended) -> bool,
    ) -> Result<(), Failure> {
        let mut last = String::new();
        while phase.calls < MAX_CALLS {
            let line = line()?;
            let line: Vec<&OsStr> = line.iter().map(|p| p.as_os_str()).collect();
            let ended = child::run(self.network.command(Side::Device, &line)?, &self.limit.within(CALL))?;
            phase.calls += 1;
            if done(phase, &ended) {
                return Ok(());
            }
            last = if ended.late { "it took too long".to_owned() } else { ended.complaint().to_owned() };
            phase.faults.push(last.clone());
            self.limit.check()?;
            self.limit.sleep(PAUSE);
        }
        Err(Failure::new("io", format!("not done after {MAX_CALLS} calls; the last said: {last}")))
    }

    fn enrol(&self, home: &Path, phase: &mut Phase) -> Result<(), Failure> {
        let ca = self.hub.join("ca.pem");
        let line = || {
            // A code for each call: an answer that was lost has used one up.
            let data = [text("hub"), text("enrol"), text("--data"), self.hub.as_os_str()];
            let ticket =
                run_here(&[&data[..], &["--officer", "bench", "--role", "patrol"].map(text)].concat(), self.limit)?;
            let code = parse(&ticket).and_then(|t| t["code"].as_str().map(str::to_owned)).unwrap_or_default();
            let words = ["device", "enrol", "--hub", self.url, "--code", &code, "--home"].map(text);
            let files = [home.as_os_str(), text("--ca"), ca.as_os_str()];
            Ok([&words[..], &files[..]].concat().into_iter().map(OsStr::to_owned).collect())
        };
        self.until_done(phase, line, |_, ended| ended.ok)
    }

    fn sync(&self, home: &Path, phase: &mut Phase) -> Result<(), Failure> {
        let line = || Ok(sync_line(home));
        self.until_done(phase, line, |phase, ended| {
            let report = parse(&ended.out).unwrap_or_default();
            let number = |v: &Value| v.as_u64().unwrap_or(0);
            phase.wire += number(&report["bytes_down"]) + number(&report["bytes_up"]);
            phase.requests += number(&report["requests"]);
            for c in report["compartments"].as_array().into_iter().flatten() {
                phase.changes += ["inserted", "updated", "deleted"].iter().map(|k| number(&c[k])).sum::<u64>();
            }
            ended.ok && report["complete"] == true
        })
    }

    /// Syncs a device that holds nothing, and checks a mark beside it once a second: seconds to the first answer that
    /// says more than that it cannot say. None if there was none before the sync was complete.
    fn first_answer(&self, home: &Path) -> Result<Option<f64>, Failure> {
        let begun = Instant::now();
        let words = ["device", "check", "vehicle", &self.plan.extracts.mark, "--purpose", "traffic_stop", "--home"];
        let check = [&words.map(text)[..], &[home.as_os_str()]].concat();
        let line = sync_line(home);
        let line: Vec<&OsStr> = line.iter().map(|p| p.as_os_str()).collect();
        let mut syncing = child::start(self.network.command(Side::Device, &line)?)?;
        let mut next = EVERY;
        loop {
            // Looked at before the check is made: if the sync is complete by now, no better answer is to come.
            let complete = syncing.ended() && parse(&syncing.said()).is_some_and(|r| r["complete"] == true);
            let mut asked = super::network::this_program()?;
            asked.args(&check).arg("--json");
            let ended = child::run(asked, &self.limit.within(CHECK))?;
            let outcome = parse(&ended.out).and_then(|a| a["outcome"].as_str().map(str::to_owned));
            if outcome.as_deref().is_some_and(|o| o != "cannot_say") {
                let seconds = begun.elapsed().as_secs_f64();
                crate::complain(&format!("{}: first answer: {seconds:.1} s", self.plan.profile.name));
                // What is left of it is of no more interest; its bytes must not count to what follows.
                drop(syncing);
                self.network.settle(self.plan.profile, self.limit);
                return Ok(Some(seconds));
            }
            self.limit.check()?;
            if complete {
                crate::complain(&format!("{}: no first answer: {}", self.plan.profile.name, ended.complaint()));
                return Ok(None);
            }
            if syncing.ended() {
                syncing = child::start(self.network.command(Side::Device, &line)?)?;
            }
            self.limit.sleep(next.saturating_sub(begun.elapsed()));
            next += EVERY;
        }
    }
}

fn sync_line(home: &Path) -> Vec<std::ffi::OsString> {
    let home: PathBuf = home.into();
    vec!["device".into(), "sync".into(), "--home".into(), home.into_os_string()]
}
