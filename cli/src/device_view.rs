//! A device's status and the report of a sync, for people.

use crate::output::{Screen, Style, age, bytes, when, word};
use beatcheck_client::{DeviceStatus, LateHit, SyncReport};
use beatcheck_model::Timestamp;

pub(crate) fn status(s: &mut Screen, d: &DeviceStatus, now: Timestamp) {
    late_hits(s, &d.late_hits);
    if d.lease_ended {
        s.styled(Style::Caution, "The lease has ended: checks are refused until a sync. Ask control by radio.");
    } else if d.last_contact.is_none() {
        s.styled(Style::Caution, "Nothing was synced yet: checks cannot be answered.");
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
        ],
        &rows,
    );
    if rows.is_empty() {
        s.line("nothing");
    }
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
        s.styled(Style::Danger, &format!("  {} (check {}, noticed {}, {})", l.text, l.reference, l.at, l.change));
    }
    s.line("");
}
