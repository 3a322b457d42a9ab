//! `beatcheck device break-glass|policy|configure|states`: what device management and officer set beside a sync.

use crate::args::HomeArgs;
use crate::device_cmd::open;
use crate::exit::{Exit, Failure};
use crate::manage_args::{GlassArgs, HomeFileArgs};
use crate::output::Context;

pub(crate) fn break_glass(args: &GlassArgs, context: &Context) -> Result<Exit, Failure> {
    let broken = open(&args.home, context)?.break_glass(&args.reason)?;
    context.emit(&broken, |s| {
        s.line(&format!("BREAK-GLASS until {}: {}.", broken.until, broken.compartments.join(", ")));
        s.line("It is on record with your reason, and so is every check under it. Ask control where you can.");
        s.line(&format!("Times left before the hub is heard: {}.", broken.times_left));
    })?;
    Ok(Exit::Done)
}

pub(crate) fn policy(args: &HomeFileArgs, context: &Context) -> Result<Exit, Failure> {
    let signed = std::fs::read(&args.file).map_err(|e| Failure::input(&args.file, &e))?;
    let taken = open(&args.home, context)?.take_policy(&signed)?;
    context.emit(&taken, |s| {
        let what = if taken.changed { "is in force" } else { "was in force already" };
        s.line(&format!("Policy version {} {what}.", taken.policy_version));
    })?;
    Ok(Exit::Done)
}

pub(crate) fn configure(args: &HomeFileArgs, context: &Context) -> Result<Exit, Failure> {
    let json = std::fs::read_to_string(&args.file).map_err(|e| Failure::input(&args.file, &e))?;
    let applied = open(&args.home, context)?.apply_managed_configuration(&json)?;
    context.emit(&applied, |s| {
        let said = |list: &[String]| if list.is_empty() { "nothing".to_owned() } else { list.join(", ") };
        s.fields(&[("changed", said(&applied.changed)), ("ignored", said(&applied.ignored))]);
    })?;
    Ok(Exit::Done)
}

pub(crate) fn states(args: &HomeArgs, context: &Context) -> Result<Exit, Failure> {
    let states = open(args, context)?.keyed_states()?;
    context.emit(&states, |s| {
        for state in &states {
            let sign = if state.severity == beatcheck_client::Severity::Error { "!" } else { " " };
            s.line(&format!("{sign} {:10} {}", state.key, state.message));
        }
    })?;
    Ok(Exit::Done)
}
