//! Sums: how much the system is used, and by nobody in particular. Small numbers are not told.

use super::frame;
use crate::chart;
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{Hub, HubError};
use maud::html;

/// A number under this could mean one officer.
const SMALLEST: u64 = 5;

pub(super) fn page(hub: &Hub, who: &Who, _ask: &Ask) -> Result<Reply, HubError> {
    let hours = hub.journal_by_hour()?.map(|n| if n < SMALLEST { 0 } else { n });
    let counts = hub.fleet_counts()?;
    let sum: u64 = hours.iter().sum();
    let says = format!("{sum} entries of the account in 48 hours; hours with fewer than {SMALLEST} count as none.");
    Ok(Reply::ok(frame(
        who,
        "/sums",
        "Sums",
        &html! {
            h1 { "Sums" }
            p.lead { "No person, no officer and no device stands here." }
            section.card { h2 { "Account received, by hour" } (chart::bars(&hours, "48 h ago", "now", &says)) }
            section.card {
                h2 { "Fleet" }
                @if counts.active < SMALLEST { p.soft { "Fewer than " (SMALLEST) " devices are in use." } }
                @else { p { b.num { (counts.active) } " devices are in use." } }
            }
        },
    )))
}
