//! Sources: how fresh each is, what it holds, and the rows that were kept aside.

use super::{ago, frame};
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{Hub, HubError};
use maud::html;

const REJECTS: usize = 50;

pub(super) fn page(hub: &Hub, who: &Who, _ask: &Ask) -> Result<Reply, HubError> {
    let now = hub.now();
    let sources = hub.compartments()?;
    let rejects = hub.rejects(REJECTS)?;
    Ok(Reply::ok(frame(
        who,
        "/sources",
        "Sources",
        &html! {
            h1 { "Sources" }
            p.lead { "What was taken in, as of when, and what waits to be published." }
            section.card {
                @if sources.is_empty() { p.soft { "No source was taken in yet: beatcheck hub ingest." } } @else { table.stack {
                    thead { tr { @for t in ["Source", "Compartment", "Records", "As of", "State", "Published"] { th scope="col" { (t) } } } }
                    tbody { @for s in &sources { tr {
                        td data-l="Source" { span { b { (s.title) } " " small { (s.source) } } }
                        td data-l="Compartment" { (s.name) }
                        td.num data-l="Records" { span { (s.rows) @if s.unsearchable > 0 { " " small { (s.unsearchable) " without a mark" } } } }
                        td data-l="As of" { (ago(Some(s.as_of), now)) }
                        td data-l="State" {
                            @if s.last_refused { span.tag.bad { "last extract refused" } }
                            @else if s.due_by.is_some_and(|due| now > due) { span.tag.warn { "overdue" } }
                            @else { span.tag.good { "in time" } }
                        }
                        td data-l="Published" { @match s.published_watermark {
                            None => span.tag.warn { "never" },
                            Some(mark) if mark < s.watermark => span.tag.warn { "changes wait" },
                            Some(_) => span { "up to date" },
                        } }
                    } } }
                } }
            }
            section.card {
                h2 { "Rows kept aside" }
                @if rejects.is_empty() { p.soft { "None." } } @else {
                    p.soft { "The newest " (rejects.len()) ". What the rows say is not shown here: beatcheck hub rejects shows them." }
                    table.stack {
                        thead { tr { @for t in ["Source", "Line", "Why"] { th scope="col" { (t) } } } }
                        tbody { @for r in &rejects { tr {
                            td data-l="Source" { (r.source) }
                            td.num data-l="Line" { (r.line) }
                            td data-l="Why" { (r.reasons.join("; ")) }
                        } } }
                    }
                }
            }
        },
    )))
}
