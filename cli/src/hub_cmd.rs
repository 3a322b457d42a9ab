//! `beatcheck hub`: what an operator does with a reference hub.

use crate::account_cmd;
use crate::complain;
use crate::console_cmd;
use crate::exit::{Exit, Failure};
use crate::hub_args::{
    AsOf, DataArgs, EnrolArgs, HubCommand, IngestArgs, InitArgs, JournalAction, JournalArgs, RejectsArgs, ServeArgs,
};
use crate::hub_view;
use crate::identity_cmd;
use crate::output::Context;
use crate::progress::Bar;
use crate::{orders_cmd, policy_cmd, relay_cmd};
use beatcheck_hub::{
    EnrolFor, Hub, IngestOptions, InitOptions, JournalCheck, JournalFilter, JournalRow, Reject, ServeOptions,
};
use serde_json::json;

pub(crate) fn run(command: HubCommand, context: &Context) -> Result<Exit, Failure> {
    match command {
        HubCommand::Init(a) => init(&a, context)?,
        HubCommand::Ingest(a) => ingest(&a, context)?,
        HubCommand::Publish(a) => publish(&a, context)?,
        HubCommand::Serve(a) => serve(a, context)?,
        HubCommand::Enrol(a) => enrol(&a, context)?,
        HubCommand::Status(a) => {
            let status = open(&a, context)?.status()?;
            context.emit(&status, |s| hub_view::status(s, &status))?;
        }
        HubCommand::Rejects(a) => rejects(&a, context)?,
        HubCommand::Journal(a) => return journal(a, context),
        HubCommand::Account(c) => return account_cmd::run(c, context),
        HubCommand::Officer(c) => identity_cmd::officer(c, context)?,
        HubCommand::Identity(c) => identity_cmd::identity(c, context)?,
        HubCommand::Attestation(c) => identity_cmd::attestation(c, context)?,
        HubCommand::Console(c) => return console_cmd::run(c, context),
        HubCommand::Relay(c) => relay_cmd::hub(c, context)?,
        HubCommand::Policy(c) => return policy_cmd::run(c, context),
        HubCommand::Wipe(a) => orders_cmd::wipe(&a, context)?,
        HubCommand::WipeAll(c) => orders_cmd::wipe_all(c, context)?,
        HubCommand::Purge(a) => orders_cmd::purge(&a, context)?,
        HubCommand::Orders(a) => orders_cmd::orders(&a, context)?,
        HubCommand::Cancel(a) => orders_cmd::cancel(&a, context)?,
        HubCommand::Restore(a) => orders_cmd::restore(&a, context)?,
        HubCommand::Root(c) => return orders_cmd::root(c, context),
        HubCommand::Revoke(a) => {
            open(&a.data, context)?.revoke(a.device)?;
            let text = format!("Device {} is revoked: nothing opens to its certificate any more.", a.device);
            context.emit(&json!({"device": a.device.to_string(), "state": "revoked"}), |s| s.line(&text))?;
        }
        HubCommand::Role(a) => {
            open(&a.device.data, context)?.set_role(a.device.device, &a.role)?;
            let device = a.device.device.to_string();
            let text = format!("Device {device} has the role {} from its next sync.", a.role);
            context.emit(&json!({"device": device, "role": a.role}), |s| s.line(&text))?;
        }
        HubCommand::Withdraw(a) => {
            open(&a.device.data, context)?.withdraw_compartment(a.device.device, &a.compartment)?;
            let device = a.device.device.to_string();
            let text = format!("Device {device} loses {} with its next sync; the keys are changed.", a.compartment);
            context.emit(&json!({"device": device, "compartment": a.compartment}), |s| s.line(&text))?;
        }
    }
    Ok(Exit::Done)
}

pub(crate) fn open(args: &DataArgs, context: &Context) -> Result<Hub, Failure> {
    Ok(Hub::open(&args.data, context.clock())?)
}

fn init(args: &InitArgs, context: &Context) -> Result<(), Failure> {
    let dir = &args.data.data;
    let hub = Hub::init(dir, &InitOptions { names: args.names.clone() }, context.clock())?;
    let version = hub.policy_current()?.0.policy_version;
    let (ca, policy) = (dir.join("ca.pem").display().to_string(), dir.join("policy.json").display().to_string());
    let made = json!({"data": dir.display().to_string(), "ca": ca, "policy": policy, "policy_version": version});
    context.emit(&made, |s| {
        s.line(&format!("A new hub is in {}.", dir.display()));
        s.fields(&[("certificate authority", ca.clone()), ("policy (a copy)", policy.clone())]);
        s.line(&format!(
            "Back up {}: without it nothing that this hub says can be signed.",
            dir.join("keys").display()
        ));
    })
}

fn ingest(args: &IngestArgs, context: &Context) -> Result<(), Failure> {
    let hub = open(&args.data, context)?;
    let as_of = args.as_of.map(|t| at(t, &hub));
    let bar = Bar::new("reading");
    let options = IngestOptions { mapping: &args.mapping, extract: &args.extract, as_of, force: args.force };
    let report = hub.ingest(&options, &mut |p| bar.hub(p));
    drop(bar);
    let report = report?;
    report.warnings.iter().for_each(|w| complain(&format!("note: {w}")));
    context.emit(&report, |s| hub_view::ingest(s, &report))
}

fn at(time: AsOf, hub: &Hub) -> beatcheck_model::Timestamp {
    match time {
        AsOf::Now => hub.now(),
        AsOf::At(t) => t,
    }
}

fn publish(args: &DataArgs, context: &Context) -> Result<(), Failure> {
    let hub = open(args, context)?;
    let bar = Bar::new("cutting segments");
    let report = hub.publish(&mut |p| bar.hub(p));
    drop(bar);
    let report = report?;
    context.emit(&report, |s| hub_view::publish(s, &report))
}

fn serve(args: ServeArgs, context: &Context) -> Result<(), Failure> {
    let hub = open(&args.data, context)?;
    let options = ServeOptions { listen: args.listen, names: args.names, connections: args.connections };
    let failed = |e: std::io::Error| Failure::new("io", format!("starting to serve: {e}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let stop = stop_signal().map_err(failed)?;
        let ready = |server: &beatcheck_hub::Server| {
            let url = format!("https://{}", server.local_addr());
            let said = json!({"listening": url, "connections": server.connections()});
            // Whoever started it may have closed its end after the first line it cared for.
            let said = context.emit(&said, |s| s.line(&format!("listening on {url}")));
            if let Err(e) = said {
                tracing::warn!("{e}");
            }
        };
        Ok(beatcheck_hub::serve(hub, options, ready, stop).await?)
    })
}

/// Completes at SIGINT or SIGTERM. The handlers are in place when this returns.
#[cfg(unix)]
pub(crate) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Completes at Ctrl-C.
#[cfg(not(unix))]
pub(crate) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals it serves until it is ended.
            std::future::pending::<()>().await;
        }
    })
}

fn enrol(args: &EnrolArgs, context: &Context) -> Result<(), Failure> {
    let whom = EnrolFor { officer: &args.officer, role: &args.role, asset: args.asset.as_deref() };
    let ticket = open(&args.data, context)?.enrol_code_for(&whom)?;
    context.emit(&ticket, |s| {
        s.line(&ticket.code);
        s.line(&format!("Works once, until {}. It is kept nowhere.", ticket.expires));
    })
}

/// What `hub rejects` says.
#[derive(serde::Serialize)]
struct Rejects {
    total: u64,
    rejects: Vec<Reject>,
}

fn rejects(args: &RejectsArgs, context: &Context) -> Result<(), Failure> {
    let hub = open(&args.data, context)?;
    let rejects = Rejects { total: hub.status()?.rejects, rejects: hub.rejects(args.limit)? };
    context.emit(&rejects, |s| hub_view::rejects(s, rejects.total, &rejects.rejects))
}

/// What `hub journal` says.
#[derive(serde::Serialize)]
struct Journal {
    devices: Vec<JournalCheck>,
    entries: Vec<JournalRow>,
}

fn journal_recover(args: &DataArgs, context: &Context) -> Result<Exit, Failure> {
    let accounts = open(args, context)?.recover_kept()?;
    context.emit(&json!({ "accounts": accounts }), |s| {
        if accounts.is_empty() {
            s.line("No account was handed in by a device that was enrolled again.");
        }
        for a in &accounts {
            let state = match (&a.problem, a.opened, a.complete) {
                (Some(problem), ..) => format!("could not be opened: {problem}"),
                (None, Some(at), _) => format!("opened {at}, {} entries that were not here", a.entries.unwrap_or(0)),
                (None, None, Some(_)) => "waits to be opened".into(),
                (None, None, None) => "is still being handed in".into(),
            };
            s.line(&format!("Device {} (now {}): {} bytes, {state}", a.former, a.device, a.bytes));
        }
    })?;
    Ok(if accounts.iter().any(|a| a.problem.is_some()) { crate::exit::exit_of("journal_broken") } else { Exit::Done })
}

fn journal(args: JournalArgs, context: &Context) -> Result<Exit, Failure> {
    if args.action == Some(JournalAction::Recover) {
        return journal_recover(&args.data, context);
    }
    let hub = open(&args.data, context)?;
    let mut devices = hub.verify_journal()?;
    let filter = JournalFilter {
        device: args.device,
        officer: args.officer,
        reference: args.reference,
        since: args.since.map(|t| at(t, &hub)),
        limit: args.limit,
    };
    let entries = hub.journal(&filter)?;
    if let Some(id) = args.device {
        let id = id.to_string();
        devices.retain(|d| d.device == id);
        if devices.is_empty() {
            return Err(Failure::new("refused", format!("no device {id}: `beatcheck hub status` lists them")));
        }
    }
    let journal = Journal { devices, entries };
    context.emit(&journal, |s| hub_view::journal(s, &journal.devices, &journal.entries, args.verify))?;
    let broken = journal.devices.iter().filter(|d| !d.unbroken).count();
    if args.verify && broken > 0 {
        complain(&format!("the account of {broken} of {} devices is broken", journal.devices.len()));
        return Ok(crate::exit::exit_of("journal_broken"));
    }
    Ok(Exit::Done)
}
