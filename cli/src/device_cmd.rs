//! `beatcheck device`: a device on the desk, through the same core as a phone's.

use crate::args::{CheckArgs, CheckCommand, DeviceCommand, EnrolArgs, HomeArgs};
use crate::exit::{Exit, Failure, exit_of, exit_of_answer};
use crate::output::Context;
use crate::progress::Bar;
use crate::{answer_view, batch, complain, device_view, relay_cmd};
use beatcheck_client::{CheckRequest, ClientError, Device, EnrolOptions, FileVault, KeyVault, SyncReport};
use beatcheck_model::{LinkedQuery, PersonQuery, Query, VehicleQuery};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(command: DeviceCommand, context: &Context) -> Result<Exit, Failure> {
    match command {
        DeviceCommand::Enrol(a) => enrol(a, context),
        DeviceCommand::Sync(a) => sync(&a, context),
        DeviceCommand::Relay(a) => relay_cmd::device(&a, context),
        DeviceCommand::Status(a) => status(&a, context),
        DeviceCommand::Wipe(a) => wipe(&a, context),
        DeviceCommand::Check(CheckCommand::Vehicle(a)) => {
            let vrm = Some(a.vrm.join(" ")).filter(|_| !a.vrm.is_empty());
            let query = VehicleQuery {
                vrm,
                vin: a.vin,
                make: a.make,
                colour: a.colour,
                body_type: a.body_type,
                year: a.year,
                page: a.page,
            };
            check(Query::Vehicle(query), &a.check, context)
        }
        DeviceCommand::Check(CheckCommand::Person(a)) => {
            let query = PersonQuery {
                surname: a.surname,
                given: a.given,
                name: a.name,
                dob: a.dob,
                sex: a.sex,
                identifier: a.identifier,
                age: a.age,
                height: a.height,
                address: a.address,
                postcode: a.postcode,
                page: a.page,
            };
            check(Query::Person(query), &a.check, context)
        }
        DeviceCommand::Check(CheckCommand::Linked(a)) => {
            check(Query::Linked(LinkedQuery { of: a.of, record: a.record }), &a.check, context)
        }
        DeviceCommand::Batch(a) => batch::run(&open(&a.home, context)?, a.purpose.as_deref().unwrap_or_default()),
    }
}

/// The desk's vault, in the device's home.
fn vault(home: &Path) -> Result<Arc<dyn KeyVault>, Failure> {
    Ok(Arc::new(FileVault::open(home.join("vault")).map_err(ClientError::from)?))
}

/// The vault of a home that has one: looking at a wrong directory must not make one there.
fn existing_vault(home: &Path) -> Result<Arc<dyn KeyVault>, Failure> {
    if !home.join("vault").is_dir() {
        return Err(ClientError::NotEnrolled { home: home.into() }.into());
    }
    vault(home)
}

pub(crate) fn open(args: &HomeArgs, context: &Context) -> Result<Device, Failure> {
    let vault = existing_vault(&args.home)?;
    Ok(Device::open(&args.home, vault, context.env(), pin(args)?.as_deref())?)
}

fn pin(args: &HomeArgs) -> Result<Option<String>, Failure> {
    let Some(path) = &args.pin_file else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|e| Failure::input(path, &e))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// What `device enrol` says.
#[derive(serde::Serialize)]
struct Enrolled {
    device: String,
    hub: String,
    home: String,
    vault: String,
}

fn enrol(args: EnrolArgs, context: &Context) -> Result<Exit, Failure> {
    let ca_pem = std::fs::read_to_string(&args.ca).map_err(|e| Failure::input(&args.ca, &e))?;
    let options = EnrolOptions {
        home: args.home.home.clone(),
        hub: args.hub,
        code: args.code,
        ca_pem,
        pin: pin(&args.home)?,
        app_version: concat!("beatcheck-cli ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let device = Device::enrol(&options, vault(&args.home.home)?, context.env())?;
    let status = device.status()?;
    let home = args.home.home.display().to_string();
    let enrolled = Enrolled { device: status.device, hub: options.hub, home, vault: status.vault };
    context.emit(&enrolled, |s| {
        s.line(&format!("Enrolled as device {} at {}.", enrolled.device, enrolled.hub));
        if enrolled.vault == "desk" {
            s.line("Its keys lie in plain files (desk vault): whoever can read the directory can read its data.");
        }
        s.line(&format!("Next: beatcheck device sync --home {}", enrolled.home));
    })?;
    Ok(Exit::Done)
}

fn status(args: &HomeArgs, context: &Context) -> Result<Exit, Failure> {
    let status = open(args, context)?.status()?;
    context.emit(&status, |s| device_view::status(s, &status, context.now()))?;
    Ok(Exit::Done)
}

fn sync(args: &HomeArgs, context: &Context) -> Result<Exit, Failure> {
    let vault = existing_vault(&args.home)?;
    let device = match Device::open(&args.home, Arc::clone(&vault), context.env(), pin(args)?.as_deref()) {
        Err(ClientError::Wiped) => return last_words(args, vault, context),
        other => other?,
    };
    let bar = Bar::new("connecting");
    let report = device.sync(&|p| bar.sync(p));
    drop(bar);
    let mut report = report?;
    drop(device);
    if report.wiped && report.journal_pending > 0 {
        // The order is obeyed; what is left of the account can go at once. If not, the next sync sends it.
        if let Ok(sent) = Device::send_last_words(&args.home, vault, context.env()) {
            report.journal_sent += sent;
            report.journal_pending = report.journal_pending.saturating_sub(sent);
        }
    }
    context.emit(&report, |s| device_view::sync(s, &report, context.now()))?;
    Ok(exit_of_sync(&report))
}

/// Sends what a wiped device still has to say.
fn last_words(args: &HomeArgs, vault: Arc<dyn KeyVault>, context: &Context) -> Result<Exit, Failure> {
    let sent = Device::send_last_words(&args.home, vault, context.env())?;
    let report = SyncReport { wiped: true, journal_sent: sent, ..SyncReport::default() };
    context.emit(&report, |s| {
        s.line(&format!(
            "This device was wiped. What was left of its account (entries: {sent}) is at the hub; nothing is left here."
        ));
    })?;
    Ok(Exit::Done)
}

/// The first thing that went wrong decides; what could be brought forward is in force all the same.
fn exit_of_sync(report: &SyncReport) -> Exit {
    for f in report.fault.iter().chain(&report.failed) {
        let concerned = f.compartment.as_deref().map(|c| format!("{c}: ")).unwrap_or_default();
        complain(&format!("{concerned}{}", f.text));
    }
    match report.fault.iter().chain(&report.failed).next() {
        Some(f) => exit_of(&f.code),
        None if report.wiped => Exit::NotEnrolled,
        None => Exit::Done,
    }
}

fn wipe(args: &HomeArgs, context: &Context) -> Result<Exit, Failure> {
    let report = open(args, context)?.wipe("officer")?;
    context.emit(&report, |s| {
        s.line("Wiped: the keys are destroyed and the files are gone.");
        if report.journal_pending > 0 {
            s.line(&format!(
                "Entries of the account that wait, sealed: {}. Send them: beatcheck device sync --home {}",
                report.journal_pending,
                args.home.display()
            ));
        }
    })?;
    Ok(Exit::Done)
}

fn check(query: Query, args: &CheckArgs, context: &Context) -> Result<Exit, Failure> {
    let answer = open(&args.home, context)?.check(&CheckRequest::new(query, &args.purpose))?;
    context.emit(&answer, |s| answer_view::show(s, &answer))?;
    if let Some(e) = &answer.error {
        complain(&e.text);
    }
    Ok(exit_of_answer(&answer))
}
