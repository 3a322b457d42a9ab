//! The command line of those who answer for the account: `hub account`.

use crate::hub_args::{AsOf, DataArgs, parse_device};
use beatcheck_hub::LookHead;
use beatcheck_model::RecordId;
use beatcheck_wire::{CompartmentId, DeviceId, Hash32};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `hub account`.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Search the account, newest first
    Search(SearchArgs),
    /// Who looked at a record
    Who(WhoArgs),
    /// What an officer did
    Officer(OfficerArgs),
    /// Rebuild an answer from its reference
    Rebuild(RebuildArgs),
    /// Write entries to a file, for review
    Export(ExportArgs),
    /// Verify that every device's account is whole; exit 1 if one is not
    Verify(VerifyArgs),
    /// Drop what policy (`limits.journal_keep_days`) does not keep
    Retain(RetainArgs),
    /// Show what the account was used to look at, by whom and why
    Log(LogArgs),
    /// Numbers without persons, officers or devices; small ones are not told
    Numbers(NumbersArgs),
    /// Bring the index up to date, or make it anew
    Index(IndexArgs),
}

/// Who looks, and why: on record before anything is shown.
#[derive(Debug, Args)]
pub(crate) struct ReaderArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Who looks: an officer's own id where they have one; their own entries are withheld
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
}

/// Which page.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// The page after: what the one before said comes next
    #[arg(long, value_name = "NEXT")]
    pub(crate) after: Option<String>,
    /// Rows of a page, at most 500
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) rows: usize,
}

/// Which entries.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only of this device
    #[arg(long, value_name = "ID", value_parser = parse_device)]
    pub(crate) device: Option<DeviceId>,
    /// Only of this officer
    #[arg(long, value_name = "ID")]
    pub(crate) officer: Option<String>,
    /// Only with this reference, as it was said over the radio
    #[arg(long, value_name = "REF")]
    pub(crate) reference: Option<String>,
    /// Only where this record was shown, or asked for by its id
    #[arg(long, value_name = "ID", value_parser = parse_record)]
    pub(crate) record: Option<RecordId>,
    /// Only with this purpose
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// Only of this kind, such as check, late_hit, break_glass
    #[arg(long)]
    pub(crate) event: Option<String>,
    /// Only what happened at this time or later
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<AsOf>,
    /// Only what happened before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<AsOf>,
    /// Only checks that were out of the ordinary
    #[arg(long)]
    pub(crate) unusual: bool,
    /// Only what contains this text; opens entries one by one, so narrow it down with the others
    #[arg(long)]
    pub(crate) text: Option<String>,
}

/// `hub account search`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    beatcheck hub account search --data hub --by 0815 --why 'dip sample, March' --unusual\n  \
    beatcheck hub account search --data hub --by 0815 --why 'complaint 77' --officer 1234 --since 2026-03-01T00:00:00Z\n\n\
    The look is written to the log of looks before anything is shown.")]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

/// `hub account who`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  beatcheck hub account who 5c1d... --data hub --by 0815 --why 'access request 12'\n\n\
    The record's id is in answers and in entries (`shown`)."
)]
pub(crate) struct WhoArgs {
    /// The record, 32 hexadecimal digits
    #[arg(value_name = "RECORD", value_parser = parse_record)]
    pub(crate) record: RecordId,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

/// `hub account officer`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub account officer 1234 --data hub --by 0815 --why 'complaint 77'")]
pub(crate) struct OfficerArgs {
    /// The officer's id
    #[arg(value_name = "OFFICER")]
    pub(crate) officer: String,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

/// `hub account rebuild`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  beatcheck hub account rebuild K7M-2QX --data hub --by 0815 --why 'complaint 77'\n\n\
    Shows records as they were when they were shown, whole; which fields the officer did not see is said beside them."
)]
pub(crate) struct RebuildArgs {
    /// The reference of the check
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
}

/// How an export is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// For a spreadsheet
    Csv,
    /// For everything else
    Json,
}

/// `hub account export`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    beatcheck hub account export --data hub --by 0815 --why 'review, March' --format csv --out march.csv \\\n    \
    --since 2026-03-01T00:00:00Z --until 2026-04-01T00:00:00Z\n\n\
    The file is new and only its owner can read it. A cell that a spreadsheet would run has an apostrophe in front.")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How it is written
    #[arg(long, value_enum, default_value = "csv")]
    pub(crate) format: ExportFormat,
    /// The new file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// `hub account verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  beatcheck hub account verify --data hub\n  \
    beatcheck hub account verify --data hub --open\n\n\
    With --open every entry is opened and compared with the index: slow where there are many.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Open every entry too
    #[arg(long)]
    pub(crate) open: bool,
}

/// `hub account retain`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck hub account retain --data hub --by nightly\n\n\
    `hub serve` does it by itself, at its start and daily; this is for where the audit key is kept elsewhere. Entries that do not \
    verify are not dropped.")]
pub(crate) struct RetainArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Who has it done
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
}

/// `hub account log`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  beatcheck hub account log --data hub --by 0815 --why 'monthly review'\n  \
    beatcheck hub account log --data hub --by 0815 --why 'monthly review' --head 812:9f3c...\n\n\
    Note the head that it shows somewhere else. With --head it says whether an earlier one is still in the log; exit 1 if \
    it is not, or if the log is broken.")]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    /// Only of this account
    #[arg(long, value_name = "WHO")]
    pub(crate) account: Option<String>,
    /// Only from this time on
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<AsOf>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<AsOf>,
    /// At most so many, the newest
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// A head that was noted earlier: NUMBER:HASH
    #[arg(long, value_name = "N:HASH", value_parser = parse_head)]
    pub(crate) head: Option<LookHead>,
}

/// `hub account numbers`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  beatcheck hub account numbers --data hub --since 2026-03-01T00:00:00Z --until now\n\n\
    Whole days, UTC. A day's number below 5 is not told, nor one that would give it away."
)]
pub(crate) struct NumbersArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// From the day of this time on
    #[arg(long, value_name = "TIME")]
    pub(crate) since: AsOf,
    /// To the day of this time
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub(crate) until: AsOf,
}

/// `hub account index`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  beatcheck hub account index --data hub\n  \
    beatcheck hub account index --data hub --anew\n\n\
    Searches do this by themselves for up to 2,000 entries. --anew makes all of it from the sealed entries, where \
    `hub account verify --open` says that it differs.")]
pub(crate) struct IndexArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Make all of it anew
    #[arg(long)]
    pub(crate) anew: bool,
}

fn parse_record(text: &str) -> Result<RecordId, String> {
    let id =
        CompartmentId::from_hex(text.trim()).ok_or_else(|| "a record's id has 32 hexadecimal digits".to_owned())?;
    Ok(RecordId(id.0))
}

fn parse_head(text: &str) -> Result<LookHead, String> {
    let parsed = text
        .trim()
        .split_once(':')
        .and_then(|(n, hash)| Some(LookHead { n: n.parse().ok()?, hash: Hash32::from_hex(hash)? }));
    parsed.ok_or_else(|| "a head is a number, a colon, and 64 hexadecimal digits".to_owned())
}
