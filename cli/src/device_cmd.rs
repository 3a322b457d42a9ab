//! `beatcheck device`: a device on the desk, through the same core as a phone's.

use crate::args::{CheckArgs, CheckCommand, DeviceCommand, EnrolArgs, HomeArgs};
use crate::exit::{Exit, Failure, exit_of_answer};
use crate::output::Context;
use crate::sync_cmd::{self, existing_vault, vault};
use crate::{answer_view, batch, complain, device_view, manage_cmd, relay_cmd, session_cmd};
use beatcheck_client::{CheckRequest, Device, EnrolOptions};
use beatcheck_model::{LinkedQuery, PersonQuery, Query, VehicleQuery};

pub(crate) fn run(command: DeviceCommand, context: &Context) -> Result<Exit, Failure> {
    match command {
        DeviceCommand::Enrol(a) => enrol(a, context),
        DeviceCommand::LoginNonce(a) => crate::identity_cmd::login_nonce(&a.code, context),
        DeviceCommand::Sync(a) => sync_cmd::sync(&a, context),
        DeviceCommand::Scrub(a) => sync_cmd::scrub(&a, context),
        DeviceCommand::Relay(a) => relay_cmd::device(&a, context),
        DeviceCommand::Status(a) => status(&a, context),
        DeviceCommand::Wipe(a) => wipe(&a, context),
        DeviceCommand::Pin(a) => session_cmd::pin(&a, context),
        DeviceCommand::Shift(c) => session_cmd::shift(c, context),
        DeviceCommand::Recover(a) => recover(&a, context),
        DeviceCommand::BreakGlass(a) => manage_cmd::break_glass(&a, context),
        DeviceCommand::Policy(a) => manage_cmd::policy(&a, context),
        DeviceCommand::Configure(a) => manage_cmd::configure(&a, context),
        DeviceCommand::States(a) => manage_cmd::states(&a, context),
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

pub(crate) fn open(args: &HomeArgs, context: &Context) -> Result<Device, Failure> {
    let vault = existing_vault(&args.home)?;
    Ok(Device::open(&args.home, vault, context.env(), pin(args)?.as_deref())?)
}

pub(crate) fn pin(args: &HomeArgs) -> Result<Option<String>, Failure> {
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
        asset: args.asset.unwrap_or_default(),
        id_token: crate::identity_cmd::token(args.id_token_file.as_deref())?,
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

fn recover(args: &HomeArgs, context: &Context) -> Result<Exit, Failure> {
    let recovered = Device::recover(&args.home, existing_vault(&args.home)?)?;
    context.emit(&recovered, |s| {
        s.line("Cleared. Enrol anew with a code for the same officer.");
        if recovered.kept_bytes > 0 {
            s.line(&format!(
                "Kept of the account, for the hub to open: {} bytes. The first sync hands them in.",
                recovered.kept_bytes
            ));
        }
    })?;
    Ok(Exit::Done)
}

fn check(query: Query, args: &CheckArgs, context: &Context) -> Result<Exit, Failure> {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let request = CheckRequest::new(query, &args.purpose).because(&given(&args.reason), &given(&args.incident));
    let answer = open(&args.home, context)?.check(&request)?;
    context.emit(&answer, |s| answer_view::show(s, &answer))?;
    if let Some(e) = &answer.error {
        complain(&e.text);
    }
    Ok(exit_of_answer(&answer))
}
