//! `beatcheck hub wipe|wipe-all|purge|restore|orders|cancel|root`: what is ordered, and with whose keys.

use crate::exit::{Exit, Failure};
use crate::hub_cmd::open;
use crate::orders_args::{
    CancelArgs, OrdersArgs, PurgeArgs, RestoreArgs, RootCommand, RootDraftArgs, RootSignArgs, WipeAllCommand, WipeArgs,
};
use crate::output::{Context, word};
use crate::policy_cmd::{read, write_new};
use beatcheck_hub::{
    Order, OrderFilter, OrderKind, OrderState, RootChange, RootStatus, generate_key, read_signing_key, sign_root,
};
use serde_json::json;

pub(crate) fn wipe(a: &WipeArgs, context: &Context) -> Result<(), Failure> {
    let (hub, device) = (open(&a.device.data, context)?, a.device.device);
    let order = match &a.key {
        None => hub.order_wipe_by(device, &a.by.by)?,
        Some(file) => hub.order_wipe_with(device, &a.by.by, &read_signing_key(file)?)?,
    };
    let text = format!("Device {device} is ordered to erase itself with its next sync (order {order}).");
    let told = json!({"device": device.to_string(), "state": "wipe_ordered", "order": order.to_string()});
    context.emit(&told, |s| s.line(&text))
}

pub(crate) fn wipe_all(command: WipeAllCommand, context: &Context) -> Result<(), Failure> {
    match command {
        WipeAllCommand::Propose(a) => {
            let hub = open(&a.data, context)?;
            let order = match &a.key {
                None => hub.propose_fleet_wipe(&a.by)?,
                Some(file) => hub.propose_fleet_wipe_with(&a.by, &read_signing_key(file)?)?,
            };
            context.emit(&json!({"order": order.to_string(), "state": "proposed"}), |s| {
                s.line(&format!("Proposed as {order}. Nothing happens until another person approves it."));
            })
        }
        WipeAllCommand::Approve(a) => {
            let hub = open(&a.data, context)?;
            match &a.key {
                None => hub.approve_fleet_wipe(a.order, &a.by)?,
                Some(file) => hub.approve_fleet_wipe_with(a.order, &a.by, &read_signing_key(file)?)?,
            }
            context.emit(&json!({"order": a.order.to_string(), "state": "open"}), |s| {
                s.line("Approved: every device that it means erases itself with its next sync.");
            })
        }
    }
}

pub(crate) fn purge(a: &PurgeArgs, context: &Context) -> Result<(), Failure> {
    let device = a.device.device;
    let order = open(&a.device.data, context)?.order_purge(device, &a.compartment, &a.by.by)?;
    let text = format!("Device {device} erases {} with its next sync (order {order}).", a.compartment);
    let told = json!({"device": device.to_string(), "compartment": a.compartment, "order": order.to_string()});
    context.emit(&told, |s| s.line(&text))
}

pub(crate) fn restore(a: &RestoreArgs, context: &Context) -> Result<(), Failure> {
    let device = a.device.device;
    open(&a.device.data, context)?.restore_compartment(device, &a.compartment)?;
    let text = format!("Device {device} may hold {} again, if its role does.", a.compartment);
    context.emit(&json!({"device": device.to_string(), "compartment": a.compartment}), |s| s.line(&text))
}

pub(crate) fn cancel(a: &CancelArgs, context: &Context) -> Result<(), Failure> {
    open(&a.data, context)?.cancel_order(a.order, &a.by.by)?;
    let text = "Cancelled. A device that has heard of it may obey it all the same.";
    context.emit(&json!({"order": a.order.to_string(), "state": "cancelled"}), |s| s.line(text))
}

pub(crate) fn orders(a: &OrdersArgs, context: &Context) -> Result<(), Failure> {
    let filter = OrderFilter { device: a.device, open: a.open, limit: a.limit };
    let orders = open(&a.data, context)?.orders(&filter)?;
    context.emit(&json!({"orders": orders}), |s| {
        s.table(
            &["order", "what", "device", "compartment", "state", "ordered", "by", "approved by", "obeyed", "receipts"],
            &orders.iter().map(row).collect::<Vec<_>>(),
        );
        if orders.is_empty() {
            s.line("There are no orders.");
        }
    })
}

fn row(o: &Order) -> Vec<String> {
    let fleet = o.kind == OrderKind::FleetWipe && o.state != OrderState::Proposed;
    vec![
        o.id.to_string(),
        word(&o.kind).replace('_', " "),
        o.device.map_or_else(|| "all".into(), |d| d.to_string()),
        o.compartment.clone().unwrap_or_default(),
        word(&o.state),
        o.ordered.to_string(),
        o.ordered_by.clone(),
        o.approved_by.clone().unwrap_or_default(),
        o.obeyed.map(|t| t.to_string()).unwrap_or_default(),
        if fleet { format!("{} of {}", o.receipts, o.meant) } else { String::new() },
    ]
}

pub(crate) fn root(command: RootCommand, context: &Context) -> Result<Exit, Failure> {
    match command {
        RootCommand::Show(a) => {
            let status = open(&a, context)?.root_status()?;
            context.emit(&status, |s| show(s, &status))?;
        }
        RootCommand::Rotate(a) => {
            let keys = a.keys.into_iter().collect();
            let version = open(&a.data, context)?.root_rotate(&keys, &a.by.by)?;
            in_force(version, context)?;
        }
        RootCommand::Key(a) => {
            let public = generate_key(&a.out)?;
            let public: String = public.0.iter().map(|b| format!("{b:02x}")).collect();
            context.emit(&json!({"key": a.out.display().to_string(), "public": public}), |s| s.line(&public))?;
        }
        RootCommand::Draft(a) => draft(a, context)?,
        RootCommand::Sign(a) => sign(&a, context)?,
        RootCommand::Push(a) => {
            let policy = a.policy.as_deref().map(read).transpose()?;
            let version = open(&a.data, context)?.root_push(&read(&a.step)?, policy.as_deref(), &a.by.by)?;
            in_force(version, context)?;
        }
    }
    Ok(Exit::Done)
}

fn in_force(version: u64, context: &Context) -> Result<(), Failure> {
    context.emit(&json!({"root_version": version}), |s| {
        s.line(&format!("Root version {version} is in force; devices follow with their next sync. Back up `keys`."));
    })
}

fn draft(a: RootDraftArgs, context: &Context) -> Result<(), Failure> {
    let change = RootChange { make: a.keys.into_iter().collect(), root: a.root, policy: a.policy, wipe: a.wipe };
    let draft = open(&a.data, context)?.root_draft(&change)?;
    write_new(&a.out, &draft)?;
    let out = a.out.display().to_string();
    context.emit(&json!({"draft": out}), |s| s.line(&format!("The draft is in {out}. Next: beatcheck hub root sign")))
}

fn sign(a: &RootSignArgs, context: &Context) -> Result<(), Failure> {
    let old = read_signing_key(&a.key)?;
    let new = a.new_key.as_deref().map(read_signing_key).transpose()?;
    let step = sign_root(&read(&a.draft)?, &old, new.as_ref().unwrap_or(&old))?;
    write_new(&a.out, &step)?;
    let out = a.out.display().to_string();
    context.emit(&json!({"step": out}), |s| s.line(&format!("The step is in {out}. Next: beatcheck hub root push")))
}

fn show(s: &mut crate::output::Screen, status: &RootStatus) {
    s.line(&format!(
        "Root version {} of {}, trusted by {} of {} devices.",
        status.version, status.issued, status.trusted_by, status.devices
    ));
    if status.drafted {
        s.line("A draft of the next one waits to be signed and pushed.");
    }
    let rows: Vec<Vec<String>> = status
        .keys
        .iter()
        .map(|k| vec![k.name.clone(), if k.here { "here".into() } else { "elsewhere".into() }, k.public.clone()])
        .collect();
    s.table(&["key", "kept", "public half"], &rows);
    s.fields(&[("fingerprint of the root key", status.fingerprint.clone())]);
}
