//! What an officer reads or hears of an answer. Reviewed like code: could it be taken to mean more than is known?

use beatcheck_model::{
    Answer, Coverage, CoverageState, Disclosure, Grade, Hit, Outcome, Reason, RecordKind, Timestamp, WarningsState,
};
use std::fmt::Write;

/// Code of the note that an answer stands on a break-glass: it is said first.
const BREAK_GLASS: &str = "break_glass";
/// Near misses named aloud, at most.
const NEAR_SAID: usize = 3;

/// The age of an extract in words.
fn age(as_of: Timestamp, now: Timestamp) -> String {
    let s = now.secs_since(as_of).max(0);
    match s {
        0..120 => "just now".into(),
        120..7200 => format!("{} minutes old", s / 60),
        7200..172_800 => format!("{} hours old", s / 3600),
        _ => format!("{} days old", s / 86_400),
    }
}

/// How much of a source has come, and how long the rest will take.
fn on_its_way(c: &Coverage) -> String {
    let Some(a) = c.arriving else { return String::new() };
    let left = match a.seconds_left {
        None => "it waits for a sync".to_owned(),
        Some(s @ 0..120) => format!("about {s} s left"),
        Some(s) => format!("about {} min left", s.div_ceil(60)),
    };
    format!(" On its way: {} % has come, {left}.", a.share_percent)
}

/// What the officer reads or hears: danger first, never 'clear', silent markers never in it.
pub(crate) fn text(a: &Answer) -> String {
    let mut t = String::new();
    let glass = |n: &&Reason| n.code == BREAK_GLASS;
    if let Some(n) = a.notes.iter().find(glass) {
        let _ = writeln!(t, "BREAK-GLASS: {}.", n.text);
    }
    if !a.banner.is_empty() {
        let _ = writeln!(t, "{}", a.banner);
    }
    if let Some(e) = &a.error {
        let _ = writeln!(t, "CANNOT SAY: {}.", e.text.trim_end_matches('.'));
    } else {
        match a.outcome {
            Outcome::CannotSay => t.push_str("CANNOT SAY: no permitted source could be searched.\n"),
            Outcome::NoTrace => {
                t.push_str("NO TRACE in the sources searched. This is not 'clear'.\n");
                let near: Vec<&str> = a.hits.iter().take(NEAR_SAID).map(|h| h.title.as_str()).collect();
                if !near.is_empty() {
                    let _ = writeln!(t, "Nearest on record, not matches: {}.", near.join("; "));
                }
            }
            Outcome::Hit | Outcome::Possible if a.hits.is_empty() => {
                t.push_str("Nothing more on this page: see the pages before.\n");
            }
            Outcome::Hit | Outcome::Possible => a.hits.iter().take(3).for_each(|h| say_hit(&mut t, h, a.at)),
        }
    }
    for n in a.notes.iter().filter(|n| !glass(n)) {
        let _ = writeln!(t, "Note: {}.", n.text);
    }
    if a.hits.len() > 3 && a.outcome != Outcome::NoTrace {
        let _ = writeln!(t, "{} more candidates are listed.", a.hits.len() - 3);
    }
    match a.warnings_state {
        WarningsState::Loaded => {}
        WarningsState::Partial => t.push_str("Warnings only partly loaded: assume unknown.\n"),
        WarningsState::NotLoaded => t.push_str("Warnings not loaded: assume unknown.\n"),
    }
    for c in &a.coverage {
        let when = c.as_of.map(|w| format!("as of {w}, {}", age(w, a.at))).unwrap_or_default();
        let _ = match c.state {
            CoverageState::Current => writeln!(t, "Searched {} {when}.", c.source),
            CoverageState::Stale => writeln!(t, "Searched {} {when}: STALE.", c.source),
            CoverageState::Missing => {
                writeln!(t, "NOT searched: {} (not on this device yet).{}", c.source, on_its_way(c))
            }
            CoverageState::MarksOnly => writeln!(
                t,
                "Searched the list of marks of {} only: its records are not on this device yet.{}",
                c.source,
                on_its_way(c)
            ),
            CoverageState::Withheld => {
                let why = match c.withheld.as_deref() {
                    Some("lease") => "its lease ended: connect and sync",
                    Some("too_old") => "its extract is too old: withheld by policy",
                    Some("break_glass") => "the lease ended, and break-glass does not open it",
                    _ => "withheld by policy",
                };
                writeln!(t, "NOT searched: {} ({why}).", c.source)
            }
        };
        if c.state.searched() && c.unsearchable > 0 && a.kind == RecordKind::Vehicle {
            let _ = match c.unsearchable {
                1 => writeln!(t, "1 record there has no usable mark and cannot be found by one."),
                n => writeln!(t, "{n} records there have no usable mark and cannot be found by one."),
            };
        }
    }
    let _ = write!(t, "{} Reference {}.", a.confirm, a.reference);
    t
}

/// That use is out of the ordinary: the officer is to know that it is on record as that.
pub(crate) fn unusual(what: &str) -> Reason {
    let text = match what {
        "many_checks" => "many checks within an hour: this is on record as out of the ordinary",
        _ => "this subject was checked again and again: this is on record as out of the ordinary",
    };
    Reason { code: what.into(), text: text.into() }
}

/// That much of the account waits: long before checks are refused for it.
pub(crate) fn journal_low() -> Reason {
    Reason { code: "journal_low".into(), text: "many checks wait to be accounted for: connect and sync soon".into() }
}

/// That an answer stands on a break-glass.
pub(crate) fn break_glass(until: Timestamp) -> Reason {
    let text = format!(
        "open until {until}, because the lease has ended; warnings and stolen vehicles only, and all of it is on record"
    );
    Reason { code: BREAK_GLASS.into(), text }
}

fn say_hit(t: &mut String, h: &Hit, now: Timestamp) {
    for m in h.markers.iter().filter(|m| m.disclosure == Disclosure::Speakable) {
        let since = m.since.map(|d| format!(" since {d}")).unwrap_or_default();
        let _ = write!(t, "{}{since}.", m.text.trim_end_matches('.'));
        if !m.action.is_empty() {
            let _ = write!(t, " {}.", m.action.trim_end_matches('.'));
        }
        t.push('\n');
    }
    let word = match h.outcome {
        Outcome::Hit => "HIT",
        Outcome::NoTrace => "NEAR MISS, NOT A MATCH",
        _ => "POSSIBLE MATCH",
    };
    // The best grade is not spoken as it is called: "possible, certain" would be heard as a hit (rule 3).
    let grade = match h.grade {
        Grade::Certain => "very strong",
        Grade::Strong => "strong",
        Grade::Fair => "fair",
        Grade::Weak => "weak",
    };
    let grade = if h.outcome == Outcome::Possible { format!(" ({grade})") } else { String::new() };
    let mark = h.vrm.as_deref().map(|v| format!(" {v}:")).unwrap_or_default();
    let _ = write!(t, "{word}{grade}:{mark} {}", h.title);
    let reasons: Vec<&str> = h.reasons.iter().map(|r| r.text.as_str()).collect();
    if !reasons.is_empty() {
        let _ = write!(t, " - {}", reasons.join("; "));
    }
    let when = h.as_of.map(|w| format!(", {}", age(w, now))).unwrap_or_default();
    let _ = writeln!(t, ". Source {}{when}.", h.source);
    for d in h.details.iter().filter(|d| {
        matches!(d.label.as_str(), "Wanted" | "Missing" | "Bail" | "Curfew" | "Disqualified" | "Court order")
    }) {
        let _ = writeln!(t, "{}: {}.", d.label, d.value);
    }
}
