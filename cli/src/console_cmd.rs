//! `beatcheck hub console`: serves the console, and says who may log in to it.

use crate::exit::{Exit, Failure};
use crate::hub_args::DataArgs;
use crate::hub_cmd::{open, stop_signal};
use crate::output::Context;
use beatcheck_console::{ConsoleOptions, hash_password};
use beatcheck_hub::ConsoleRole;
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Longest password file that is read, in bytes.
const MAX_FILE: u64 = 1024;

/// `hub console`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConsoleCommand {
    /// Serve the console over HTTPS until SIGINT or SIGTERM
    #[command(after_help = "Example:\n  beatcheck hub console serve --data hub --listen 127.0.0.1:8444")]
    Serve(ConsoleServeArgs),
    /// Say who may log in
    #[command(subcommand)]
    User(UserCommand),
}

/// `hub console serve`.
#[derive(Debug, Args)]
pub(crate) struct ConsoleServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8444")]
    listen: SocketAddr,
    /// A name or address under which browsers reach it (may be repeated)
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
}

/// `hub console user`.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make an account
    #[command(after_help = "Example:\n  \
        beatcheck hub console user add --data hub --user ada --role administrator --password-file FILE")]
    Add(UserAddArgs),
    /// Show the accounts
    #[command(after_help = "Example:\n  beatcheck hub console user list --data hub --json")]
    List(DataArgs),
    /// Remove an account; its sessions are over
    #[command(after_help = "Example:\n  beatcheck hub console user remove --data hub --user ada")]
    Remove(UserArgs),
    /// Give an account a new password; its sessions are over
    #[command(
        after_help = "Example:\n  beatcheck hub console user password --data hub --user ada --password-file FILE"
    )]
    Password(UserPasswordArgs),
}

/// An account.
#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The account's name
    #[arg(long)]
    user: String,
}

/// `hub console user add`.
#[derive(Debug, Args)]
pub(crate) struct UserAddArgs {
    #[command(flatten)]
    user: UserArgs,
    /// administrator, auditor, data_owner or ethics
    #[arg(long, value_parser = role)]
    role: ConsoleRole,
    /// The holder's own id as an officer: their own entries are withheld from them
    #[arg(long, default_value = "")]
    officer: String,
    /// A file with the password in its first line; - for standard input
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
}

/// `hub console user password`.
#[derive(Debug, Args)]
pub(crate) struct UserPasswordArgs {
    #[command(flatten)]
    user: UserArgs,
    /// A file with the password in its first line; - for standard input
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
}

fn role(text: &str) -> Result<ConsoleRole, String> {
    ConsoleRole::parse(text).ok_or_else(|| "a role is administrator, auditor, data_owner or ethics".to_owned())
}

pub(crate) fn run(command: ConsoleCommand, context: &Context) -> Result<Exit, Failure> {
    match command {
        ConsoleCommand::Serve(a) => serve(a, context)?,
        ConsoleCommand::User(UserCommand::Add(a)) => {
            let hash = password(&a.password_file)?;
            open(&a.user.data, context)?.console_add(&a.user.user, a.role, &a.officer, &hash)?;
            let text = format!("{} may log in as {}.", a.user.user, a.role.name());
            context.emit(&json!({"user": a.user.user, "role": a.role.name()}), |s| s.line(&text))?;
        }
        ConsoleCommand::User(UserCommand::List(a)) => {
            let users = open(&a, context)?.console_accounts()?;
            context.emit(&json!({ "users": users }), |s| {
                let row = |u: &beatcheck_hub::ConsoleAccount| {
                    vec![u.name.clone(), u.role.name().to_owned(), u.officer.clone(), u.made.to_string()]
                };
                s.table(&["user", "role", "officer", "made"], &users.iter().map(row).collect::<Vec<_>>());
            })?;
        }
        ConsoleCommand::User(UserCommand::Remove(a)) => {
            open(&a.data, context)?.console_remove(&a.user)?;
            let text = format!("{} is removed; their sessions are over.", a.user);
            context.emit(&json!({"user": a.user, "state": "removed"}), |s| s.line(&text))?;
        }
        ConsoleCommand::User(UserCommand::Password(a)) => {
            let hash = password(&a.password_file)?;
            open(&a.user.data, context)?.console_password(&a.user.user, &hash)?;
            let text = format!("{} has a new password; their sessions are over.", a.user.user);
            context.emit(&json!({"user": a.user.user, "state": "changed"}), |s| s.line(&text))?;
        }
    }
    Ok(Exit::Done)
}

fn password(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(MAX_FILE).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|f| f.take(MAX_FILE).read_to_string(&mut text))
    };
    read.map_err(|e| Failure::input(file, &e))?;
    hash_password(text.lines().next().unwrap_or_default()).map_err(|text| Failure::new("refused", text))
}

fn serve(args: ConsoleServeArgs, context: &Context) -> Result<(), Failure> {
    let hub = open(&args.data, context)?;
    let options = ConsoleOptions { listen: args.listen, names: args.names };
    let failed = |e: std::io::Error| Failure::new("io", format!("starting the console: {e}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let stop = stop_signal().map_err(failed)?;
        let ready = |address: SocketAddr| {
            let url = format!("https://{address}");
            let said = context.emit(&json!({"listening": url}), |s| s.line(&format!("listening on {url}")));
            if let Err(e) = said {
                tracing::warn!("{e}");
            }
        };
        Ok(beatcheck_console::serve(hub, options, ready, stop).await?)
    })
}
