//! `beatcheck device sync` and `scrub`: fetching, watching, and reading again what is stored.

use crate::args::{HomeArgs, NetworkArg, SyncArgs};
use crate::device_cmd::{open, pin};
use crate::exit::{Exit, Failure, exit_of};
use crate::output::{Context, Style, plain};
use crate::progress::Bar;
use crate::{complain, device_view};
use beatcheck_client::{ClientError, Device, FileVault, KeyVault, Network, SyncOptions, SyncProgress, SyncReport};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The desk's vault, in the device's home.
pub(crate) fn vault(home: &Path) -> Result<Arc<dyn KeyVault>, Failure> {
    Ok(Arc::new(FileVault::open(home.join("vault")).map_err(ClientError::from)?))
}

/// The vault of a home that has one: looking at a wrong directory must not make one there.
pub(crate) fn existing_vault(home: &Path) -> Result<Arc<dyn KeyVault>, Failure> {
    if !home.join("vault").is_dir() {
        return Err(ClientError::NotEnrolled { home: home.into() }.into());
    }
    vault(home)
}

pub(crate) fn sync(args: &SyncArgs, context: &Context) -> Result<Exit, Failure> {
    let home = &args.home;
    let vault = existing_vault(&home.home)?;
    let device = match Device::open(&home.home, Arc::clone(&vault), context.env(), pin(home)?.as_deref()) {
        Err(ClientError::Wiped) => return last_words(home, vault, context),
        other => other?,
    };
    let network = match args.network {
        NetworkArg::Unmetered => Network::Unmetered,
        NetworkArg::Metered => Network::Metered,
        NetworkArg::Roaming => Network::Roaming,
    };
    let options = SyncOptions { network, ..SyncOptions::default() };
    if args.watch {
        let exit = watch(&device, &options, args.for_s, context)?;
        drop(device);
        if exit == Exit::NotEnrolled {
            // As below: the order is obeyed, and its receipt need not wait for somebody to sync by hand.
            let _ = Device::send_last_words(&home.home, vault, context.env());
        }
        return Ok(exit);
    }
    let bar = Bar::new("connecting");
    let report = device.sync_with(&options, &|p| bar.sync(p));
    drop(bar);
    let mut report = report?;
    drop(device);
    if report.wiped && report.journal_pending > 0 {
        // The order is obeyed; what is left of the account can go at once. If not, the next sync sends it.
        if let Ok(sent) = Device::send_last_words(&home.home, vault, context.env()) {
            report.journal_sent += sent;
            report.journal_pending = report.journal_pending.saturating_sub(sent);
        }
    }
    context.emit(&report, |s| device_view::sync(s, &report, context.now()))?;
    Ok(exit_of_sync(&report))
}

/// Seconds for which the hub may hold a question of a watch that has an end.
const HOLD_BEFORE_END_S: u64 = 3;

/// Set by an interrupt: the watch ends after the question that is held.
static STOP: AtomicBool = AtomicBool::new(false);

fn watch(device: &Device, options: &SyncOptions, for_s: Option<u64>, context: &Context) -> Result<Exit, Failure> {
    stop_when_interrupted()?;
    let until = for_s.map(|s| Instant::now() + Duration::from_secs(s));
    // With an end, no question is held for long beyond it.
    let hold_s = for_s.map_or(0, |s| u16::try_from(s.clamp(1, HOLD_BEFORE_END_S)).unwrap_or(1));
    let options = SyncOptions { hold_s, ..*options };
    let over = || STOP.load(Ordering::SeqCst) || until.is_some_and(|u| Instant::now() >= u);
    let (bar, mut last) = (Bar::new("connecting"), Exit::Done);
    let progress = |p: SyncProgress| {
        match &p {
            SyncProgress::MarksUsable { compartment } => {
                bar.say(&format!("{}: its list of marks answers (possible: confirm)", plain(compartment)));
            }
            SyncProgress::Usable { compartment } => bar.say(&format!("{} is usable", plain(compartment))),
            _ => {}
        }
        bar.sync(p);
    };
    let mut wiped = false;
    let mut told = |report: &SyncReport| {
        wiped = report.wiped;
        last = bar.aside(|| exit_of_sync(report));
        let silent = report.fault.is_none() && report.compartments.is_empty() && report.withdrawn.is_empty();
        if context.json() || !(silent && report.mended.is_empty()) {
            // Whoever reads the lines may have gone: the next one tells.
            let _ = bar.aside(|| context.emit(report, |s| s.line(&device_view::sync_line(report))));
        }
    };
    let done = device.watch(&options, &progress, &mut told, &over);
    drop(bar);
    done?;
    Ok(if wiped { Exit::NotEnrolled } else { last })
}

/// Ends the watch at an interrupt; a second one ends the process.
fn stop_when_interrupted() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new("io", format!("starting the watch: {e}")))?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() && !STOP.swap(true, Ordering::SeqCst) {
                let _ = tokio::signal::ctrl_c().await;
            }
            std::process::exit(130);
        });
    });
    Ok(())
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

/// `device scrub`.
pub(crate) fn scrub(args: &HomeArgs, context: &Context) -> Result<Exit, Failure> {
    let device = open(args, context)?;
    let report = device.scrub(0, true)?;
    context.emit(&report, |s| {
        s.line(&format!("Read {} rows again.", report.rows));
        for name in &report.whole {
            s.line(&format!("{name}: what is stored is what was published."));
        }
        for name in &report.suspect {
            s.styled(
                Style::Caution,
                &format!("{name}: NOT what was published. Answers from it count as stale; a sync mends it."),
            );
        }
    })?;
    Ok(if report.suspect.is_empty() { Exit::Done } else { Exit::Store })
}
