//! Officers: who has devices, who is suspended, and codes for new devices.

use super::{ago, csrf, frame, pager, quoted, when};
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{EnrolFor, Hub, HubError, OfficerStatus};
use maud::{Markup, html};

const SIZE: usize = 50;

pub(super) fn page(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let said = if ask.post { Some(done(hub, who, ask)?) } else { None };
    let all = hub.officers()?;
    let (text, officer) = (ask.field("text").trim().to_lowercase(), ask.field("officer").trim());
    let one = all.iter().find(|o| !officer.is_empty() && o.officer == officer);
    let matches: Vec<&OfficerStatus> = all.iter().filter(|o| o.officer.to_lowercase().contains(&text)).collect();
    let suspended = all.iter().filter(|o| o.suspended.is_some()).count();
    let offset = usize::try_from(ask.number("offset")).unwrap_or(0);
    let shown: Vec<&OfficerStatus> = matches.iter().skip(offset).take(SIZE).copied().collect();
    let roles: Vec<String> = hub.policy_current()?.0.roles.keys().cloned().collect();
    let [offset, total, size, rows] = [offset, matches.len(), SIZE, shown.len()].map(|n| n as u64);
    Ok(Reply::ok(frame(
        who,
        "/officers",
        "Officers",
        &html! {
            h1 { "Officers" }
            p.lead { (all.len()) " have a device or a code; " b { (suspended) } " suspended. Who leaves the force is suspended here, whatever the identity provider says." }
            @if let Some(said) = said { div.say.good role="status" { (said) } }
            @if let Some(o) = one { section.card { (detail(who, o)) } }
            section.card {
                h2 { "A code for a new device" }
                form method="post" action="/officers" {
                    (csrf(who)) input type="hidden" name="act" value="code";
                    div.fields {
                        div { label for="officer" { "Officer" } input #officer name="officer" value=(officer) required maxlength="128"; }
                        div { label for="role" { "Role" } select #role name="role" { @for r in &roles { option value=(r) { (r) } } } }
                        div { label for="asset" { "Only for the device with asset number" } input #asset name="asset" maxlength="128"; }
                    }
                    p.acts-row { button { "Make a code" } }
                }
            }
            section.card {
                form.row method="get" action="/officers" role="search" {
                    div { label for="text" { "Officer's id" } input #text name="text" value=(ask.field("text")) maxlength="64"; }
                    button.plain { "Search" }
                }
                @if shown.is_empty() { p.soft { "Nobody was found." } } @else { (table(&shown, hub)) }
                (pager(&format!("/officers?text={}&offset=", quoted(&text).0), offset, rows, total, size))
            }
        },
    )))
}

fn table(rows: &[&OfficerStatus], hub: &Hub) -> Markup {
    let now = hub.now();
    html! {
        table.stack {
            thead { tr { @for t in ["Officer", "Devices", "State", "Why"] { th scope="col" { (t) } } } }
            tbody { @for o in rows { tr {
                td data-l="Officer" { a href={ "/officers?officer=" (quoted(&o.officer)) } { (o.officer) } }
                td.num data-l="Devices" { (o.devices) }
                td data-l="State" { @match o.suspended {
                    Some(at) => span { span.tag.bad { "suspended" } " " small { (ago(Some(at), now)) } },
                    None => span.tag.good { "in service" },
                } }
                td data-l="Why" { (o.why.as_deref().unwrap_or_default()) }
            } } }
        }
    }
}

fn detail(who: &Who, o: &OfficerStatus) -> Markup {
    let hidden = |act: &str| html! { (csrf(who)) input type="hidden" name="officer" value=(o.officer); input type="hidden" name="act" value=(act); };
    html! {
        h2 { "Officer " (o.officer) }
        p { (o.devices) " devices in use: " a href={ "/fleet?text=" (quoted(&o.officer)) } { "show them" } }
        @match o.suspended {
            Some(at) => {
                p { "Suspended since " (when(at)) " by " (o.suspended_by.as_deref().unwrap_or("nobody named")) ": " (o.why.as_deref().unwrap_or("no reason given")) }
                form method="post" action="/officers" { (hidden("restore")) p { button { "Lift the suspension" } } }
            }
            None => form method="post" action="/officers" {
                (hidden("suspend"))
                p { "Suspending takes the grant from each of their devices with its next contact, ends their shift and makes new keys of what they held. Their devices still hand in their account." }
                label for="why" { "Why" } input #why name="why" required maxlength="128";
                p { button.bad { "Suspend this officer" } }
            },
        }
    }
}

fn done(hub: &Hub, who: &Who, ask: &Ask) -> Result<Markup, HubError> {
    let officer = ask.field("officer").trim();
    Ok(match ask.field("act") {
        "suspend" => {
            if !who.officer.is_empty() && who.officer.eq_ignore_ascii_case(officer) {
                return Err(HubError::Refused("Nobody suspends themselves: ask another administrator.".into()));
            }
            if ask.field("why").trim().is_empty() {
                return Err(HubError::Refused("Say why: it is kept with the suspension.".into()));
            }
            hub.officer_suspend(officer, &who.account, ask.field("why").trim())?;
            html! { (officer) " is suspended. Their devices hear of it with their next contact." }
        }
        "restore" => {
            if !who.officer.is_empty() && who.officer.eq_ignore_ascii_case(officer) {
                return Err(HubError::Refused("Nobody lifts their own suspension: ask another administrator.".into()));
            }
            hub.officer_restore(officer, &who.account)?;
            html! { "The suspension of " (officer) " is lifted." }
        }
        "code" => {
            let asset = Some(ask.field("asset").trim()).filter(|a| !a.is_empty());
            let ticket = hub.enrol_code_for(&EnrolFor { officer, role: ask.field("role"), asset })?;
            html! {
                "Code for " (officer) @if let Some(asset) = asset { ", for device " (asset) " only" }
                ". It works once, until " (when(ticket.expires)) " (UTC), and is kept nowhere: " br; code { (ticket.code) }
            }
        }
        _ => return Err(HubError::Refused("There is no such order.".into())),
    })
}
