//! A device's status and the report of a sync, for people.

use crate::output::{Screen, Style, age, bytes, when, word};
use beatcheck_client::{CompartmentStatus, DeviceStatus, LateHit, SyncReport};
use beatcheck_model::Timestamp;

pub(crate) fn status(s: &mut Screen, d: &DeviceStatus, now: Timestamp) {
    late_hits(s, &d.late_hits);
    if d.lease_ended {
        s.styled(Style::Caution, "The lease has ended: checks are refused until a sync. Ask control by radio.");
    } else if d.last_contact.is_none() {
        s.styled(Style::Caution, "Nothing was synced yet: checks cannot be answered.");
    }
    if d.rolled_back {
        let text = "Files of this device were put back: nothing is answered until a sync. If that does not help, wipe and enrol anew.";
        s.styled(Style::Caution, text);
    }
    if d.journal.low {
        s.styled(Style::Caution, "Space for the account runs low: sync, and free space on this device.");
    }
    let ago = |t: Option<Timestamp>| t.map_or_else(|| "never".into(), |at| format!("{at} ({} ago)", age(t, now)));
    let vault = if d.vault == "desk" { "desk: keys in plain files, protects nothing".into() } else { d.vault.clone() };
    s.fields(&[
        ("device", d.device.clone()),
        ("vault", vault),
        ("role", d.role.clone().unwrap_or_else(|| "none yet".into())),
        ("purposes", d.purposes.join(", ")),
        ("last contact", ago(d.last_contact)),
        ("lease ends", when(d.lease_ends)),
        ("head", format!("version {}, expires {}", d.head_version, when(d.head_expires))),
        ("policy, grant", format!("versions {}, {}", d.policy_version, d.grant_version)),
        ("certificate", format!("to be renewed from {}", when(d.renew_after))),
        (
            "account",
            format!(
                "{} entries, {} at the hub, {} wait ({})",
                d.journal.last_seq,
                d.journal.acked,
                d.journal.pending,
                bytes(d.journal.pending_bytes)
            ),
        ),
        ("staged", if d.staged_bytes > 0 { bytes(d.staged_bytes) } else { String::new() }),
    ]);
    s.heading("Held");
    let rows: Vec<Vec<String>> = d
        .compartments
        .iter()
        .map(|c| {
            vec![
                c.source.clone(),
                c.compartment.clone(),
                word(&c.kind),
                word(&c.state),
                when(c.as_of),
                age(c.as_of, now),
                c.due_by.map(|t| t.to_string()).unwrap_or_default(),
                c.records.to_string(),
                if c.unsearchable > 0 { c.unsearchable.to_string() } else { String::new() },
                if c.warnings { "yes".into() } else { "no".into() },
                health(c, now),
            ]
        })
        .collect();
    s.table(
        &[
            "source",
            "compartment",
            "kind",
            "state",
            "as of",
            "age",
            "next due",
            "records",
            "without a usable mark",
            "carries warnings",
            "rows read again",
        ],
        &rows,
    );
    for c in d.compartments.iter().filter(|c| c.arriving.is_some()) {
        let Some(a) = c.arriving else { continue };
        let left = a.seconds_left.map_or_else(|| "waits for a sync".to_owned(), |s| format!("about {s} s left"));
        s.line(&format!("On its way: {}, {} % has come, {left}.", c.compartment, a.share_percent));
    }
    if rows.is_empty() {
        s.line("nothing");
    }
}

/// What is known of a compartment's health.
fn health(c: &CompartmentStatus, now: Timestamp) -> String {
    let mut said = match (c.suspect, c.scrubbed) {
        (true, _) => "NOT WHAT WAS PUBLISHED: sync".to_owned(),
        (false, None) => "not yet".to_owned(),
        (false, at) => format!("whole, {} ago", age(at, now)),
    };
    if c.repairs > 0 {
        said.push_str(&format!("; repaired {} times, {} rows", c.repairs, c.repaired_rows));
    }
    if c.rebuilds > 0 {
        said.push_str(&format!("; rebuilt {} times", c.rebuilds));
    }
    said
}

/// A sync in one line, for a watch.
pub(crate) fn sync_line(r: &SyncReport) -> String {
    let mut said: Vec<String> = r
        .compartments
        .iter()
        .map(|c| format!("{} +{} ~{} -{} ({})", c.compartment, c.inserted, c.updated, c.deleted, c.route))
        .collect();
    said.extend(r.withdrawn.iter().map(|name| format!("{name} WITHDRAWN: it cannot be read any more")));
    said.extend(r.mended.iter().map(|m| format!("{} mended, {} rows", m.compartment, m.rows)));
    let what = if r.locked { "the officer: locked" } else { "another network" };
    said.extend(r.deferred.iter().map(|name| format!("{name} waits for {what}")));
    if let Some(fault) = &r.fault {
        said.push(format!("not reached: {}", fault.code));
    }
    if r.wiped {
        said.push("erased by order".into());
    }
    format!("{} in {} requests: {}", bytes(r.bytes_down), r.requests, said.join("; "))
}

pub(crate) fn sync(s: &mut Screen, r: &SyncReport, now: Timestamp) {
    late_hits(s, &r.late_hits);
    let verdict = match (r.wiped, r.complete) {
        (true, _) => "Device management has ordered this device to be erased: it is.",
        (_, true) => "Up to date: all that is published for this device is held.",
        (_, false) => "NOT up to date: what was held before, and what did arrive, stays in use.",
    };
    s.styled(if r.complete { Style::Bold } else { Style::Caution }, verdict);
    if !r.compartments.is_empty() {
        s.heading("Changed");
        let rows: Vec<Vec<String>> = r
            .compartments
            .iter()
            .map(|c| {
                vec![
                    c.source.clone(),
                    c.compartment.clone(),
                    c.route.clone(),
                    c.inserted.to_string(),
                    c.updated.to_string(),
                    c.deleted.to_string(),
                    c.rows.to_string(),
                    bytes(c.bytes),
                    c.as_of.to_string(),
                    age(Some(c.as_of), now),
                ]
            })
            .collect();
        s.table(&["source", "compartment", "by", "new", "changed", "gone", "records", "size", "as of", "age"], &rows);
    }
    for m in &r.mended {
        let how = if m.rebuilt { "fetched anew".to_owned() } else { format!("{} rows fetched again", m.rows) };
        s.line(&format!("Mended: {} was not what was published; {how}.", m.compartment));
    }
    let why = match r.locked {
        true => "the officer (locked: policy came, records did not)",
        false => "another network or day (the budget for this one is spent)",
    };
    for name in &r.deferred {
        s.line(&format!("{name} waits for {why}."));
    }
    for name in &r.withdrawn {
        s.styled(Style::Caution, &format!("Withdrawn: {name}. It cannot be read any more."));
    }
    s.line("");
    s.fields(&[
        ("received", format!("{} in {} requests", bytes(r.bytes_down), r.requests)),
        ("of it from the relay", if r.relay_bytes > 0 { bytes(r.relay_bytes) } else { String::new() }),
        ("sent", bytes(r.bytes_up)),
        ("account", format!("{} entries sent, {} wait", r.journal_sent, r.journal_pending)),
        ("took", format!("{}.{:03} s", r.took_ms / 1000, r.took_ms % 1000)),
    ]);
}

/// What an officer was told and is no longer so stands above everything else (rule 11).
fn late_hits(s: &mut Screen, late: &[LateHit]) {
    if late.is_empty() {
        return;
    }
    s.styled(Style::Danger, "CHANGED SINCE YOU WERE TOLD:");
    for l in late {
        s.styled(Style::Danger, &format!("  {} (asked {}, noticed {}, {})", l.text, l.asked, l.at, l.change));
    }
    s.line("");
}
