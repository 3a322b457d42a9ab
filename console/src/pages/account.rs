//! What else is asked of the account: an answer rebuilt by its reference, whether chains are whole, and who looked.

use super::journal::{asked, because, noted, why};
use super::{frame, pager, quoted, when};
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{ChainState, Hub, HubError, LookFilter, Looks, Rebuilt, RebuiltRecord};
use beatcheck_wire::DeviceId;
use maud::{Markup, html};
use serde_json::Value;

/// Devices of a page of chains: each is walked, and every link of it compared.
const CHAINS: u64 = 25;
/// Lines of a page of looks.
const LOOKS: usize = 100;

/// An answer, as far as it can be rebuilt.
pub(super) fn answer(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let reference = ask.field("reference").trim();
    let by = if reference.is_empty() { None } else { noted(hub, who, ask, "rebuild", reference)? };
    let found = match by {
        Some(by) => hub.rebuild_answer(&by, reference)?,
        None => Vec::new(),
    };
    Ok(Reply::ok(frame(
        who,
        "/journal",
        "Answer",
        &html! {
            p { a href="/journal" { "← Journal" } }
            h1 { "Answer " span.id { (reference) } }
            p.lead { "The records that were shown, as they were then, and the sources as they stood. How it was worded and graded is the app's." }
            @if found.is_empty() { section.card { form method="get" action="/journal/answer" {
                div.fields { (why(ask)) div { label for="reference" { "Reference" } input #reference name="reference" value=(reference) required maxlength="64"; } }
                p.acts-row { button { "Rebuild" } }
            } } }
            @if found.len() > 1 { p.say.warn { (found.len()) " checks bear this reference, the newest first." } }
            @for one in &found { (rebuilt(one, ask)) }
        },
    )))
}

fn rebuilt(one: &Rebuilt, ask: &Ask) -> Markup {
    let entry = one.row.entry.as_ref();
    let value = entry.and_then(|e| serde_json::to_value(e).ok()).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().replace('_', " ");
    html! {
        section.card {
            h2 { "The check " @if one.whole { span.tag.good { "all of it rebuilt" } } @else { span.tag.warn { "not all of it" } } }
            @if let Some(problem) = &one.row.problem { p.say.bad { (problem) } }
            dl {
                dt { "Happened" } dd { (when(one.row.happened)) ", received " (when(one.row.received)) }
                @if let Some(e) = entry { dt { "Officer, role" } dd {
                    a href={ "/journal?" (because(ask)) "&officer=" (quoted(&e.officer)) } { (e.officer) } ", " (e.role) ", under policy " (e.policy_version)
                } }
                dt { "Asked" } dd { (value.get("asked").map(asked).unwrap_or_default()) }
                dt { "Purpose" } dd { (text("purpose")) }
                @for (name, title) in [("reason", "Reason"), ("incident", "Incident"), ("error", "Refused")] {
                    @if !text(name).is_empty() { dt { (title) } dd { (text(name)) } }
                }
                dt { "Outcome" } dd { b { (text("outcome")) } }
                dt { "Not seen by the role" } dd { @match &one.hidden {
                    None => span.tag.warn { "not known any more" },
                    Some(groups) if groups.is_empty() => "nothing was hidden",
                    Some(groups) => (groups.iter().map(name_of).collect::<Vec<_>>().join(", ")),
                } }
                dt { "Device" } dd { span.id { (one.row.device) } ", entry " (one.row.seq) }
            }
        }
        @for r in &one.records { (record(r, ask)) }
        section.card {
            h2 { "Sources that were consulted" }
            @if one.sources.is_empty() { p.soft { "None." } } @else { table.stack {
                thead { tr { @for t in ["Compartment", "State", "Up to change", "Extract of"] { th scope="col" { (t) } } } }
                tbody { @for s in &one.sources { tr {
                    td data-l="Compartment" { (s.compartment) }
                    td data-l="State" { (s.state.replace('_', " ")) }
                    td.num data-l="Up to change" { (s.watermark) }
                    td data-l="Extract of" { @if let Some(at) = s.as_of { (when(at)) } @if let Some(p) = &s.problem { " " span.tag.warn { (p) } } }
                } } }
            } }
        }
    }
}

/// The word of something that is written as one.
fn name_of<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(|s| s.replace('_', " "))).unwrap_or_default()
}

fn record(r: &RebuiltRecord, ask: &Ask) -> Markup {
    let mut fields = Vec::new();
    if let Some(mut value) = r.record.as_ref().and_then(|r| serde_json::to_value(r).ok()) {
        if let Value::Object(all) = &mut value {
            // They stand in the title and the link.
            all.retain(|name, _| name != "id" && name != "version");
        }
        flatten("", &value, &mut fields);
    }
    html! {
        section.card {
            h2 { "Record in " (r.compartment) ", version " (r.version) " " span.tag { (name_of(&r.outcome)) } }
            p { a.id href={ "/journal?" (because(ask)) "&record=" (r.id) } { "Who looked at " (r.id) } }
            @if let Some(problem) = &r.problem { p.say.warn { (problem) } }
            @match r.version_now {
                None => p.say { "The record is gone by now." },
                Some(now) if now != r.version => p.say { "Version " (now) " stands now." },
                Some(_) => {},
            }
            dl { @for (name, text) in &fields { dt { (name) } dd { (text) } } }
        }
    }
}

/// Fields of a record, with their path; what is empty or 0 says nothing and is left out.
fn flatten(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    let below = |name: &str| match name {
        // Of a record's kind, which is plain from its fields.
        "body" | "Vehicle" | "Person" | "Variant" => path.to_owned(),
        _ => format!("{path} {}", name.replace('_', " ")).trim_start().to_owned(),
    };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(n, v)| flatten(&below(n), v, out)),
        Value::Array(all) => all.iter().for_each(|v| flatten(path, v, out)),
        Value::String(text) if text.is_empty() => {}
        Value::Number(n) if n.as_u64() == Some(0) => {}
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        other => out.push((path.to_owned(), other.to_string())),
    }
}

/// Whether each device's account is whole: walked link by link, a page at a time.
pub(super) fn chains(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let offset = ask.number("offset");
    let (devices, total) = hub.journal_chains(offset, CHAINS)?;
    let ids = devices.iter().filter_map(|d| DeviceId::from_hex(&d.device));
    let rows: Vec<ChainState> = ids.filter_map(|id| hub.chain_state(id).transpose()).collect::<Result<_, _>>()?;
    let size = rows.len() as u64;
    Ok(Reply::ok(frame(
        who,
        "/journal",
        "Chains",
        &html! {
            p { a href="/journal" { "← Journal" } }
            h1 { "Chains" }
            p.lead { "Each device's account, walked from its beginning: numbers, links, and the counters of its unlockings. No entry is opened for it." }
            section.card {
                table.stack {
                    thead { tr { @for t in ["Device", "Entries", "From, to", "State", "Missing"] { th scope="col" { (t) } } } }
                    tbody { @for c in &rows { tr {
                        td data-l="Device" { span.id { (c.device) } }
                        td.num data-l="Entries" { (c.entries) }
                        td.num data-l="From, to" { (c.first) " – " (c.last) }
                        td data-l="State" { span { (chain(c)) @if c.unsigned > 0 { " " small { (c.unsigned) " from a kept account" } } } }
                        td data-l="Missing" { (missing(c)) }
                    } } }
                }
                (pager("/journal/chains?offset=", offset, size, total, CHAINS))
            }
        },
    )))
}

fn chain(c: &ChainState) -> Markup {
    html! {
        @if !c.unbroken { span.tag.bad { (c.fault.as_deref().or(c.refused.as_deref()).unwrap_or("broken")) } }
        @else if c.refused.is_some() { span.tag.warn { "unbroken; an upload was refused" } }
        @else { span.tag.good { "unbroken" } }
    }
}

fn missing(c: &ChainState) -> String {
    let mut parts: Vec<String> = c.gaps.iter().map(|(from, to)| format!("entries {from} to {to}")).collect();
    parts.extend(c.counter_gaps.iter().map(|g| format!("a session between entries {} and {}", g.after, g.seq)));
    if c.dropped_to > 0 {
        parts.push(format!("up to {} its time was up", c.dropped_to));
    }
    if c.unreadable > 0 {
        parts.push(format!("{} do not open", c.unreadable));
    }
    parts.join("; ")
}

/// The log of looks: who looked at the account, at what and why.
pub(super) fn looks(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let account = Some(ask.field("account").trim().to_owned()).filter(|a| !a.is_empty());
    let before = Some(ask.number("before")).filter(|n| *n > 0);
    let found = match noted(hub, who, ask, "looks", account.as_deref().unwrap_or("everybody"))? {
        Some(by) => Some(hub.looks(&by, &LookFilter { account, before, limit: Some(LOOKS), ..LookFilter::default() })?),
        None => None,
    };
    Ok(Reply::ok(frame(
        who,
        "/journal",
        "Who looked",
        &html! {
            p { a href="/journal" { "← Journal" } }
            h1 { "Who looked" }
            p.lead { "Who looked at the account, here or by command, at what and why. Each line is chained to the one before." }
            section.card { form method="get" action="/journal/looks" role="search" {
                div.fields { (why(ask)) div { label for="account" { "Account" } input #account name="account" value=(ask.field("account")) maxlength="64"; } }
                p.acts-row { button { "Show" } }
            } }
            @if let Some(found) = &found { (lines(found, ask)) }
        },
    )))
}

fn lines(found: &Looks, ask: &Ask) -> Markup {
    html! {
        @if found.withheld > 0 { p.say.warn { (found.withheld) " looks of your own are withheld: somebody else reviews them." } }
        @match &found.problem {
            Some(problem) => p.say.bad { (problem) },
            None => p.say.good { "The log is whole up to line " (found.head.n) ". Note its end elsewhere: " span.id { (found.head.hash) } },
        }
        section.card {
            @if found.rows.is_empty() { p.soft { "Nobody else looked." } } @else { table.stack {
                thead { tr { @for t in ["No.", "When", "Account", "What", "Of what", "Why"] { th scope="col" { (t) } } } }
                tbody { @for l in &found.rows { tr {
                    td.num data-l="No." { (l.n) }
                    td data-l="When" { (when(l.at)) }
                    td data-l="Account" { span { (l.account) " " small { (l.role.replace('_', " ")) } } }
                    td data-l="What" { (l.action.replace('_', " ")) }
                    td data-l="Of what" { (l.subject) }
                    td data-l="Why" { (l.reason) }
                } } }
            } }
            @if let Some(last) = found.rows.last().filter(|l| found.rows.len() == LOOKS && l.n > 1) {
                nav.pager aria-label="Pages" { a.button.plain href={ "/journal/looks?" (because(ask)) "&account=" (quoted(ask.field("account"))) "&before=" (last.n) } { "Older" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_field_by_field() {
        let mut out = Vec::new();
        flatten(
            "",
            &serde_json::json!({"name": {"first": "Jo", "other": null}, "body": {"Person": {"marks": ["a", "b"]}}, "year": 1984, "flags": 0}),
            &mut out,
        );
        out.sort();
        let of = |n: &str, t: &str| (n.to_owned(), t.to_owned());
        assert_eq!(out, [of("marks", "a"), of("marks", "b"), of("name first", "Jo"), of("year", "1984")]);
    }
}
