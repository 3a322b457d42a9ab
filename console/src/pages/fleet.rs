//! Fleet: all devices, a page at a time, and the few numbers that say whether to look further.

use super::{ago, frame, pager, quoted};
use crate::chart;
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{FleetFilter, FleetRow, FleetState, Hub, HubError};
use maud::{Markup, html};

const SIZE: u64 = 50;
const STATES: [(&str, FleetState, &str); 6] = [
    ("all", FleetState::All, "All devices"),
    ("active", FleetState::Active, "In use"),
    ("quiet", FleetState::Quiet, "Quiet for a day"),
    ("behind", FleetState::Behind, "On an older policy"),
    ("faulty", FleetState::Faulty, "With problems"),
    ("gone", FleetState::Gone, "Revoked or wiped"),
];

pub(super) fn page(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let (name, state, _) = STATES.into_iter().find(|(n, ..)| *n == ask.field("state")).unwrap_or(STATES[0]);
    let (text, offset) = (ask.field("text"), ask.number("offset"));
    let counts = hub.fleet_counts()?;
    let in_force = hub.policy_current()?.0.policy_version;
    let (rows, total) = hub.fleet(&FleetFilter { state, text: text.into(), offset, limit: SIZE })?;
    let number = |n| [counts.all, counts.active, counts.quiet, counts.behind, counts.faulty, counts.gone][n];
    let h = counts.heard;
    let heard = [
        ("within an hour", h[0], "good"),
        ("4 hours", h[1], "mid"),
        ("a day", h[2], "info"),
        ("a week", h[3], "warn"),
        ("longer ago", h[4], "bad"),
        ("never", h[5], "quiet"),
    ];
    let hours = hub.journal_by_hour()?;
    let sum: u64 = hours.iter().sum();
    let says = format!(
        "{sum} entries of the account came in within 48 hours, at most {} in one hour.",
        hours.iter().max().unwrap_or(&0)
    );
    Ok(Reply::ok(frame(
        who,
        "/fleet",
        "Fleet",
        &html! {
            h1 { "Fleet" }
            p.lead { "Policy in force: version " b { (in_force) } ". What devices report is evidence, not proof." }
            ul.tiles aria-label="Filters" {
                @for (n, (key, _, title)) in STATES.iter().enumerate() {
                    @let class = match (*key, number(n)) { (_, 0) => "", ("faulty", _) => "bad", ("quiet" | "behind", _) => "warn", _ => "" };
                    li class=(class) {
                        a href={ "/fleet?state=" (key) } aria-current=[(*key == name).then_some("true")] { b { (number(n)) } (title) }
                    }
                }
            }
            div.two {
                section.card { h2 { "Last heard of" } (chart::parts("Devices in use by when they were last heard of", &heard)) }
                section.card { h2 { "Account received, by hour" } (chart::bars(&hours, "48 h ago", "now", &says)) }
            }
            section.card {
                form.row method="get" action="/fleet" role="search" {
                    input type="hidden" name="state" value=(name);
                    div { label for="text" { "Device, officer, role or asset" } input #text name="text" value=(text) maxlength="64"; }
                    button { "Search" }
                }
            }
            section.card {
                (table(&rows, in_force, hub))
                (pager(&format!("/fleet?state={name}&text={}&offset=", quoted(text).0), offset, rows.len() as u64, total, SIZE))
            }
        },
    )))
}

fn table(rows: &[FleetRow], in_force: u64, hub: &Hub) -> Markup {
    let now = hub.now();
    html! {
        table.stack {
            thead { tr { @for t in ["Device", "Officer", "Role", "State", "App", "Heard of", "Policy", "Journal"] { th scope="col" { (t) } } } }
            tbody { @for d in rows {
                @let id = d.id.to_string();
                tr {
                    td data-l="Device" { a.id href={ "/device?id=" (id) } { (id.get(..12).unwrap_or(&id)) "…" } @if !d.asset.is_empty() { " " small { (d.asset) } } }
                    td data-l="Officer" { (d.officer) }
                    td data-l="Role" { (d.role) }
                    td data-l="State" { (state(d)) }
                    td data-l="App" { (d.app) }
                    td data-l="Heard of" { (ago(d.last_seen, now)) }
                    td data-l="Policy" { (policy(d, in_force)) }
                    td.num data-l="Journal" { span { (d.acked) @if let Some(p) = d.pending.filter(|p| *p > 0) { " " small { "+" (p) " waiting" } } } }
                }
            } }
        }
    }
}

/// A device's state as a tag.
pub(super) fn state(d: &FleetRow) -> Markup {
    html! {
        @match d.state {
            "active" if !d.problems.is_empty() || d.fault.is_some() => { span.tag.bad { "problem" } }
            "active" => { span.tag.good { "in use" } }
            "wipe_ordered" => { span.tag.warn { "wipe ordered" } }
            other => { span.tag.bad { (other) } }
        }
    }
}

/// Which policy it obeys, beside the one in force.
pub(super) fn policy(d: &FleetRow, in_force: u64) -> Markup {
    html! {
        @match d.policy {
            None => { span.soft { "not said" } }
            Some(v) if v < in_force => { span.tag.warn { (v) } }
            Some(v) => { span.tag.good { (v) } }
        }
    }
}
