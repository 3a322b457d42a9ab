//! The command line of relays: running one, issuing its certificates at the hub, pointing a device at it.

use crate::args::HomeArgs;
use crate::hub_args::DataArgs;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `relay`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    beatcheck hub relay add car-7 --data hub --out car-7\n  \
    beatcheck relay --dir cache --hub https://127.0.0.1:8443 --identity car-7 --listen 127.0.0.1:8444\n\n\
    Prints `listening on https://ADDRESS:PORT` when it is ready. Port 0 takes a free one. The hub may be out of reach: \
    what is in the cache is served, and the rest refused until it is back. Devices need not trust it: it holds \
    ciphertext, and a segment that is not what its hash says costs them another request, to the hub.")]
pub(crate) struct RelayArgs {
    /// Directory of the cache; made if it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Address of the hub
    #[arg(long, value_name = "URL")]
    pub(crate) hub: String,
    /// Directory with the relay's keys and certificates, from `hub relay add`
    #[arg(long, value_name = "DIR")]
    pub(crate) identity: PathBuf,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8444")]
    pub(crate) listen: SocketAddr,
    /// Bytes that the cache may take on disk; beyond, the least recently used go
    #[arg(long, value_name = "N", default_value_t = beatcheck_relay::DEFAULT_MAX_BYTES)]
    pub(crate) max_bytes: u64,
}

/// `hub relay`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubRelayCommand {
    /// Issue the keys and certificates of a relay
    Add(AddArgs),
    /// Show the certificates that were issued to relays
    #[command(after_help = "Example:\n  beatcheck hub relay list --data hub --json")]
    List(DataArgs),
    /// Revoke a relay: the hub gives it nothing any more
    #[command(after_help = "Example:\n  beatcheck hub relay revoke car-7 --data hub\n\n\
        Devices that still point at it can be kept waiting for some seconds a sync, and nothing worse: take it out of \
        their settings too (`device relay --off`).")]
    Revoke(RevokeArgs),
}

/// `hub relay add`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  beatcheck hub relay add car-7 --data hub --out car-7 --name car-7.force.example\n\n\
    Writes server.pem, server.key, client.pem, client.key and ca.pem. Carry the directory to the relay and delete it \
    here. Its certificates last a year; before they end, add it again under the same name."
)]
pub(crate) struct AddArgs {
    /// The relay's name
    #[arg(value_name = "NAME")]
    pub(crate) relay: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Directory to write to; it must not hold such files yet
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// A name or address by which devices reach the relay, beside localhost and 127.0.0.1; may be repeated
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
}

/// `hub relay revoke`.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The relay's name
    #[arg(value_name = "NAME")]
    pub(crate) relay: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// `device relay`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    beatcheck device relay --home phone https://127.0.0.1:8444\n  \
    beatcheck device relay --home phone --off\n\n\
    Without URL and --off it shows the relay that is set. Holds from the next sync on.")]
pub(crate) struct DeviceRelayArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Address of the relay
    #[arg(value_name = "URL", conflicts_with = "off")]
    pub(crate) url: Option<String>,
    /// Ask the hub only
    #[arg(long)]
    pub(crate) off: bool,
}
