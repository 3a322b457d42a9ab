//! The account that devices sent: searched, and taken out for review. Nobody looks without saying why, or at their own.
//!
//! Who looks, at what and why stands in the hub's log of looks before anything is opened; the hub shows nothing else.

use super::{frame, quoted, when};
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{AccountFilter, AccountPage, AccountRow, Format, Hub, HubError, Look, Noted, Page};
use beatcheck_model::{RecordId, Timestamp};
use beatcheck_wire::{CompartmentId, DeviceId};
use maud::{Markup, html};
use serde_json::Value;

const DAY_S: i64 = 24 * 3600;
/// An entry that came in so much later than it happened says so.
const LATE_S: i64 = 300;
/// Fields of the search, by which a page is found again.
const FIELDS: [&str; 11] =
    ["why", "officer", "reference", "record", "device", "purpose", "event", "since", "until", "text", "unusual"];
/// Kinds of entries that can be chosen; the others are found without a choice.
const EVENTS: [(&str, &str); 9] = [
    ("", "any"),
    ("check", "check"),
    ("late_hit", "late hit"),
    ("break_glass", "break-glass"),
    ("unlocked", "unlocked"),
    ("pin_refused", "wrong PIN"),
    ("rolled_back", "rolled back"),
    ("wiped", "wiped"),
    ("purged", "purged"),
];

/// Notes a look, if it is said why; without that there is nothing to see.
pub(super) fn noted(hub: &Hub, who: &Who, ask: &Ask, action: &str, subject: &str) -> Result<Option<Noted>, HubError> {
    let reason = ask.field("why").trim();
    if reason.is_empty() {
        return Ok(None);
    }
    let (account, role, officer) = (who.account.as_str(), who.role.name(), who.officer.as_str());
    hub.note_look(&Look { account, role, officer, action, subject, reason }).map(Some)
}

/// The field that says why.
pub(super) fn why(ask: &Ask) -> Markup {
    html! {
        div.wide {
            label for="why" { "Why you look: it stands in the log" }
            input #why name="why" value=(ask.field("why")) required maxlength="200" placeholder="Complaint 2026-104";
        }
    }
}

fn id16(text: &str, what: &str) -> Result<Option<CompartmentId>, HubError> {
    match text.trim() {
        "" => Ok(None),
        text => CompartmentId::from_hex(text)
            .map(Some)
            .ok_or_else(|| HubError::Refused(format!("A {what}'s id has 32 hexadecimal digits."))),
    }
}

/// The beginning of a day, UTC.
pub(super) fn day(text: &str) -> Result<Option<Timestamp>, HubError> {
    match text.trim() {
        "" => Ok(None),
        text => format!("{text}T00:00:00Z")
            .parse()
            .map(Some)
            .map_err(|_| HubError::Refused("A day is written as 2026-01-31.".into())),
    }
}

fn filter(ask: &Ask) -> Result<AccountFilter, HubError> {
    let wanted = |name: &str| Some(ask.field(name).trim().to_owned()).filter(|t| !t.is_empty());
    let device: Option<DeviceId> = id16(ask.field("device"), "device")?;
    Ok(AccountFilter {
        device,
        officer: wanted("officer"),
        reference: wanted("reference"),
        record: id16(ask.field("record"), "record")?.map(|id| RecordId(id.0)),
        purpose: wanted("purpose"),
        event: wanted("event"),
        since: day(ask.field("since"))?,
        until: day(ask.field("until"))?.map(|t| t.plus_secs(DAY_S)),
        unusual: !ask.field("unusual").is_empty(),
        text: wanted("text"),
    })
}

/// What this look is, in the log's word: who looked at a record, what an officer did, or a search.
fn action(f: &AccountFilter) -> &'static str {
    match (&f.record, &f.officer) {
        (Some(_), _) => "who",
        (_, Some(_)) => "officer",
        _ => "search",
    }
}

fn address(ask: &Ask) -> String {
    let set = FIELDS.iter().filter(|f| !ask.field(f).is_empty());
    set.map(|f| format!("{f}={}&", quoted(ask.field(f)).0)).collect()
}

/// Only the reason, for a link to another look.
pub(super) fn because(ask: &Ask) -> String {
    format!("why={}", quoted(ask.field("why")).0)
}

pub(super) fn page(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let filter = filter(ask)?;
    let after = Some(ask.field("after").to_owned()).filter(|a| !a.is_empty());
    let found = match noted(hub, who, ask, action(&filter), &filter.in_words())? {
        Some(by) => Some(hub.account_search(&by, &filter, &Page { after, rows: 0 })?),
        None => None,
    };
    Ok(Reply::ok(frame(
        who,
        "/journal",
        "Journal",
        &html! {
            h1 { "Journal" }
            p.lead { "What devices accounted for, newest first. Your own entries are withheld from you." }
            section.card { (form(ask)) }
            @match &found {
                None => { section.card { p.soft { "Say why you look, then search. Without other fields that finds everything." } } }
                Some(found) => {
                    (notes(found))
                    section.card {
                        @if found.rows.is_empty() { p.soft { "Nothing was found." } } @else { (table(&found.rows, ask)) }
                        nav.pager aria-label="Pages" {
                            span.soft { (sum(found)) }
                            @if let Some(next) = &found.next { a.button.plain href={ "/journal?" (address(ask)) "after=" (next) } { "Older" } }
                        }
                    }
                }
            }
        },
    )))
}

fn form(ask: &Ask) -> Markup {
    let more = ["record", "device", "purpose", "event", "since", "until", "text", "unusual"];
    let input = |name: &str, title: &str, kind: &str| {
        html! { div { label for=(name) { (title) } input id=(name) name=(name) type=(kind) value=(ask.field(name)) maxlength="64"; } }
    };
    html! {
        form method="get" action="/journal" role="search" {
            div.fields {
                (why(ask))
                (input("officer", "What an officer did", "text"))
                (input("reference", "Reference", "text"))
            }
            details open[more.iter().any(|f| !ask.field(f).is_empty())] {
                summary { "More" }
                div.fields {
                    (input("record", "Who looked at record", "text"))
                    (input("device", "Device", "text"))
                    (input("purpose", "Purpose", "text"))
                    div { label for="event" { "Event" } select #event name="event" {
                        @for (value, title) in EVENTS { option value=(value) selected[ask.field("event") == value] { (title) } }
                    } }
                    (input("since", "From day (UTC)", "date"))
                    (input("until", "To day", "date"))
                    (input("text", "Says, in any case (slow)", "text"))
                    label.sure for="unusual" { input #unusual type="checkbox" name="unusual" value="yes" checked[!ask.field("unusual").is_empty()]; span { "Only unusual use" } }
                }
            }
            p.acts-row {
                button { "Search" }
                @if !ask.field("why").trim().is_empty() {
                    a.button.plain href={ "/journal/export?" (address(ask)) "format=csv" } { "CSV" }
                    a.button.plain href={ "/journal/export?" (address(ask)) "format=json" } { "JSON" }
                }
                a.button.plain href="/journal/chains" { "Chains" }
                a.button.plain href="/journal/looks" { "Who looked" }
            }
        }
    }
}

fn sum(found: &AccountPage) -> String {
    match found.total {
        Some(n) if found.more_than_total => format!("more than {n} entries match"),
        Some(1) => "1 entry matches".into(),
        Some(n) => format!("{n} entries match"),
        None => format!("{} entries were opened in search of the text", found.searched),
    }
}

fn notes(found: &AccountPage) -> Markup {
    html! {
        @if found.withheld > 0 { p.say.warn { (found.withheld) " of your own entries are withheld: somebody else reviews them." } }
        @if found.waiting > 0 { p.say.warn { (found.waiting) " entries are not in the index yet: search again in a moment." } }
        @if found.unreadable > 0 { p.say.bad { (found.unreadable) " entries cannot be opened: no search finds them but that for their device." } }
    }
}

/// What an entry says beside who and when: its event, its reference, and the rest as an auditor reads it.
fn told(row: &AccountRow) -> (String, String, String) {
    let value = row.entry.as_ref().and_then(|e| serde_json::to_value(e).ok()).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut rest: Vec<String> = value.get("asked").map(asked).into_iter().collect();
    for name in ["purpose", "outcome", "reason", "incident", "error", "change", "by", "why", "name"] {
        if !text(name).is_empty() {
            rest.push(format!("{name}: {}", text(name).replace('_', " ")));
        }
    }
    (text("event").replace('_', " "), text("reference"), rest.join("; "))
}

/// A question in a line.
pub(super) fn asked(value: &Value) -> String {
    let Value::Object(fields) = value else { return "asked".into() };
    let said = fields.iter().filter(|(n, v)| *n != "kind" && !v.is_null());
    let mut out = fields.get("kind").and_then(Value::as_str).unwrap_or("asked").to_owned();
    for (name, v) in said {
        let v = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        out.push_str(&format!(" {name} {v}"));
    }
    out
}

/// Records that an entry showed.
fn shown(row: &AccountRow) -> Vec<String> {
    let value = row.entry.as_ref().and_then(|e| serde_json::to_value(e).ok()).unwrap_or_default();
    let all = value.get("shown").and_then(Value::as_array).cloned().unwrap_or_default();
    all.iter().filter_map(|s| Some(s.get("id")?.as_str()?.to_owned())).collect()
}

fn table(rows: &[AccountRow], ask: &Ask) -> Markup {
    html! {
        table.stack {
            thead { tr { @for t in ["Happened", "Officer", "Event", "Reference", "Says", "Device, no."] { th scope="col" { (t) } } } }
            tbody { @for r in rows {
                @let (event, reference, rest) = told(r);
                tr {
                    td data-l="Happened" { span { (when(r.happened)) @if r.received.secs_since(r.happened) >= LATE_S { " " small { "received " (when(r.received)) } } } }
                    td data-l="Officer" { @match &r.entry { Some(e) => span { (e.officer) " " small { (e.role) } }, None => span.tag.bad { "does not open" } } }
                    td data-l="Event" { span { (event) @if r.unsigned { " " span.tag.warn { "kept account" } } } }
                    td data-l="Reference" { @if !reference.is_empty() {
                        a.id href={ "/journal/answer?" (because(ask)) "&reference=" (quoted(&reference)) } { (reference) }
                    } }
                    td data-l="Says" { span {
                        (rest)
                        @for id in shown(r) { " " a.id href={ "/journal?" (because(ask)) "&record=" (id) } title="Who looked at this record" { (id.get(..8).unwrap_or(&id)) "…" } }
                        @if let Some(problem) = &r.problem { " " span.tag.bad { (problem) } }
                    } }
                    td data-l="Device, no." { span { span.id { (r.device.get(..8).unwrap_or_default()) "…" } " " span.num { (r.seq) } } }
                }
            } }
        }
    }
}

pub(super) fn export(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let filter = filter(ask)?;
    let by = noted(hub, who, ask, "export", &filter.in_words())?;
    let by = by.ok_or_else(|| HubError::Refused("Say why in the search first: an export is noted with it.".into()))?;
    let (name, kind, format) = match ask.field("format") {
        "json" => ("journal.json", "application/json", Format::Json),
        _ => ("journal.csv", "text/csv; charset=utf-8", Format::Csv),
    };
    let mut out = Bounded(Vec::new());
    hub.export(&by, &filter, format, &mut out)
        .map_err(|e| if out.0.len() >= EXPORT { HubError::Refused(TOO_LARGE.into()) } else { e })?;
    Ok(Reply::File(name, kind, out.0))
}

/// Bytes of an export; more are taken out with the command.
const EXPORT: usize = 64 * 1024 * 1024;
const TOO_LARGE: &str =
    "That is more than a browser should take: narrow it by day, or use beatcheck hub account export.";

/// Memory with an end.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > EXPORT {
            self.0.resize(EXPORT, 0);
            return Err(std::io::ErrorKind::OutOfMemory.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_in_a_line() {
        let value = serde_json::json!({"kind": "vehicle", "vrm": "AB12CDE", "make": null});
        assert_eq!(asked(&value), "vehicle vrm AB12CDE");
    }

    #[test]
    fn an_export_ends_somewhere() {
        let mut out = Bounded(Vec::new());
        assert!(std::io::Write::write(&mut out, &vec![0; EXPORT]).is_ok());
        assert!(std::io::Write::write(&mut out, &[0]).is_err());
    }
}
