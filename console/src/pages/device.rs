//! One device: what it says of itself, what was ordered of it, and the orders that can be given.

use super::fleet::{policy, state};
use super::{ago, csrf, frame, when};
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{EnrolFor, FleetRow, Hub, HubError, Order, OrderFilter, OrderState};
use beatcheck_wire::{DeviceId, OrderId};
use maud::{Markup, html};

const ORDERS: usize = 50;

pub(super) fn page(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let refused = |text: &str| HubError::Refused(text.into());
    let id = DeviceId::from_hex(ask.field("id")).ok_or_else(|| refused("A device's id has 32 hexadecimal digits."))?;
    let Some(device) = hub.fleet_device(id)? else { return Err(refused("No such device was ever enrolled here.")) };
    let said = if ask.post { Some(order(hub, who, ask, &device)?) } else { None };
    let device = hub.fleet_device(id)?.unwrap_or(device);
    let in_force = hub.policy_current()?.0.policy_version;
    let orders = hub.orders(&OrderFilter { device: Some(id), limit: Some(ORDERS), ..OrderFilter::default() })?;
    let held = hub.fleet_held(id)?;
    let names: Vec<String> = hub.compartments()?.into_iter().map(|c| c.name).collect();
    let now = hub.now();
    let title = format!("Device {}…", ask.field("id").get(..12).unwrap_or_default());
    Ok(Reply::ok(frame(
        who,
        "/fleet",
        &title,
        &html! {
            p { a href="/fleet" { "← Fleet" } }
            h1 { (title) }
            p.lead { span.id { (id) } }
            @if let Some(said) = said { div.say.good role="status" { (said) } }
            div data-live {
                div.two {
                    section.card { h2 { "As it says" } (facts(&device, in_force, now)) }
                    section.card {
                        h2 { "What it holds" }
                        @if held.is_empty() { p.soft { "It has not said yet." } } @else {
                            table { thead { tr { th scope="col" { "Compartment" } th scope="col" { "Up to change" } } }
                                tbody { @for (name, mark) in &held { tr { td { (name) } td.num { (mark) } } } } }
                        }
                    }
                }
                section.card { h2 { "Orders" } (super::orders::table(&orders, false)) }
            }
            @if matches!(device.state, "active" | "wipe_ordered") { section.card { h2 { "Give an order" } (forms(who, &device, &names, &orders)) } }
        },
    )))
}

fn facts(d: &FleetRow, in_force: u64, now: beatcheck_model::Timestamp) -> Markup {
    html! {
        dl {
            dt { "State" } dd { (state(d)) }
            dt { "Officer, role" } dd { (d.officer) ", " (d.role) }
            @if !d.asset.is_empty() { dt { "Asset" } dd { (d.asset) } }
            dt { "Policy obeyed" } dd { (policy(d, in_force)) " of " (in_force) }
            dt { "App, vault" } dd { (d.app) ", " (d.vault) }
            dt { "Heard of" } dd { (ago(d.last_seen, now)) }
            dt { "Enrolled" } dd { (when(d.enrolled)) }
            dt { "Unlocked" } dd { @match d.unlocked { Some(true) => "yes", Some(false) => "no", None => "not said" } }
            dt { "Journal" } dd { (d.acked) " entries received" @if let Some(p) = d.pending { ", " (p) " waiting" } }
            @if !d.problems.is_empty() { dt { "Problems" } dd { @for p in &d.problems { span.tag.bad { (p) } " " } } }
            @if let Some(fault) = &d.fault { dt { "Upload refused" } dd { (fault) } }
        }
    }
}

fn forms(who: &Who, d: &FleetRow, names: &[String], orders: &[Order]) -> Markup {
    let hidden = |act: &str| html! { (csrf(who)) input type="hidden" name="id" value=(d.id); input type="hidden" name="act" value=(act); };
    let sure = |text: &str, id: &str| {
        html! {
            label.sure for=(id) { input type="checkbox" id=(id) name="sure" value="yes" required; span { (text) } }
        }
    };
    html! { div.acts {
        form method="post" action="/device" {
            (hidden("purge"))
            label for="compartment" { "Purge a compartment: erased with its keys, and fetched again if still granted" }
            div.row { select #compartment name="compartment" { @for n in names { option value=(n) { (n) } } } }
            p { button.plain { "Purge" } }
        }
        form method="post" action="/device" {
            (hidden("enrol"))
            p { b { "Enrol anew. " } "Makes a one-time code for " (d.officer) " in the role " (d.role) "; this device keeps its grant until it is wiped or revoked." }
            button.plain { "Make a code" }
        }
        @for o in orders.iter().filter(|o| o.device == Some(d.id) && o.state == OrderState::Open) {
            form method="post" action="/device" {
                (hidden("cancel")) input type="hidden" name="order" value=(o.id);
                p { b { "Take back: " } (super::orders::kind(o.kind)) " " (o.compartment.as_deref().unwrap_or("")) ", ordered by " (o.ordered_by) }
                button.plain { "Take back" }
            }
        }
        form method="post" action="/device" {
            (hidden("wipe"))
            p { b { "Wipe. " } "The device destroys every key with its next contact. Its account still comes in. There is no way back." }
            (sure("Yes, erase this device", "sure-wipe"))
            p { button.bad { "Wipe this device" } }
        }
        form method="post" action="/device" {
            (hidden("revoke"))
            p { b { "Revoke. " } "Nothing opens to its certificate any more. It cannot be told anything after that, a wipe neither." }
            (sure("Yes, revoke its certificate", "sure-revoke"))
            p { button.bad { "Revoke" } }
        }
    } }
}

fn order(hub: &Hub, who: &Who, ask: &Ask, d: &FleetRow) -> Result<Markup, HubError> {
    let sure = || match ask.field("sure") {
        "yes" => Ok(()),
        _ => Err(HubError::Refused("Tick the box first: this cannot be taken back.".into())),
    };
    let by = &who.account;
    Ok(match ask.field("act") {
        "purge" => {
            hub.order_purge(d.id, ask.field("compartment"), by)?;
            html! { "Purge of " b { (ask.field("compartment")) } " is ordered. The receipt will stand below." }
        }
        "wipe" => {
            sure()?;
            hub.order_wipe_by(d.id, by)?;
            html! { "The wipe is ordered." }
        }
        "revoke" => {
            sure()?;
            hub.revoke(d.id)?;
            html! { "The device is revoked." }
        }
        "cancel" => {
            let id = OrderId::from_hex(ask.field("order"));
            hub.cancel_order(id.ok_or_else(|| HubError::Refused("No such order.".into()))?, by)?;
            html! { "The order is taken back." }
        }
        "enrol" => {
            let asset = Some(d.asset.as_str()).filter(|a| !a.is_empty());
            let ticket = hub.enrol_code_for(&EnrolFor { officer: &d.officer, role: &d.role, asset })?;
            html! { "Code, works once, until " (ticket.expires) ", and is kept nowhere: " br; code { (ticket.code) } }
        }
        _ => return Err(HubError::Refused("There is no such order.".into())),
    })
}
