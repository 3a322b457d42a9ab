//! The command line of policies at the hub.

use crate::hub_args::DataArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `hub policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show the policy in force, or another version
    Show(PolicyShowArgs),
    /// Print the JSON Schema of a policy
    #[command(after_help = "Example:\n  beatcheck hub policy schema > policy.schema.json")]
    Schema,
    /// Say what is wrong with a policy, and what is odd about it
    Lint(PolicyLintArgs),
    /// Say what a policy changes, and what that tightens or loosens
    Diff(PolicyDiffArgs),
    /// Sign a policy with a key that is kept elsewhere; no hub is needed
    Sign(PolicySignArgs),
    /// Take in a policy that was signed elsewhere, for all devices or a share
    Push(PolicyPushArgs),
    /// Sign a policy with the key that lies at the hub, and push it
    Set(PolicySetArgs),
    /// Give a policy that was pushed to another share of devices
    Stage(PolicyStageArgs),
    /// Push the content of an older version under a newer one
    Rollback(PolicyRollbackArgs),
    /// Show all versions: who is meant to have which, and who says so
    #[command(after_help = "Example:\n  beatcheck hub policy status --data hub")]
    Status(DataArgs),
    /// Show what each version changed, and how it was rolled out
    #[command(after_help = "Example:\n  beatcheck hub policy history --data hub")]
    History(DataArgs),
}

/// `hub policy show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  beatcheck hub policy show --data hub > policy.json\n  \
    beatcheck hub policy show --data hub 7 --out policy-7.signed\n\n\
    With --out the signed bytes are written, as MDM may hand them to devices.")]
pub(crate) struct PolicyShowArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// This version, instead of the one in force
    #[arg(id = "policy_version", value_name = "VERSION")]
    pub(crate) version: Option<u64>,
    /// Also write it as it was signed
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `hub policy lint`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  beatcheck hub policy lint policy.toml\n  \
    beatcheck hub policy lint --data hub policy.toml\n\n\
    With --data, names of compartments are compared with those of the hub. Exit 8 if there is an error; warnings may be \
    meant.")]
pub(crate) struct PolicyLintArgs {
    /// The hub's data directory, if there is one here
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The policy, JSON or TOML
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `hub policy diff`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  beatcheck hub policy diff --data hub policy.toml\n  \
    beatcheck hub policy diff --data hub --from 3 --to 5\n\n\
    FILE may be as it is written or as it was signed. Without --from the one in force is compared.")]
pub(crate) struct PolicyDiffArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Compare with this version
    #[arg(long, value_name = "N")]
    pub(crate) from: Option<u64>,
    /// Compare this version, instead of a file
    #[arg(long, value_name = "N", conflicts_with = "file", required_unless_present = "file")]
    pub(crate) to: Option<u64>,
    /// The policy
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// `hub policy sign`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  beatcheck hub policy sign --key policy.key --policy-version 8 --out policy.signed policy.toml\n\n\
    Run it where the key is kept, on a machine without a network. Carry the result to the hub and push it."
)]
pub(crate) struct PolicySignArgs {
    /// The policy key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The version, where the policy has none: one more than the newest (`hub policy status`)
    #[arg(id = "policy_version", long = "policy-version", value_name = "N")]
    pub(crate) version: Option<u64>,
    /// Where to write the signed policy; not over an existing file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The policy, JSON or TOML
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Who does something.
#[derive(Debug, Args)]
pub(crate) struct ByArgs {
    /// Who does this, as the history will name them
    #[arg(long, value_name = "WHO", default_value = "hub")]
    pub(crate) by: String,
}

/// `hub policy push`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub policy push --data hub --share 10 --by 4711 policy.signed\n\n\
    Refused unless the policy key that devices trust signed it and it is newer than all that is known. A share of 0 keeps \
    it ready for `hub policy stage` and for MDM.")]
pub(crate) struct PolicyPushArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Percent of devices
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) share: u8,
    #[command(flatten)]
    pub(crate) by: ByArgs,
    /// The signed policy
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `hub policy set`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub policy set --data hub policy.json\n\n\
    JSON or TOML. A field that nothing reads is refused; the version is counted up where it is left out. Devices \
    obey it from their next sync.")]
pub(crate) struct PolicySetArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Percent of devices
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) share: u8,
    #[command(flatten)]
    pub(crate) by: ByArgs,
    /// The policy
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `hub policy stage`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub policy stage --data hub --share 50 8\n\n\
    The same devices come first each time. Lowering a share takes nothing back: devices refuse an older policy. 100 puts \
    it in force for all.")]
pub(crate) struct PolicyStageArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Percent of devices
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) share: u8,
    #[command(flatten)]
    pub(crate) by: ByArgs,
    /// The version
    #[arg(id = "policy_version", value_name = "VERSION")]
    pub(crate) version: u64,
}

/// `hub policy rollback`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub policy rollback --data hub 6\n\n\
    With the policy key kept elsewhere: `hub policy show 6`, sign that under the next version, push it.")]
pub(crate) struct PolicyRollbackArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) by: ByArgs,
    /// The version whose content is to be in force again
    #[arg(id = "policy_version", value_name = "VERSION")]
    pub(crate) version: u64,
}
