//! `beatcheck device pin|shift`: how an officer unlocks, and from when to when.

use crate::args::{PinArgs, ShiftCommand};
use crate::device_cmd::{open, pin as read_pin};
use crate::exit::{Exit, Failure};
use crate::output::Context;
use serde_json::json;

pub(crate) fn pin(args: &PinArgs, context: &Context) -> Result<Exit, Failure> {
    let new = std::fs::read_to_string(&args.new_pin_file).map_err(|e| Failure::input(&args.new_pin_file, &e))?;
    let old = read_pin(&args.home)?;
    open(&args.home, context)?.set_pin(old.as_deref(), new.trim_end_matches(['\r', '\n']))?;
    context
        .emit(&json!({"pin": "set"}), |s| s.line("The PIN is set: commands that read records need --pin-file now."))?;
    Ok(Exit::Done)
}

pub(crate) fn shift(command: ShiftCommand, context: &Context) -> Result<Exit, Failure> {
    match command {
        ShiftCommand::Start(a) => {
            let token = match &a.id_token_file {
                Some(path) => Some(std::fs::read_to_string(path).map_err(|e| Failure::input(path, &e))?),
                None => None,
            };
            let shift = open(&a.home, context)?.shift_start(token.as_deref().map(str::trim))?;
            context.emit(&shift, |s| s.line(&format!("A shift is on until {}.", shift.ends)))?;
        }
        ShiftCommand::End(a) => {
            open(&a, context)?.shift_end("officer")?;
            context.emit(&json!({"shift": null}), |s| s.line("The shift is over."))?;
        }
        ShiftCommand::Nonce(a) => {
            let nonce = open(&a, context)?.login_nonce()?;
            context.emit(&json!({"nonce": nonce}), |s| s.line(&nonce))?;
        }
    }
    Ok(Exit::Done)
}
