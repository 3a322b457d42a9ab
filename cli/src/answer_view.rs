//! An answer on the screen: first what is read aloud, word for word, then what is only shown.

use crate::output::{Screen, Style, age, when, word};
use beatcheck_model::{Answer, Disclosure, Hit, Outcome};

/// Candidates whose particulars are spelt out; JSON has those of all.
const SPELT_OUT: usize = 5;

pub(crate) fn show(s: &mut Screen, answer: &Answer) {
    spoken(s, answer);
    if !answer.hits.is_empty() {
        candidates(s, answer);
    }
    if !answer.coverage.is_empty() {
        s.heading("Sources");
        let rows: Vec<Vec<String>> = answer
            .coverage
            .iter()
            .map(|c| {
                let unsearchable = if c.unsearchable > 0 { c.unsearchable.to_string() } else { String::new() };
                vec![
                    c.source.clone(),
                    c.compartment.clone(),
                    word(&c.state),
                    when(c.as_of),
                    age(c.as_of, answer.at),
                    c.records.to_string(),
                    unsearchable,
                ]
            })
            .collect();
        s.table(&["source", "compartment", "state", "as of", "age", "records", "without a usable mark"], &rows);
    }
    s.line("");
    let error = answer.error.as_ref().map(|e| format!(", {}", e.code)).unwrap_or_default();
    let foot = format!(
        "{}{error}; warnings {}; entry {} of the account; searched in {} us, on record in {} us",
        word(&answer.outcome),
        word(&answer.warnings_state).replace('_', " "),
        answer.audit_seq,
        answer.took_us,
        answer.account_us,
    );
    s.styled(Style::Dim, &foot);
}

/// The text, with what matters most standing out. Its words are the core's, unchanged.
fn spoken(s: &mut Screen, answer: &Answer) {
    let style = match answer.outcome {
        Outcome::Hit => Style::Danger,
        Outcome::Possible | Outcome::CannotSay => Style::Caution,
        Outcome::NoTrace => Style::Bold,
    };
    let lines: Vec<&str> = answer.text.lines().collect();
    // Markers stand before the candidate that they belong to: all of it is the head.
    let head = lines.iter().position(|l| l.starts_with("HIT") || l.starts_with("POSSIBLE")).unwrap_or(0);
    for (i, line) in lines.iter().enumerate() {
        if i <= head { s.styled(style, line) } else { s.line(line) }
    }
}

fn candidates(s: &mut Screen, answer: &Answer) {
    let number = |i: usize| (i + 1).to_string();
    s.heading(if answer.hits.len() == 1 { "Candidate" } else { "Candidates" });
    let rows: Vec<Vec<String>> = answer
        .hits
        .iter()
        .enumerate()
        .map(|(i, h)| {
            let why: Vec<&str> = h.reasons.iter().map(|r| r.text.as_str()).collect();
            vec![
                number(i),
                word(&h.outcome),
                word(&h.grade),
                h.vrm.clone().unwrap_or_default(),
                h.title.clone(),
                why.join("; "),
                h.source.clone(),
                age(h.as_of, answer.at),
            ]
        })
        .collect();
    s.table(&["#", "match", "grade", "VRM", "subject", "why", "source", "age"], &rows);
    if answer.total > answer.hits.len() as u64 {
        s.line(&format!("{} of {} are shown: ask for more particulars.", answer.hits.len(), answer.total));
    }
    markers(s, answer, Disclosure::Speakable, "Markers", "");
    markers(s, answer, Disclosure::Silent, "For your eyes only: not to be read aloud", "[silent]");
    for (i, hit) in answer.hits.iter().enumerate().take(SPELT_OUT).filter(|(_, h)| !h.details.is_empty()) {
        s.heading(&format!("Particulars of {}", number(i)));
        particulars(s, hit);
    }
}

fn markers(s: &mut Screen, answer: &Answer, disclosure: Disclosure, heading: &str, tag: &str) {
    let mut rows = Vec::new();
    for (i, hit) in answer.hits.iter().enumerate() {
        for m in hit.markers.iter().filter(|m| m.disclosure == disclosure) {
            let since = m.since.map(|d| d.to_string()).unwrap_or_default();
            rows.push(vec![
                tag.to_owned(),
                (i + 1).to_string(),
                m.code.clone(),
                m.text.clone(),
                since,
                m.action.clone(),
            ]);
        }
    }
    if !rows.is_empty() {
        s.heading(heading);
        s.table(&["", "#", "code", "marker", "since", "action"], &rows);
    }
}

fn particulars(s: &mut Screen, hit: &Hit) {
    let mut fields: Vec<(&str, String)> = hit.details.iter().map(|d| (d.label.as_str(), d.value.clone())).collect();
    fields.push(("Record", format!("{} version {}", hit.id, hit.version)));
    fields.push(("Source's key", hit.source_key.clone()));
    fields.push(("Flags", hit.flags.join(", ")));
    s.fields(&fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Screen;
    use beatcheck_model::{Grade, RecordKind, ShownMarker, Timestamp, WarningsState};

    #[test]
    fn silent_markers_are_shown_apart_and_the_spoken_text_is_untouched() {
        let marker = |code: &str, disclosure| ShownMarker {
            code: code.into(),
            text: format!("text of {code}"),
            action: String::new(),
            disclosure,
            since: None,
        };
        let hit = Hit {
            id: "00".into(),
            version: 1,
            source_key: "k".into(),
            kind: RecordKind::Vehicle,
            outcome: Outcome::Hit,
            grade: Grade::Certain,
            score: 1.0,
            reasons: vec![],
            markers: vec![marker("LOS", Disclosure::Speakable), marker("OBS", Disclosure::Silent)],
            flags: vec![],
            source: "s".into(),
            compartment: "c".into(),
            as_of: None,
            vrm: Some("BD51SMR".into()),
            title: "Blue car".into(),
            details: vec![],
        };
        let answer = Answer {
            kind: RecordKind::Vehicle,
            outcome: Outcome::Hit,
            reference: "R".into(),
            warnings_state: WarningsState::Loaded,
            confirm: "Confirm.".into(),
            banner: String::new(),
            notes: vec![],
            hits: vec![hit],
            total: 1,
            coverage: vec![],
            text: "text of LOS.\nHIT: BD51SMR\nReference R.".into(),
            at: Timestamp(0),
            audit_seq: 1,
            took_us: 1,
            account_us: 1,
            error: None,
        };
        let mut s = Screen::new(false);
        show(&mut s, &answer);
        let shown = s.into_text();
        assert!(shown.starts_with(&answer.text));
        let (before, after) = shown.split_once("not to be read aloud").unwrap();
        assert!(!before.contains("OBS") && before.contains("LOS"));
        assert!(after.lines().any(|l| l.starts_with("[silent]") && l.contains("text of OBS")));
    }
}
