//! The command line of what management and officer set on a device.

use crate::args::HomeArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `device pin`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck device pin --home phone --new-pin-file new.txt\n\n\
    The one that is set is given with --pin-file. PINs come from files, so that none stands in a shell's history.")]
pub(crate) struct PinArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// File that holds the new PIN
    #[arg(long, value_name = "FILE")]
    pub(crate) new_pin_file: PathBuf,
}

/// `device shift`.
#[derive(Debug, Subcommand)]
pub(crate) enum ShiftCommand {
    /// Start a shift at the hub
    Start(ShiftStartArgs),
    /// End it: records are ciphertext until the next one, or erased, as policy says
    #[command(after_help = "Example:\n  beatcheck device shift end --home phone")]
    End(HomeArgs),
    /// Ask the hub for a nonce for the identity provider
    #[command(after_help = "Example:\n  beatcheck device shift nonce --home phone")]
    Nonce(HomeArgs),
}

/// `device shift start`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck device shift start --home phone --id-token-file token.txt")]
pub(crate) struct ShiftStartArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// File that holds the identity provider's ID token, where policy wants one
    #[arg(long, value_name = "FILE")]
    pub(crate) id_token_file: Option<PathBuf>,
}

/// A device, and a file for it.
#[derive(Debug, Args)]
pub(crate) struct HomeFileArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `device break-glass`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  beatcheck device break-glass --home phone --reason 'stop in hand, no signal since noon'\n\n\
    It is on record before it opens anything, and every answer under it says so."
)]
pub(crate) struct GlassArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Why, in your own words
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}
