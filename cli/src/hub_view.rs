//! What a hub reports, for people.

use crate::output::{Screen, Style, age, bytes, plain, when, word};
use beatcheck_hub::{HubStatus, IngestReport, JournalCheck, JournalRow, PublishReport, Reject};
use beatcheck_model::Timestamp;
use serde_json::Value;

fn yes(is: bool) -> String {
    if is { "yes".into() } else { "no".into() }
}

pub(crate) fn ingest(s: &mut Screen, r: &IngestReport) {
    s.styled(Style::Bold, &format!("{} is as of {} ({}).", r.source, r.as_of, r.as_of_from));
    s.fields(&[
        ("rows read", r.rows_read.to_string()),
        ("kept aside", r.rejected.to_string()),
        ("without a usable mark", if r.unusable_vrm > 0 { r.unusable_vrm.to_string() } else { String::new() }),
        ("repeated", if r.duplicates > 0 { r.duplicates.to_string() } else { String::new() }),
        ("new", r.added.to_string()),
        ("changed", r.changed.to_string()),
        ("gone", r.removed.to_string()),
        ("unchanged", r.unchanged.to_string()),
    ]);
    if r.rejected > 0 {
        s.line("See the rows kept aside: beatcheck hub rejects");
    }
    s.line("Next: beatcheck hub publish");
}

pub(crate) fn publish(s: &mut Screen, r: &PublishReport) {
    s.styled(Style::Bold, &format!("Head {} is in force until {}.", r.head_version, r.expires));
    let rows: Vec<Vec<String>> = r
        .compartments
        .iter()
        .map(|c| {
            let cut = match (c.snapshot, c.delta) {
                (true, true) => "snapshot and delta",
                (true, false) => "snapshot",
                (false, true) => "delta",
                (false, false) => "nothing",
            };
            vec![
                c.name.clone(),
                c.manifest_version.to_string(),
                cut.into(),
                c.segments.to_string(),
                bytes(c.bytes),
                c.segment_rows.to_string(),
                c.patches.to_string(),
                c.rows.to_string(),
            ]
        })
        .collect();
    s.table(&["compartment", "manifest", "cut", "segments", "size", "rows in them", "patches", "records"], &rows);
    if rows.is_empty() {
        s.line("Nothing has changed since the last time.");
    }
}

pub(crate) fn status(s: &mut Screen, h: &HubStatus) {
    match &h.head {
        None => s.styled(Style::Caution, "Nothing is published yet."),
        Some(head) if head.expired => {
            s.styled(
                Style::Caution,
                &format!("Head {} expired {}: devices show all data as stale. Publish.", head.version, head.expires),
            );
        }
        Some(head) => s.line(&format!("Head {} is in force until {}.", head.version, head.expires)),
    }
    s.line(&format!("Policy version {}. {} rows are kept aside.", h.policy_version, h.rejects));
    s.heading("Sources");
    let rows: Vec<Vec<String>> = h
        .compartments
        .iter()
        .map(|c| {
            let state = match (c.published, c.last_refused, c.overdue) {
                (false, ..) => "not published",
                (_, true, _) => "last extract refused",
                (_, _, true) => "OVERDUE",
                _ if c.published_watermark != Some(c.watermark) => "changes wait to be published",
                _ => "good",
            };
            vec![
                c.source.clone(),
                c.name.clone(),
                word(&c.kind),
                yes(c.offline_allowed),
                yes(c.warnings),
                state.into(),
                when(c.as_of),
                age(c.as_of, h.at),
                c.due_by.map(|t| t.to_string()).unwrap_or_default(),
                c.rows.to_string(),
                if c.unsearchable > 0 { c.unsearchable.to_string() } else { String::new() },
            ]
        })
        .collect();
    let headers = [
        "source",
        "compartment",
        "kind",
        "to phones",
        "warnings",
        "state",
        "as of",
        "age",
        "next due",
        "records",
        "without a usable mark",
    ];
    s.table(&headers, &rows);
    s.heading("Devices");
    let rows: Vec<Vec<String>> = h.devices.iter().map(|d| device(d, h.at)).collect();
    s.table(
        &["device", "officer", "role", "vault", "state", "last seen", "policy", "entries", "holds", "trouble"],
        &rows,
    );
    if rows.is_empty() {
        s.line("none");
    }
}

fn device(d: &beatcheck_hub::DeviceStatus, now: Timestamp) -> Vec<String> {
    let holds: Vec<String> =
        d.held.iter().map(|c| format!("{} {}", c.name.as_deref().unwrap_or(&c.compartment), c.digest)).collect();
    let seen = if d.last_seen.is_some() { format!("{} ago", age(d.last_seen, now)) } else { "never".into() };
    vec![
        d.id.clone(),
        d.officer.clone(),
        d.role.clone(),
        if d.attested.is_empty() { d.vault.clone() } else { format!("{} ({})", d.vault, d.attested) },
        d.state.to_owned(),
        seen,
        d.reported_policy.map(|v| v.to_string()).unwrap_or_default(),
        d.acked_seq.to_string(),
        holds.join(", "),
        d.journal_fault.clone().unwrap_or_default(),
    ]
}

pub(crate) fn rejects(s: &mut Screen, total: u64, rejects: &[Reject]) {
    if rejects.is_empty() {
        return s.line("No rows are kept aside.");
    }
    s.line(&format!("{} of {total} rows kept aside, the latest extract first.", rejects.len()));
    for r in rejects {
        s.heading(&format!("{}, extract {}, line {}", r.source, r.extract_id, r.line));
        r.reasons.iter().for_each(|why| s.line(&format!("  {why}")));
        let row: String = plain(&r.raw).chars().take(400).collect();
        s.styled(Style::Dim, &format!("  {row}"));
    }
}

pub(crate) fn journal(s: &mut Screen, devices: &[JournalCheck], entries: &[JournalRow], only_devices: bool) {
    let rows: Vec<Vec<String>> = devices
        .iter()
        .map(|d| {
            vec![
                d.device.clone(),
                d.entries.to_string(),
                format!("{} to {}", d.first, d.last),
                if d.unbroken { "unbroken".into() } else { "BROKEN".into() },
                d.problem.clone().unwrap_or_default(),
            ]
        })
        .collect();
    s.table(&["device", "entries", "numbers", "chain", "problem"], &rows);
    if only_devices {
        return;
    }
    s.heading("Entries");
    let rows: Vec<Vec<String>> = entries.iter().map(entry).collect();
    s.table(&["device", "no.", "at", "officer", "what", "purpose", "reference", "outcome", "asked"], &rows);
}

fn entry(row: &JournalRow) -> Vec<String> {
    let json = row.entry.as_ref().and_then(|e| serde_json::to_value(e).ok()).unwrap_or(Value::Null);
    let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let device: String = row.device.chars().take(8).collect();
    let mut out = vec![device, row.seq.to_string()];
    if let Some(problem) = &row.problem {
        return out.into_iter().chain([String::new(), String::new(), format!("CANNOT BE OPENED: {problem}")]).collect();
    }
    let outcome = match (text("outcome"), text("error")) {
        (o, e) if e.is_empty() => o,
        (o, e) => format!("{o} ({e})"),
    };
    let change = text("change");
    out.extend([text("at"), text("officer"), text("event"), text("purpose"), text("reference")]);
    out.push(if outcome.is_empty() { change } else { outcome });
    out.push(json.get("asked").map(asked).unwrap_or_default());
    out
}

/// The question in a few words: the values in their order, without their names.
fn asked(question: &Value) -> String {
    let fields = question.as_object().into_iter().flatten().filter(|(name, _)| *name != "kind");
    fields.map(|(_, v)| word(v)).collect::<Vec<_>>().join(" ")
}
