//! The command line of orders to devices and of the keys that they trust.

use crate::hub_args::{DataArgs, DeviceArgs, parse_device};
use crate::policy_args::ByArgs;
use beatcheck_hub::RootKey;
use beatcheck_wire::envelope::VerifyKey;
use beatcheck_wire::{CompartmentId, DeviceId, OrderId};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `hub wipe`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub wipe --data hub --device 0f3c... --by 4711\n\n\
    With --key, a wipe key that is kept elsewhere signs the order. `hub orders` shows when it was obeyed.")]
pub(crate) struct WipeArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) by: ByArgs,
    /// A wipe key, instead of the one at the hub
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// `hub wipe-all`.
#[derive(Debug, Subcommand)]
pub(crate) enum WipeAllCommand {
    /// Propose to wipe every device that is enrolled now; nothing happens until another person approves
    Propose(WipeAllProposeArgs),
    /// Approve what another person proposed: every device erases itself with its next sync
    Approve(WipeAllApproveArgs),
}

/// `hub wipe-all propose`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub wipe-all propose --data hub --by 4711\n\n\
    Signed by wipe-a.key, or by --key. Good for a week.")]
pub(crate) struct WipeAllProposeArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Who proposes
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// A wipe key, instead of the one at the hub
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// `hub wipe-all approve`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub wipe-all approve --data hub --order 5e01... --by 0815\n\n\
    Signed by wipe-b.key, or by --key: another key than the proposal's.")]
pub(crate) struct WipeAllApproveArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The proposal (`hub orders` lists them)
    #[arg(long, value_name = "ID", value_parser = parse_order)]
    pub(crate) order: OrderId,
    /// Who approves: not who proposed
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// A wipe key, instead of the one at the hub
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// `hub purge`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub purge --data hub --device 0f3c... --compartment persons\n\n\
    What is still granted is fetched again afterwards; `hub withdraw` takes it away.")]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// A compartment, by its name in policy
    #[arg(long, value_name = "NAME")]
    pub(crate) compartment: String,
    #[command(flatten)]
    pub(crate) by: ByArgs,
}

/// `hub restore`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub restore --data hub --device 0f3c... --compartment persons")]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// A compartment that was withdrawn, by its name in policy
    #[arg(long, value_name = "NAME")]
    pub(crate) compartment: String,
}

/// `hub orders`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub orders --data hub --open")]
pub(crate) struct OrdersArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Only those that mean this device
    #[arg(long, value_name = "ID", value_parser = parse_device)]
    pub(crate) device: Option<DeviceId>,
    /// Only those that are proposed or not obeyed yet
    #[arg(long)]
    pub(crate) open: bool,
    /// At most so many, the newest
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

/// `hub cancel`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub cancel --data hub --order 5e01... --by 4711\n\n\
    A device that has heard of the order may obey it all the same.")]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The order (`hub orders` lists them)
    #[arg(long, value_name = "ID", value_parser = parse_order)]
    pub(crate) order: OrderId,
    #[command(flatten)]
    pub(crate) by: ByArgs,
}

/// `hub root`.
#[derive(Debug, Subcommand)]
pub(crate) enum RootCommand {
    /// Show the root in force, and where its keys are
    #[command(after_help = "Example:\n  beatcheck hub root show --data hub")]
    Show(DataArgs),
    /// Change keys in one go, where the root key lies at the hub
    Rotate(RootRotateArgs),
    /// Make a key in a new file; no hub is needed
    #[command(after_help = "Example:\n  beatcheck hub root key --out policy-2.key\n\n\
        Run it where the key is to be kept. Take the public half that it prints to `hub root draft`.")]
    Key(RootKeyArgs),
    /// Draft the next root, to be signed where the root key is kept
    Draft(RootDraftArgs),
    /// Sign a draft; no hub is needed
    Sign(RootSignArgs),
    /// Take in a signed step: devices follow it with their next sync
    Push(RootPushArgs),
}

/// `hub root rotate`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub root rotate --data hub --keys grant,publish\n\n\
    What is current is signed anew. Back up the directory `keys` afterwards.")]
pub(crate) struct RootRotateArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Which: root, policy, grant, publish, wipe
    #[arg(long, value_name = "KEYS", value_delimiter = ',', required = true, value_parser = parse_root_key)]
    pub(crate) keys: Vec<RootKey>,
    #[command(flatten)]
    pub(crate) by: ByArgs,
}

/// `hub root key`.
#[derive(Debug, Args)]
pub(crate) struct RootKeyArgs {
    /// The new file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// `hub root draft`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  beatcheck hub root draft --data hub --keys publish --policy 5c1d... --out root.draft\n\n\
    Keys named by --keys are made here and wait until the step is pushed; the others come from `hub root key`."
)]
pub(crate) struct RootDraftArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Keys to make here: root, policy, grant, publish, wipe
    #[arg(long, value_name = "KEYS", value_delimiter = ',', value_parser = parse_root_key)]
    pub(crate) keys: Vec<RootKey>,
    /// The public half of a new root key
    #[arg(long, value_name = "HEX", value_parser = parse_public)]
    pub(crate) root: Option<VerifyKey>,
    /// The public half of a new policy key
    #[arg(long, value_name = "HEX", value_parser = parse_public)]
    pub(crate) policy: Option<VerifyKey>,
    /// The public half of a wipe key; given once for each, two or more
    #[arg(long, value_name = "HEX", value_parser = parse_public)]
    pub(crate) wipe: Vec<VerifyKey>,
    /// Where to write the draft; not over an existing file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// `hub root sign`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub root sign --key root.key --out root.step root.draft")]
pub(crate) struct RootSignArgs {
    /// The root key in force
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The new root key, if the draft names one
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key: Option<PathBuf>,
    /// Where to write the step; not over an existing file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The draft
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: PathBuf,
}

/// `hub root push`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub root push --data hub root.step\n\n\
    Where the new policy key is kept elsewhere, a policy that it has signed goes with it: --policy policy.signed.")]
pub(crate) struct RootPushArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// A policy, signed by the new policy key
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) by: ByArgs,
    /// The signed step
    #[arg(value_name = "STEP")]
    pub(crate) step: PathBuf,
}

fn parse_order(text: &str) -> Result<OrderId, String> {
    CompartmentId::from_hex(text.trim()).ok_or_else(|| "an order's name has 32 hexadecimal digits".to_owned())
}

fn parse_root_key(text: &str) -> Result<RootKey, String> {
    RootKey::parse(text.trim()).ok_or_else(|| format!("one of {}", RootKey::ALL.map(RootKey::as_str).join(", ")))
}

fn parse_public(text: &str) -> Result<VerifyKey, String> {
    let text = text.trim();
    let mut key = [0; 32];
    let pairs =
        text.as_bytes().chunks(2).map(|p| std::str::from_utf8(p).ok().and_then(|p| u8::from_str_radix(p, 16).ok()));
    let bytes: Option<Vec<u8>> = pairs.collect();
    match bytes {
        Some(bytes) if bytes.len() == key.len() && text.len() == 2 * key.len() => key.copy_from_slice(&bytes),
        _ => return Err("the public half of a key has 64 hexadecimal digits".to_owned()),
    }
    Ok(VerifyKey(key))
}
