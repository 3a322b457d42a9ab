//! `beatcheck`: operates a hub, and is a device on the desk.
//!
//! Thin: it reads the command line, calls `beatcheck-hub`, `beatcheck-relay` or `beatcheck-client`, and prints what they return, as JSON
//! in the shapes of `docs/cli.md` or as text. Answers go to stdout; progress, errors and logs to stderr.

mod answer_view;
mod args;
mod batch;
mod bench;
mod console_cmd;
mod device_cmd;
mod device_view;
mod exit;
mod fixtures_cmd;
mod hub_args;
mod hub_cmd;
mod hub_view;
mod identity_args;
mod identity_cmd;
mod manage_cmd;
mod orders_args;
mod orders_cmd;
mod output;
mod policy_args;
mod policy_cmd;
mod progress;
mod relay_args;
mod relay_cmd;
mod session_cmd;
mod sim_cmd;
mod sync_cmd;

use args::{Cli, Command};
use clap::Parser;
use exit::{Exit, Failure};
use output::Context;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return ExitCode::from(usage(&e) as u8),
    };
    log_to_stderr(cli.global.verbose);
    let json = cli.global.json;
    let done = run(cli.command, &Context::new(&cli.global));
    ExitCode::from(done.unwrap_or_else(|failure| report(&failure, json)) as u8)
}

fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Hub(c) => hub_cmd::run(c, context),
        Command::Device(c) => device_cmd::run(c, context),
        Command::Relay(a) => relay_cmd::run(a, context),
        Command::Fixtures(a) => fixtures_cmd::run(&a, context),
        Command::Sim(a) => sim_cmd::run(&a, context),
        Command::Bench(a) => bench::run(&a, context),
    }
}

/// Says why: in words on stderr, and with --json as `{"error":{"code","text"}}` on stdout.
fn report(failure: &Failure, json: bool) -> Exit {
    if json {
        let shape = serde_json::json!({"error": {"code": failure.code, "text": failure.text}});
        // If stdout is gone, stderr still hears of it.
        let _ = output::print(&format!("{shape}\n"));
    }
    complain(&failure.text);
    failure.exit()
}

/// One line on stderr.
pub(crate) fn complain(text: &str) {
    use std::io::Write;
    let text: Vec<String> = text.lines().map(output::plain).collect();
    // There is nowhere left to say that this failed.
    let _ = writeln!(std::io::stderr(), "beatcheck: {}", text.join("\n"));
}

/// Help and version go to stdout and succeed; anything else is bad usage.
fn usage(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Done;
    }
    if std::env::args_os().skip(1).any(|a| a == "--json") {
        let text = error.to_string();
        return report(&Failure::new("usage", text.trim_start_matches("error: ").trim_end()), true);
    }
    let _ = error.print();
    Exit::Usage
}

fn log_to_stderr(verbose: u8) {
    use std::io::IsTerminal;
    let level = match verbose {
        0 => "warn",
        1 => "warn,beatcheck=info",
        2 => "info,beatcheck=debug",
        _ => "debug,beatcheck=trace",
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(verbose > 1);
    log.init();
}
