//! The figures of a run over a link, and the table that people read.

use super::super::figure::{Figure, short};
use super::network::Kind;
use super::pipe::Totals;
use super::profile::{EDGE_LOSSY, Profile};
use super::work::{Done, Phase};
use crate::output::Screen;

/// Most that edge-lossy may cost beyond the unavoidable, in percent.
const BEYOND_GOAL: f64 = 5.0;
/// What a phase's time is held against: the bytes that arrived, at the link's rate, whichever way takes longer.
const FLOOR: &str = "the link's floor: delivered bytes at its rate";

const TIME: &str = "time";
const A_SYNC: &str = "time a sync";
const WANTED: &str = "syncs";
const CALLS: &str = "calls";
const REQUESTS: &str = "requests";
const CHANGES: &str = "changed rows";
const DOWN_SENT: &str = "down sent";
const DOWN_DELIVERED: &str = "down delivered";
const UP_SENT: &str = "up sent";
const UP_DELIVERED: &str = "up delivered";
const PACKETS: &str = "packets";
const LOST: &str = "lost on the air";
const DROPPED: &str = "dropped by queue or outage";
const WIRE: &str = "TLS";
const BEYOND: &str = "beyond, sent";
const BEYOND_DELIVERED: &str = "beyond, delivered";
const BEYOND_DOWN: &str = "beyond, down sent";
const FINISHED: &str = "finished";

/// The phase whose bytes have a goal: first sync and deltas together.
const BOTH: &str = "first sync and deltas";

fn case(profile: &Profile, vehicles: u64, phase: &str) -> String {
    format!("{}, {}: {phase}", profile.name, short(vehicles as f64))
}

/// Whether a profile came to its end.
pub(super) fn finished(profile: &Profile, vehicles: u64, kind: Kind, ended: bool) -> Figure {
    let value = if ended { 1.0 } else { 0.0 };
    Figure::higher(&case(profile, vehicles, "the job"), FINISHED, value, "").goal(Some(1.0)).network(kind.as_str())
}

/// Whether any profile did not.
pub(in super::super) fn unfinished(figures: &[Figure]) -> bool {
    figures.iter().any(|f| f.metric == FINISHED && f.value < 1.0)
}

/// The figures of one profile; `clean` is the same job without limits.
pub(super) fn figures(profile: &Profile, vehicles: u64, kind: Kind, done: &Done, clean: Option<&Done>) -> Vec<Figure> {
    let with_both = |done: &Done| {
        let mut phases = done.phases.clone();
        let part = |name: &str| done.phases.iter().find(|p| p.name == name);
        if let (Some(first), Some(deltas)) = (part("first sync"), part("deltas")) {
            phases.push(first.with(deltas, BOTH));
        }
        phases
    };
    let base = clean.map(with_both).unwrap_or_default();
    let mut out = Vec::new();
    for phase in with_both(done) {
        let case = case(profile, vehicles, phase.name);
        out.extend(of_phase(profile, &case, &phase));
        if let Some(base) = base.iter().find(|b| b.name == phase.name) {
            let goal = (profile.name == EDGE_LOSSY && phase.name == BOTH).then_some(BEYOND_GOAL);
            out.extend(beyond(&case, &phase, base, goal));
        }
    }
    if let Some(seconds) = done.first_answer {
        out.push(Figure::lower(&case(profile, vehicles, "first answer"), TIME, seconds, "s"));
    }
    out.into_iter().map(|f| f.network(kind.as_str())).collect()
}

fn of_phase(profile: &Profile, case: &str, phase: &Phase) -> Vec<Figure> {
    let (down, up) = (phase.moved.down, phase.moved.up);
    let time = Figure::lower(case, TIME, phase.seconds, "s");
    let at_rate = |bytes: u64, rate: Option<u64>| rate.map_or(0.0, |kbit_s| bytes as f64 * 8.0 / (kbit_s as f64 * 1e3));
    let floor =
        at_rate(down.delivered.bytes, profile.down().kbit_s).max(at_rate(up.delivered.bytes, profile.up().kbit_s));
    let sent = phase.moved.sent();
    let bytes = |metric, n: u64| Figure::lower(case, metric, n as f64, "B");
    let count = |metric, n: u64| Figure::lower(case, metric, n as f64, "");
    let both = |of: fn(&Totals) -> u64| of(&down) + of(&up);
    let packets = |metric, n: u64| Figure::lower(case, metric, n as f64, "packets");
    let mut out = vec![
        if floor > 0.0 { time.peer(FLOOR, floor) } else { time },
        count(WANTED, u64::from(phase.wanted)),
        count(CALLS, u64::from(phase.calls)),
        count(REQUESTS, phase.requests),
        bytes(DOWN_SENT, down.sent.bytes),
        bytes(DOWN_DELIVERED, down.delivered.bytes),
        bytes(UP_SENT, up.sent.bytes),
        bytes(UP_DELIVERED, up.delivered.bytes),
        packets(PACKETS, both(|t| t.sent.packets)),
        packets(LOST, both(|t| t.lost.packets)),
        packets(DROPPED, both(|t| t.full.packets + t.outage.packets)),
        bytes(WIRE, phase.wire),
    ];
    if phase.wanted > 1 {
        out.push(Figure::lower(case, A_SYNC, phase.seconds / f64::from(phase.wanted), "s"));
    }
    if phase.changes > 0 {
        out.push(count(CHANGES, phase.changes));
        out.push(Figure::lower(case, "sent a changed row", sent as f64 / phase.changes as f64, "B"));
    }
    out
}

/// What was moved beyond what the same job moves without limits, in percent of that.
fn beyond(case: &str, phase: &Phase, base: &Phase, goal: Option<f64>) -> Vec<Figure> {
    let percent = |metric, this: u64, base: u64| {
        let more = (this as f64 - base as f64) / (base as f64).max(1.0) * 100.0;
        Figure::lower(case, metric, more, "%")
    };
    let (this, base) = (phase.moved, base.moved);
    vec![
        percent(BEYOND, this.sent(), base.sent()).goal(goal),
        percent(BEYOND_DELIVERED, this.delivered(), base.delivered()),
        percent(BEYOND_DOWN, this.down.sent.bytes, base.down.sent.bytes),
    ]
}

/// For people: a line a phase, with what matters most of it.
pub(in super::super) fn table(screen: &mut Screen, figures: &[Figure]) {
    let shown = [
        (TIME, "s"),
        ("", "of floor"),
        (A_SYNC, "s a sync"),
        (WANTED, "syncs"),
        (CALLS, "calls"),
        (REQUESTS, "requests"),
        (DOWN_SENT, "B down sent"),
        (DOWN_DELIVERED, "delivered"),
        (UP_SENT, "B up sent"),
        (UP_DELIVERED, "delivered"),
        (PACKETS, "packets"),
        (LOST, "lost"),
        (DROPPED, "dropped"),
        (CHANGES, "changed rows"),
        ("sent a changed row", "B a row"),
        (BEYOND, "% beyond, sent"),
        (BEYOND_DELIVERED, "delivered"),
        (BEYOND_DOWN, "down sent"),
    ];
    let mut cases: Vec<&str> = Vec::new();
    for f in figures {
        if !cases.contains(&f.case.as_str()) {
            cases.push(&f.case);
        }
    }
    let cell = |case: &str, metric: &str| {
        let of = |metric: &str| figures.iter().find(|f| f.case == case && f.metric == metric);
        match metric {
            "" => of(TIME).and_then(Figure::ratio).map(|r| format!("{}x", short(r))),
            _ => of(metric).map(|f| short(f.value)),
        }
        .unwrap_or_default()
    };
    let unfinished = |case: &str| figures.iter().any(|f| f.case == case && f.metric == FINISHED && f.value < 1.0);
    let rows: Vec<Vec<String>> = cases
        .iter()
        .filter(|c| unfinished(c) || figures.iter().any(|f| f.case == **c && f.metric == TIME))
        .map(|case| {
            let name = if unfinished(case) { format!("{case} NOT FINISHED") } else { (*case).to_owned() };
            std::iter::once(name).chain(shown.iter().map(|(metric, _)| cell(case, metric))).collect()
        })
        .collect();
    let headers: Vec<&str> = std::iter::once("link, vehicles: phase").chain(shown.iter().map(|(_, h)| *h)).collect();
    screen.table(&headers, &rows);
    if let Some(network) = figures.first().and_then(|f| f.network) {
        screen.line(&format!("network: {network}"));
    }
    for f in figures.iter().filter(|f| f.goal.is_some() && f.metric == BEYOND) {
        let met = if f.missed() { "missed" } else { "met" };
        screen.line(&format!("goal {met}: {} {}: {}", f.case, f.metric, f.against_goal()));
    }
}
