//! `hub account`: the account, for those who answer for it.

use crate::account_args::{
    AccountCommand, ExportArgs, ExportFormat, FilterArgs, IndexArgs, LogArgs, PageArgs, ReaderArgs, VerifyArgs,
};
use crate::account_view as view;
use crate::complain;
use crate::exit::{Exit, Failure, exit_of};
use crate::hub_args::AsOf;
use crate::hub_cmd::open;
use crate::output::Context;
use beatcheck_hub::{
    AccountFilter, AccountPage, ChainState, Format, Hub, Look, LookFilter, Looks, Noted, Page, Rebuilt,
};
use serde_json::json;
use std::io::{BufWriter, Write};
use std::path::Path;

/// As whom a command line looks: whoever has it can run anything.
const ROLE: &str = "operator";

pub(crate) fn run(command: AccountCommand, context: &Context) -> Result<Exit, Failure> {
    match command {
        AccountCommand::Search(a) => {
            let hub = open(&a.reader.data, context)?;
            let filter = filter(a.filter, &hub);
            let by = note(&hub, &a.reader, "search", &filter.in_words())?;
            found(&hub, context, |hub| hub.account_search(&by, &filter, &page(a.page)))?;
        }
        AccountCommand::Who(a) => {
            let hub = open(&a.reader.data, context)?;
            let by = note(&hub, &a.reader, "who", &format!("record {}", a.record))?;
            found(&hub, context, |hub| hub.who_looked_at(&by, a.record, &page(a.page)))?;
        }
        AccountCommand::Officer(a) => {
            let hub = open(&a.reader.data, context)?;
            let by = note(&hub, &a.reader, "officer", &format!("officer {}", a.officer))?;
            found(&hub, context, |hub| hub.what_did(&by, &a.officer, &page(a.page)))?;
        }
        AccountCommand::Rebuild(a) => {
            let hub = open(&a.reader.data, context)?;
            let by = note(&hub, &a.reader, "rebuild", &format!("reference {}", a.reference))?;
            let answers = hub.rebuild_answer(&by, &a.reference)?;
            context.emit(&Answers { answers: &answers }, |s| view::rebuilt(s, &answers))?;
        }
        AccountCommand::Export(a) => export(a, context)?,
        AccountCommand::Verify(a) => return verify(&a, context),
        AccountCommand::Retain(a) => {
            let hub = open(&a.data, context)?;
            let done = hub.retain(hub.now(), &a.by)?;
            context.emit(&done, |s| view::retained(s, &done))?;
            if !done.kept_broken.is_empty() {
                complain(&format!("old entries of {} devices do not verify, and stay", done.kept_broken.len()));
            }
        }
        AccountCommand::Log(a) => return log(&a, context),
        AccountCommand::Numbers(a) => {
            let hub = open(&a.data, context)?;
            hub.account_index()?;
            let numbers = hub.aggregates(at(a.since, &hub), at(a.until, &hub))?;
            context.emit(&numbers, |s| view::numbers(s, &numbers))?;
        }
        AccountCommand::Index(a) => index(&a, context)?,
    }
    Ok(Exit::Done)
}

/// What `hub account rebuild` says.
#[derive(serde::Serialize)]
struct Answers<'a> {
    answers: &'a [Rebuilt],
}

/// What `hub account verify` says.
#[derive(serde::Serialize)]
struct Verified {
    devices: Vec<ChainState>,
}

/// What `hub account log` says.
#[derive(serde::Serialize)]
struct Log {
    #[serde(flatten)]
    looks: Looks,
    /// Whether the head that was given is in it.
    contains_head: Option<bool>,
}

fn note(hub: &Hub, reader: &ReaderArgs, action: &str, subject: &str) -> Result<Noted, Failure> {
    let (account, officer, reason) = (reader.by.as_str(), reader.by.as_str(), reader.why.as_str());
    Ok(hub.note_look(&Look { account, role: ROLE, officer, action, subject, reason })?)
}

fn at(time: AsOf, hub: &Hub) -> beatcheck_model::Timestamp {
    match time {
        AsOf::Now => hub.now(),
        AsOf::At(t) => t,
    }
}

fn filter(a: FilterArgs, hub: &Hub) -> AccountFilter {
    AccountFilter {
        device: a.device,
        officer: a.officer,
        reference: a.reference,
        record: a.record,
        purpose: a.purpose,
        event: a.event,
        since: a.since.map(|t| at(t, hub)),
        until: a.until.map(|t| at(t, hub)),
        unusual: a.unusual,
        text: a.text,
    }
}

fn page(a: PageArgs) -> Page {
    Page { after: a.after, rows: a.rows }
}

fn found(
    hub: &Hub,
    context: &Context,
    search: impl FnOnce(&Hub) -> Result<AccountPage, beatcheck_hub::HubError>,
) -> Result<(), Failure> {
    hub.account_index()?;
    let page = search(hub)?;
    context.emit(&page, |s| view::page(s, &page))
}

fn export(a: ExportArgs, context: &Context) -> Result<(), Failure> {
    let hub = open(&a.reader.data, context)?;
    let filter = filter(a.filter, &hub);
    let format = match a.format {
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Json => Format::Json,
    };
    let by = note(&hub, &a.reader, "export", &filter.in_words())?;
    let failed = |e: std::io::Error| Failure::new("io", format!("writing {}: {e}", a.out.display()));
    let mut file = BufWriter::new(private(&a.out).map_err(failed)?);
    let written = hub.export(&by, &filter, format, &mut file);
    let written = match written.and_then(|r| file.flush().map(|()| r).map_err(|source| too_late(&a.out, source))) {
        Ok(written) => written,
        Err(e) => {
            // Half an export looks like a whole one.
            let _ = std::fs::remove_file(&a.out);
            return Err(e.into());
        }
    };
    let out = a.out.display().to_string();
    context.emit(&json!({"out": out, "entries": written.entries, "withheld": written.withheld}), |s| {
        s.line(&format!("{} entries are in {out}.", written.entries));
        view::withheld(s, written.withheld);
    })
}

fn too_late(out: &Path, source: std::io::Error) -> beatcheck_hub::HubError {
    beatcheck_hub::HubError::Io { what: format!("writing {}", out.display()), source }
}

/// A new file that only its owner can read.
fn private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn verify(a: &VerifyArgs, context: &Context) -> Result<Exit, Failure> {
    let hub = open(&a.data, context)?;
    hub.account_index()?;
    let devices = if a.open { hub.chain_states_opened()? } else { hub.chain_states()? };
    let verified = Verified { devices };
    context.emit(&verified, |s| view::chains(s, &verified.devices))?;
    let broken = verified.devices.iter().filter(|d| !d.unbroken).count();
    if broken == 0 {
        return Ok(Exit::Done);
    }
    complain(&format!("the account of {broken} of {} devices is broken", verified.devices.len()));
    Ok(exit_of("journal_broken"))
}

fn log(a: &LogArgs, context: &Context) -> Result<Exit, Failure> {
    let hub = open(&a.reader.data, context)?;
    let contains_head = a.head.as_ref().map(|h| hub.looks_contain(h)).transpose()?;
    let filter = LookFilter {
        account: a.account.clone(),
        since: a.since.map(|t| at(t, &hub)),
        until: a.until.map(|t| at(t, &hub)),
        before: None,
        limit: a.limit,
    };
    let by = note(&hub, &a.reader, "log", a.account.as_deref().unwrap_or("everybody"))?;
    let log = Log { looks: hub.looks(&by, &filter)?, contains_head };
    context.emit(&log, |s| view::looks(s, &log.looks))?;
    match (&log.looks.problem, log.contains_head) {
        (Some(problem), _) => complain(problem),
        (None, Some(false)) => complain("the head that was noted is not in the log of looks: it was written anew"),
        (None, _) => return Ok(Exit::Done),
    }
    Ok(exit_of("journal_broken"))
}

fn index(a: &IndexArgs, context: &Context) -> Result<(), Failure> {
    let hub = open(&a.data, context)?;
    let done = hub.account_index()?;
    let done = if a.anew { hub.account_reindex()? } else { done };
    context.emit(&done, |s| {
        s.line(&format!("{} entries are new in the index; {} do not open.", done.entries, done.unreadable));
    })
}
