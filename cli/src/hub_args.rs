//! The command line of a hub's operator.

use crate::account_args::AccountCommand;
use crate::console_cmd::ConsoleCommand;
use crate::identity_args::{AttestationCommand, IdentityCommand, OfficerCommand};
use crate::orders_args::{CancelArgs, OrdersArgs, PurgeArgs, RestoreArgs, RootCommand, WipeAllCommand, WipeArgs};
use crate::policy_args::PolicyCommand;
use crate::relay_args::HubRelayCommand;
use beatcheck_model::Timestamp;
use beatcheck_wire::DeviceId;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What a hub's operator can do.
#[derive(Debug, Subcommand)]
pub(crate) enum HubCommand {
    /// Make a new hub: certificate authority, keys, first policy
    Init(InitArgs),
    /// Take in one extract of a source
    Ingest(IngestArgs),
    /// Cut signed manifests and encrypted segments of what was taken in
    #[command(after_help = "Example:\n  beatcheck hub publish --data hub")]
    Publish(DataArgs),
    /// Serve devices over mutual TLS until SIGINT or SIGTERM
    Serve(ServeArgs),
    /// Serve the console for people, and say who may log in to it
    #[command(subcommand)]
    Console(ConsoleCommand),
    /// Make a one-time enrolment code for an officer
    Enrol(EnrolArgs),
    /// Show sources, what is published, and devices
    #[command(after_help = "Example:\n  beatcheck hub status --data hub --json")]
    Status(DataArgs),
    /// Show the rows that were kept aside at ingest, with reasons
    Rejects(RejectsArgs),
    /// Read the account that devices sent
    Journal(JournalArgs),
    /// The account, for those who answer for it: search, rebuild, export, verify; each look is on record
    #[command(subcommand)]
    Account(AccountCommand),
    /// Device management's policy: look at it, sign it, push it, roll it out
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Revoke a device: its certificate opens nothing any more
    #[command(after_help = "Example:\n  beatcheck hub revoke --data hub --device 0f3c...")]
    Revoke(DeviceArgs),
    /// Order a device to erase itself with its next sync
    Wipe(WipeArgs),
    /// Order all devices to erase themselves: takes two persons
    #[command(subcommand, name = "wipe-all")]
    WipeAll(WipeAllCommand),
    /// Order a device to erase one compartment, and to fetch it again if it still may
    Purge(PurgeArgs),
    /// Show orders, and which were obeyed
    Orders(OrdersArgs),
    /// Take back an order that was not obeyed yet
    Cancel(CancelArgs),
    /// Give back a compartment that was withdrawn
    Restore(RestoreArgs),
    /// Show and change the keys that devices trust
    #[command(subcommand)]
    Root(RootCommand),
    /// Give a device's officer another role
    Role(RoleArgs),
    /// Take one compartment from one device, whatever its role says
    Withdraw(WithdrawArgs),
    /// Suspend officers, lift that, and show who is known
    #[command(subcommand)]
    Officer(OfficerCommand),
    /// The force's identity provider: who an officer is
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// What a phone must show of the place its keys live in
    #[command(subcommand)]
    Attestation(AttestationCommand),
    /// Issue, show and revoke the certificates of relays
    #[command(subcommand)]
    Relay(HubRelayCommand),
}

/// Which hub.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataArgs {
    /// The hub's data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
}

/// `hub init`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub init --data hub --name hub.force.example\n\n\
    Writes hub/ca.pem, which devices need to enrol, and hub/policy.json, a copy of the policy for reading. Back up \
    the directory `keys`, and keep it where only the hub can read it.")]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// A name or address by which devices reach the hub, beside localhost and 127.0.0.1; may be repeated
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
}

/// `hub ingest`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    beatcheck hub ingest --data hub --mapping fixtures/mappings/persons.toml --as-of 2026-04-30T06:00:00Z persons.csv\n\n\
    An extract is the full list as it stands: rows that are new, changed or gone since the one before become changes; \
    an unchanged row costs nothing. Rows that cannot be read are kept aside (`hub rejects`). An extract that would \
    delete more than the mapping's share of the source (default half) is refused, unless --force.")]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The mapping file (docs/mapping.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: PathBuf,
    /// The extract's own time, RFC 3339 or `now`; without it the mapping says where it comes from
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<AsOf>,
    /// Take an extract that would delete more than the mapping allows
    #[arg(long)]
    pub(crate) force: bool,
    /// The extract, a CSV file
    #[arg(value_name = "EXTRACT.csv")]
    pub(crate) extract: PathBuf,
}

/// A time given outright, or the present.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AsOf {
    /// The hub's time.
    Now,
    /// This time.
    At(Timestamp),
}

impl std::str::FromStr for AsOf {
    type Err = beatcheck_model::TimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().eq_ignore_ascii_case("now") { Ok(Self::Now) } else { text.parse().map(Self::At) }
    }
}

/// `hub serve`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub serve --data hub --listen 127.0.0.1:8443\n\n\
    Prints `listening on https://ADDRESS:PORT` when it is ready. Port 0 takes a free one. What another process \
    ingests, publishes or revokes is noticed.")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// A further name or address for the server's certificate; may be repeated
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
    /// Phones connected at one time, at most; without it as many as this process may open files for
    #[arg(long, value_name = "N")]
    pub(crate) connections: Option<usize>,
}

/// `hub enrol`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub enrol --data hub --officer 1234 --role patrol\n\n\
    The code works once, within 15 minutes, for this officer. It is shown here and kept nowhere.")]
pub(crate) struct EnrolArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The officer's id, as the account will name them
    #[arg(long, value_name = "ID")]
    pub(crate) officer: String,
    /// A role of the policy
    #[arg(long)]
    pub(crate) role: String,
    /// What device management calls the one device that may use the code
    #[arg(long, value_name = "NUMBER")]
    pub(crate) asset: Option<String>,
}

/// `hub rejects`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub rejects --data hub --limit 20\n\n\
    Shows rows as they came: personal data. Only where the source's own rules allow it.")]
pub(crate) struct RejectsArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
}

/// `hub journal`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    beatcheck hub journal --data hub --verify\n  \
    beatcheck hub journal --data hub --officer 1234 --since 2026-04-01T00:00:00Z --json\n  \
    beatcheck hub journal recover --data hub\n\n\
    With --verify each device's account is walked from its first entry; exit 1 if one is broken.")]
pub(crate) struct JournalArgs {
    /// Instead of showing entries: open accounts that were kept of devices whose hardware key was lost
    #[arg(value_enum)]
    pub(crate) action: Option<JournalAction>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Only of this device
    #[arg(long, value_name = "ID", value_parser = parse_device)]
    pub(crate) device: Option<DeviceId>,
    /// Only of this officer
    #[arg(long, value_name = "ID")]
    pub(crate) officer: Option<String>,
    /// Only the check with this reference, as it was said over the radio
    #[arg(long, value_name = "REF")]
    pub(crate) reference: Option<String>,
    /// Only from this time on, by the device's clock
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<AsOf>,
    /// Only the last so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Verify that every device's account is whole
    #[arg(long)]
    pub(crate) verify: bool,
}

/// What `hub journal` does beside showing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum JournalAction {
    /// Open kept accounts with audit.key, and add their entries, marked; exit 1 if one could not be opened
    Recover,
}

/// A device at a hub.
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The device, 32 hexadecimal digits (`hub status` lists them)
    #[arg(long, value_name = "ID", value_parser = parse_device)]
    pub(crate) device: DeviceId,
}

/// `hub role`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub role --data hub --device 0f3c... --role patrol")]
pub(crate) struct RoleArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// A role of the policy
    #[arg(long)]
    pub(crate) role: String,
}

/// `hub withdraw`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub withdraw --data hub --device 0f3c... --compartment persons")]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// A compartment, by its name in policy
    #[arg(long, value_name = "NAME")]
    pub(crate) compartment: String,
}

pub(crate) fn parse_device(text: &str) -> Result<DeviceId, String> {
    DeviceId::from_hex(text.trim()).ok_or_else(|| "a device's id has 32 hexadecimal digits".to_owned())
}
