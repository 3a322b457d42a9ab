//! What the account says, for people.

use crate::output::{Screen, Style, when, word};
use beatcheck_hub::{AccountPage, AccountRow, Aggregates, Cell, ChainState, Looks, Rebuilt, Retained};
use serde_json::Value;

/// Characters of a question shown in a table.
const SHOWN: usize = 60;

pub(crate) fn page(s: &mut Screen, page: &AccountPage) {
    let rows: Vec<Vec<String>> = page.rows.iter().map(row).collect();
    s.table(
        &[
            "happened",
            "officer",
            "role",
            "event",
            "reference",
            "purpose",
            "asked",
            "outcome",
            "shown",
            "received",
            "device",
            "entry",
            "trouble",
        ],
        &rows,
    );
    match page.total {
        Some(0) => s.line("Nothing matches."),
        Some(n) if page.more_than_total => s.line(&format!("More than {n} entries match.")),
        Some(n) => s.line(&format!("{n} entries match.")),
        None => s.line(&format!("{} entries were opened in search of the text.", page.searched)),
    }
    withheld(s, page.withheld);
    if page.unreadable > 0 {
        s.styled(
            Style::Caution,
            &format!("{} entries cannot be opened: no filter finds them but --device.", page.unreadable),
        );
    }
    if let Some(next) = &page.next {
        s.line(&format!("The next page: --after {next}"));
    }
}

pub(crate) fn withheld(s: &mut Screen, n: u64) {
    if n > 0 {
        s.styled(
            Style::Caution,
            &format!("{n} entries are the reader's own, and withheld: somebody else must review them."),
        );
    }
}

fn row(r: &AccountRow) -> Vec<String> {
    let e = r.entry.as_ref();
    let kind = e.and_then(|e| serde_json::to_value(&e.kind).ok()).unwrap_or(Value::Null);
    let of = |name: &str| kind.get(name).map(word).unwrap_or_default();
    let shown = kind.get("shown").and_then(Value::as_array).map_or(0, Vec::len);
    vec![
        r.happened.to_string(),
        e.map_or_else(|| r.holder.clone(), |e| e.officer.clone()),
        e.map(|e| e.role.clone()).unwrap_or_default(),
        of("event"),
        of("reference"),
        of("purpose"),
        asked(r),
        of("outcome"),
        if shown > 0 { shown.to_string() } else { String::new() },
        r.received.to_string(),
        r.device.clone(),
        r.seq.to_string(),
        r.problem.clone().unwrap_or_default(),
    ]
}

/// A question in a few words.
fn asked(row: &AccountRow) -> String {
    let kind = row.entry.as_ref().and_then(|e| serde_json::to_value(&e.kind).ok()).unwrap_or(Value::Null);
    let parts = kind.get("asked").and_then(Value::as_object).into_iter().flatten();
    let said = |(name, value): (&String, &Value)| match name.as_str() {
        "kind" => None,
        // A line that was no query.
        "text" => Some(word(value)),
        name => Some(format!("{name} {}", word(value))),
    };
    let text = parts.filter_map(said).collect::<Vec<_>>().join(", ");
    if text.chars().count() > SHOWN { text.chars().take(SHOWN).chain(['…']).collect() } else { text }
}

pub(crate) fn rebuilt(s: &mut Screen, answers: &[Rebuilt]) {
    for a in answers {
        let e = a.row.entry.as_ref();
        let officer = e.map(|e| e.officer.clone()).unwrap_or_default();
        s.styled(Style::Bold, &format!("{} by {officer}: {}", a.row.happened, asked(&a.row)));
        let hidden = match &a.hidden {
            None => "not known any more".into(),
            Some(h) => h.iter().map(|h| h.as_str()).collect::<Vec<_>>().join(", "),
        };
        s.fields(&[
            ("not earlier than", when(a.row.not_before)),
            ("not later than", a.row.received.to_string()),
            ("fields not seen", hidden),
            ("rebuilt", if a.whole { "all of it" } else { "in part: see below" }.into()),
        ]);
        s.heading("Records shown");
        for r in &a.records {
            let now = match r.version_now {
                None => "gone by now".into(),
                Some(v) if v == r.version => "unchanged since".into(),
                Some(v) => format!("version {v} now"),
            };
            s.line(&format!("{} version {} in {}, {} ({now})", r.id, r.version, r.compartment, word(&r.outcome)));
            if let Some(record) = &r.record {
                s.line(&serde_json::to_string(record).unwrap_or_default());
            }
            r.problem.iter().for_each(|p| s.styled(Style::Caution, p));
        }
        s.heading("Sources consulted");
        let row = |c: &beatcheck_hub::RebuiltSource| {
            let trouble = c.problem.clone().unwrap_or_default();
            vec![c.compartment.clone(), c.state.clone(), when(c.as_of), c.watermark.to_string(), trouble]
        };
        s.table(
            &["compartment", "state", "as of", "watermark", "trouble"],
            &a.sources.iter().map(row).collect::<Vec<_>>(),
        );
    }
}

pub(crate) fn chains(s: &mut Screen, devices: &[ChainState]) {
    let row = |d: &ChainState| {
        let dropped = if d.dropped_to > 0 { d.dropped_to.to_string() } else { String::new() };
        let state = if d.unbroken { "whole" } else { "BROKEN" };
        vec![
            d.device.clone(),
            state.into(),
            d.entries.to_string(),
            d.first.to_string(),
            d.last.to_string(),
            dropped,
            d.fault.clone().unwrap_or_default(),
            d.refused.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = devices.iter().map(row).collect();
    s.table(&["device", "account", "entries", "first", "last", "dropped to", "trouble", "last refused"], &rows);
    if rows.is_empty() {
        s.line("No device has accounted for anything.");
    }
}

pub(crate) fn retained(s: &mut Screen, done: &Retained) {
    match done.keep_days {
        None => s.line("Policy keeps the account for ever: nothing was dropped."),
        Some(days) => s.line(&format!(
            "{} entries of {} devices were dropped: received before {}, more than {days} days ago.",
            done.entries,
            done.devices,
            when(done.before)
        )),
    }
}

pub(crate) fn looks(s: &mut Screen, looks: &Looks) {
    let row = |l: &beatcheck_hub::LookRow| {
        vec![
            l.n.to_string(),
            l.at.to_string(),
            l.account.clone(),
            l.role.clone(),
            l.action.clone(),
            l.subject.clone(),
            l.reason.clone(),
        ]
    };
    s.table(
        &["line", "at", "account", "role", "action", "subject", "why"],
        &looks.rows.iter().map(row).collect::<Vec<_>>(),
    );
    withheld(s, looks.withheld);
    s.line(&format!(
        "{} Head: {}:{}",
        if looks.unbroken { "Whole." } else { "BROKEN." },
        looks.head.n,
        looks.head.hash
    ));
}

pub(crate) fn numbers(s: &mut Screen, n: &Aggregates) {
    s.line(&format!("From {} to {}. A day's number below {} is not told.", n.since, n.until, n.small));
    let parts: [(&str, &[Cell]); 9] = [
        ("Checks by day", &n.by_day),
        ("Checks by hour of the day, UTC", &n.by_hour),
        ("Checks by role", &n.by_role),
        ("Checks by purpose", &n.by_purpose),
        ("Checks by outcome", &n.by_outcome),
        ("Refused checks", &n.refused),
        ("Out of the ordinary", &n.unusual),
        ("Break-glass", &n.break_glass),
        ("Late hits", &n.late_hits),
    ];
    for (title, cells) in parts.into_iter().filter(|(_, c)| !c.is_empty()) {
        s.heading(title);
        let row = |c: &Cell| {
            let left = if c.left_out > 0 { c.left_out.to_string() } else { String::new() };
            vec![c.value.clone(), c.n.to_string(), left]
        };
        s.table(&["", "told", "cells left out"], &cells.iter().map(row).collect::<Vec<_>>());
    }
}
