//! Orders to devices: what was ordered, by whom, what became of it; and the wipe of all devices, which takes two persons.

use super::{csrf, frame, when};
use crate::chart;
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{Hub, HubError, Order, OrderFilter, OrderKind, OrderState};
use beatcheck_wire::OrderId;
use maud::{Markup, html};

/// Orders listed; older ones are in `beatcheck hub orders`.
const SIZE: usize = 100;

pub(super) fn page(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let said = if ask.post { Some(done(hub, who, ask)?) } else { None };
    let orders = hub.orders(&OrderFilter { limit: Some(SIZE), ..OrderFilter::default() })?;
    let open = hub.orders(&OrderFilter { open: true, ..OrderFilter::default() })?;
    let proposed = open.iter().find(|o| o.kind == OrderKind::FleetWipe && o.state == OrderState::Proposed);
    let active = hub.fleet_counts()?.active;
    Ok(Reply::ok(frame(
        who,
        "/orders",
        "Orders",
        &html! {
            h1 { "Orders" }
            p.lead { "An order counts as obeyed only by its device's receipt." }
            @if let Some(said) = said { p.say.good role="status" { (said) } }
            section.card data-live {
                h2 { "The newest" }
                (table(&orders, true))
                p.soft { "Without a receipt so far: " (open.len()) }
            }
            section.card {
                h2 { "Wipe of all devices" }
                @match proposed {
                    Some(order) => (approval(who, order)),
                    None => (proposal(who, active)),
                }
            }
        },
    )))
}

fn proposal(who: &Who, active: u64) -> Markup {
    html! {
        p { "For an emergency. One administrator proposes it, another approves it, and two keys sign it. Then every device erases itself with its next contact. Their account still comes in. There is no way back." }
        form method="post" action="/orders" {
            (csrf(who)) input type="hidden" name="act" value="propose";
            label for="number" { "Devices in use, as a number, so that it is no slip (" (active) ")" }
            div.fields { input #number name="number" inputmode="numeric" autocomplete="off" required maxlength="9"; }
            p { button.bad { "Propose to wipe all devices" } }
        }
    }
}

fn approval(who: &Who, order: &Order) -> Markup {
    let hidden = |act: &str| html! { (csrf(who)) input type="hidden" name="order" value=(order.id); input type="hidden" name="act" value=(act); };
    html! {
        p.say.warn { "Proposed by " b { (order.ordered_by) } " at " (when(order.ordered)) " (UTC) for " (order.meant) " devices. Nothing has happened yet." }
        div.acts {
            @if order.ordered_by == who.account { p { "You proposed it: somebody else must approve." } } @else {
                form method="post" action="/orders" {
                    (hidden("approve"))
                    label.sure for="sure" { input type="checkbox" #sure name="sure" value="yes" required; span { "Yes, erase " (order.meant) " devices" } }
                    p { button.bad { "Approve: wipe all devices" } }
                }
            }
            form method="post" action="/orders" { (hidden("cancel")) button.plain { "Take the proposal back" } }
        }
    }
}

fn done(hub: &Hub, who: &Who, ask: &Ask) -> Result<&'static str, HubError> {
    let refused = |text: &str| HubError::Refused(text.into());
    let order = || OrderId::from_hex(ask.field("order")).ok_or_else(|| refused("No such order."));
    Ok(match ask.field("act") {
        "propose" => {
            let active = hub.fleet_counts()?.active;
            if ask.field("number").trim() != active.to_string() {
                return Err(HubError::Refused(format!("There are {active} devices in use: nothing was proposed.")));
            }
            hub.propose_fleet_wipe(&who.account)?;
            "The wipe of all devices is proposed. It waits for another administrator."
        }
        "approve" => {
            if ask.field("sure") != "yes" {
                return Err(refused("Tick the box first: this cannot be taken back."));
            }
            let order = order()?;
            another_person(hub, who, order)?;
            hub.approve_fleet_wipe(order, &who.account)?;
            "The wipe of all devices is ordered."
        }
        "cancel" => {
            hub.cancel_order(order()?, &who.account)?;
            "The order is taken back."
        }
        _ => return Err(refused("There is no such order.")),
    })
}

/// The hub wants another account; one officer with two accounts is still one person.
fn another_person(hub: &Hub, who: &Who, order: OrderId) -> Result<(), HubError> {
    let open = hub.orders(&OrderFilter { open: true, ..OrderFilter::default() })?;
    let Some(order) = open.iter().find(|o| o.id == order) else { return Ok(()) };
    let officer = hub.console_account(&order.ordered_by)?.map(|a| a.officer).unwrap_or_default();
    if !officer.is_empty() && officer.eq_ignore_ascii_case(&who.officer) {
        return Err(HubError::Refused("It takes two persons, and both accounts are of one officer.".into()));
    }
    Ok(())
}

/// Orders as a table; with devices if they are of several.
pub(super) fn table(orders: &[Order], devices: bool) -> Markup {
    html! {
        @if orders.is_empty() { p.soft { "None so far." } } @else {
            table.stack {
                thead { tr {
                    th scope="col" { "Ordered" } th scope="col" { "What" }
                    @if devices { th scope="col" { "Device" } }
                    @for t in ["By", "State", "Receipt"] { th scope="col" { (t) } }
                } }
                tbody { @for o in orders { tr {
                    td data-l="Ordered" { (when(o.ordered)) }
                    td data-l="What" { span { (kind(o.kind)) @if let Some(c) = &o.compartment { " " (c) } } }
                    @if devices { td data-l="Device" { @match o.device {
                        Some(id) => { @let id = id.to_string(); a.id href={ "/device?id=" (id) } { (id.get(..12).unwrap_or(&id)) "…" } }
                        None => span { "all " (o.meant) },
                    } } }
                    td data-l="By" { span { (o.ordered_by) @if let Some(by) = &o.approved_by { ", approved by " (by) } } }
                    td data-l="State" { (state(o.state)) }
                    td data-l="Receipt" {
                        @if let Some(at) = o.obeyed { (when(at)) }
                        @else if o.kind == OrderKind::FleetWipe && o.approved.is_some() { (chart::progress(o.receipts, o.meant, "Devices that obeyed")) }
                        @else { span.soft { "none" } }
                    }
                } } }
            }
        }
    }
}

pub(super) fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Wipe => "Wipe",
        OrderKind::FleetWipe => "Wipe of all devices",
        OrderKind::Purge => "Purge of",
    }
}

fn state(state: OrderState) -> Markup {
    let (class, text) = match state {
        OrderState::Proposed => ("warn", "waits for a second person"),
        OrderState::Open => ("warn", "open"),
        OrderState::Obeyed => ("good", "obeyed"),
        OrderState::Cancelled => ("", "taken back"),
        OrderState::Expired => ("bad", "expired"),
    };
    html! { span class={ "tag " (class) } { (text) } }
}
