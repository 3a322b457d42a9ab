//! The account that devices sent: searched, its chains looked at, and taken out for review. Nobody reviews their own.

use super::{frame, quoted, when};
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{Hub, HubError, JournalLook, JournalPage, JournalRow};
use beatcheck_wire::DeviceId;
use maud::html;
use serde_json::Value;

const SIZE: usize = 50;
/// Entries in an export; more are taken out with the command.
const EXPORT: usize = 5_000;
const FIELDS: [&str; 3] = ["device", "officer", "reference"];

/// One page as somebody with this account may see it, and how many of it were their own.
fn read(hub: &Hub, who: &Who, ask: &Ask, size: usize) -> Result<(JournalPage, usize), HubError> {
    let device = match ask.field("device") {
        "" => None,
        text => Some(
            DeviceId::from_hex(text.trim())
                .ok_or_else(|| HubError::Refused("A device's id has 32 hexadecimal digits.".into()))?,
        ),
    };
    let wanted = |name: &str| Some(ask.field(name).trim().to_owned()).filter(|t| !t.is_empty());
    let look = JournalLook {
        device,
        officer: wanted("officer"),
        reference: wanted("reference"),
        before: ask.number("before"),
        size,
    };
    let mut page = hub.journal_page(&look)?;
    let all = page.rows.len();
    page.rows.retain(|(_, r)| who.officer.is_empty() || r.entry.as_ref().is_none_or(|e| e.officer != who.officer));
    let own = all - page.rows.len();
    Ok((page, own))
}

fn address(ask: &Ask) -> String {
    FIELDS.iter().map(|f| format!("{f}={}&", quoted(ask.field(f)).0)).collect()
}

/// What an entry says beside who and when: its event, and the rest as an auditor reads it.
fn told(row: &JournalRow) -> (String, String, String) {
    let value = row.entry.as_ref().and_then(|e| serde_json::to_value(e).ok()).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rest: Vec<String> = ["purpose", "outcome", "reason", "incident", "error", "by", "why", "name"]
        .into_iter()
        .filter(|n| !text(n).is_empty())
        .map(|n| format!("{n}: {}", text(n)))
        .collect();
    (text("event").replace('_', " "), text("reference"), rest.join("; "))
}

pub(super) fn page(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let (found, own) = read(hub, who, ask, SIZE)?;
    let address = address(ask);
    Ok(Reply::ok(frame(
        who,
        "/journal",
        "Journal",
        &html! {
            h1 { "Journal" }
            p.lead { "What devices accounted for, newest first. This search is noted." }
            section.card {
                form.row method="get" action="/journal" role="search" {
                    @for (name, title) in [("officer", "Officer"), ("reference", "Reference"), ("device", "Device")] {
                        div { label for=(name) { (title) } input id=(name) name=(name) value=(ask.field(name)) maxlength="64"; }
                    }
                    button { "Search" }
                    a.button.plain href={ "/journal/export?" (address) "format=csv" } { "CSV" }
                    a.button.plain href={ "/journal/export?" (address) "format=json" } { "JSON" }
                    a.button.plain href="/journal/chains" { "Chains" }
                }
            }
            @if own > 0 { p.say.warn { (own) " of your own entries are withheld: somebody else reviews them." } }
            section.card {
                @if found.rows.is_empty() { p.soft { "Nothing was found in the " (found.looked) " entries that were looked through." } } @else {
                    table.stack {
                        thead { tr { @for t in ["Received", "Officer", "Event", "Reference", "Says", "Device", "No."] { th scope="col" { (t) } } } }
                        tbody { @for (_, r) in &found.rows {
                            @let (event, reference, rest) = told(r);
                            tr {
                                td data-l="Received" { (when(r.received)) }
                                td data-l="Officer" { @match &r.entry { Some(e) => span { (e.officer) " " small { (e.role) } }, None => span.tag.bad { "does not open" } } }
                                td data-l="Event" { (event) @if r.unsigned { " " span.tag.warn { "kept account" } } }
                                td data-l="Reference" { span.id { (reference) } }
                                td data-l="Says" { (rest) }
                                td data-l="Device" { span.id { (r.device.get(..12).unwrap_or_default()) "…" } }
                                td.num data-l="No." { (r.seq) }
                            }
                        } }
                    }
                }
                @if let Some(before) = found.older { nav.pager aria-label="Pages" { a.button.plain href={ "/journal?" (address) "before=" (before) } { "Older" } } }
            }
        },
    )))
}

pub(super) fn export(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let (found, own) = read(hub, who, ask, EXPORT)?;
    let rows: Vec<&JournalRow> = found.rows.iter().map(|(_, r)| r).collect();
    if ask.field("format") == "json" {
        let all = serde_json::json!({ "entries": rows, "own_withheld": own, "more": found.older.is_some() });
        return Ok(Reply::File("journal.json", "application/json", all.to_string().into_bytes()));
    }
    let mut out = String::from("received,device,number,at,officer,role,event,reference,says\r\n");
    for r in rows {
        let (event, reference, rest) = told(r);
        let (at, officer, role) =
            r.entry.as_ref().map_or_else(Default::default, |e| (e.at.to_string(), e.officer.clone(), e.role.clone()));
        let fields =
            [r.received.to_string(), r.device.clone(), r.seq.to_string(), at, officer, role, event, reference, rest];
        out.push_str(&fields.map(|f| cell(&f)).join(","));
        out.push_str("\r\n");
    }
    Ok(Reply::File("journal.csv", "text/csv; charset=utf-8", out.into_bytes()))
}

/// A field of a CSV; what a spreadsheet would take for a formula is kept from being one.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

pub(super) fn chains(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let offset = ask.number("offset");
    let (rows, total) = hub.journal_chains(offset, SIZE as u64)?;
    Ok(Reply::ok(frame(
        who,
        "/journal",
        "Chains",
        &html! {
            p { a href="/journal" { "← Journal" } }
            h1 { "Chains" }
            p.lead { "Whether each device's account runs from its first entry without a gap, by its numbers. Hashes: beatcheck hub journal --verify." }
            section.card {
                table.stack {
                    thead { tr { @for t in ["Device", "Entries", "From", "To", "State"] { th scope="col" { (t) } } } }
                    tbody { @for c in &rows { tr {
                        td data-l="Device" { span.id { (c.device) } }
                        td.num data-l="Entries" { (c.entries) } td.num data-l="From" { (c.first) } td.num data-l="To" { (c.last) }
                        td data-l="State" { @if c.unbroken { span.tag.good { "no gap" } } @else { span.tag.bad { (c.problem.as_deref().unwrap_or("gap")) } } }
                    } } }
                }
                (super::pager("/journal/chains?offset=", offset, rows.len() as u64, total, SIZE as u64))
            }
        },
    )))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_no_formula_and_ends_where_it_ends() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
