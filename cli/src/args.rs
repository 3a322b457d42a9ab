//! The command line: what can be said, and the help that says it.
//!
//! Nothing is read from the environment: settings are flags and files, so that a run can be repeated from its line.

use crate::hub_args::HubCommand;
use crate::relay_args::{DeviceRelayArgs, RelayArgs};
use beatcheck_model::{RecordKind, Sex, Timestamp, sex_text};
use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;

const ABOUT: &str = "Checks of vehicles and persons that answer offline";
const LONG_ABOUT: &str = "Checks of vehicles and persons that answer offline, from an encrypted local store.\n\n\
    `hub` takes in extracts and publishes them to devices; `device` is a device on the desk: it enrols, syncs, and \
    answers checks without the hub. Answers go to stdout, what concerns the run (progress, errors, logs) to stderr.";
const AFTER: &str = "\
Example, from nothing to a check:
  beatcheck hub init --data hub
  beatcheck hub ingest --data hub --mapping stolen.toml --as-of now stolen.csv
  beatcheck hub publish --data hub
  beatcheck hub serve --data hub --listen 127.0.0.1:8443 &
  beatcheck hub enrol --data hub --officer 1234 --role patrol
  beatcheck device enrol --home phone --hub https://127.0.0.1:8443 --code CODE --ca hub/ca.pem
  beatcheck device sync --home phone
  beatcheck device check vehicle 'BD51 SMR' --home phone --purpose traffic_stop

Exit codes:
  0 answered (hit, possible, no trace) or done   5 hub not reached, or the sync failed
  1 anything else                                6 store, keys or vault
  2 bad usage or invalid query                   7 not enrolled, or wiped
  3 refused by policy                            8 refused by the hub, or by a rule of ingest
  4 cannot say

No trace is not 'clear': the answer says which sources were searched, and how old they are.";

/// The command.
#[derive(Debug, Parser)]
#[command(name = "beatcheck", version, about = ABOUT, long_about = LONG_ABOUT, after_help = AFTER)]
#[command(max_term_width = 110, arg_required_else_help = true, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Print JSON (one line) instead of tables
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more on stderr: -v what is done, -vv how
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Run at this time instead of the machine's: a simulated clock that stands still, for the desk
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_now, hide_short_help = true)]
    pub(crate) now: Option<Timestamp>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Operate a hub: take in extracts, publish, serve devices, read the account
    #[command(subcommand)]
    Hub(HubCommand),
    /// A device on the desk: enrol, sync, check
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Run a relay: a cache near devices that holds ciphertext and need not be trusted
    Relay(RelayArgs),
    /// Make synthetic persons and vehicles, with their mapping files
    Fixtures(FixturesArgs),
    /// Simulate hub, device, network and restarts on the sync's state machine, a story for each seed
    #[command(after_help = "Examples:\n  beatcheck sim --seeds 0..10000\n  beatcheck sim --seeds 4711..4712\n\n\
        Nothing real is touched. Exit 1 and the seed if a rule is broken; the same seed is the same story, always.")]
    Sim(SimArgs),
    /// Measure the whole job: time, memory and bytes of each step
    Bench(crate::bench::BenchArgs),
}

/// `sim`.
#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// Which seeds: from the first up to and without the last
    #[arg(long, value_name = "A..B", default_value = "0..1000", value_parser = crate::sim_cmd::parse_seeds)]
    pub(crate) seeds: std::ops::Range<u64>,
}

/// What a device can do.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// Enrol this device at a hub with a one-time code
    Enrol(EnrolArgs),
    /// Print the nonce that an ID token for an enrolment code must bear
    LoginNonce(crate::identity_args::LoginNonceArgs),
    /// Fetch what changed, send the account; with --watch stay in contact and say what comes
    #[command(after_help = "Examples:\n  beatcheck device sync --home phone\n  \
        beatcheck device sync --home phone --watch\n  \
        beatcheck device sync --home phone --network metered\n\n\
        With --watch every report is a line of its own (with --json an object), until interrupted or --for is over.\n\
        On a wiped device it sends what is left of the account; nothing else.")]
    Sync(SyncArgs),
    /// Read all stored rows again and compare them with what was published; a sync mends what differs
    #[command(after_help = "Example:\n  beatcheck device scrub --home phone && beatcheck device sync --home phone\n\n\
        Exit 6 if a compartment is not what was published.")]
    Scrub(HomeArgs),
    /// Show or set the relay that is asked for segments before the hub
    Relay(DeviceRelayArgs),
    /// Show what is held, how fresh it is, and what waits to be sent
    #[command(after_help = "Example:\n  beatcheck device status --home phone --json")]
    Status(HomeArgs),
    /// Erase this device: keys first, then files; the account waits, sealed, for the next sync
    #[command(after_help = "Example:\n  beatcheck device wipe --home phone && beatcheck device sync --home phone")]
    Wipe(HomeArgs),
    /// Set the PIN, or another one
    Pin(PinArgs),
    /// Start or end a shift
    #[command(subcommand)]
    Shift(ShiftCommand),
    /// Clear a device whose hardware key is lost, and keep its account for the hub
    #[command(after_help = "Example:\n  beatcheck device recover --home phone\n\n\
        Only for a device that the key vault says cannot be opened any more. Then enrol anew with a code for the same \
        officer: the next sync hands in what was kept.")]
    Recover(HomeArgs),
    /// Open warnings and stolen vehicles on your own word after the lease has ended, where policy has that
    BreakGlass(GlassArgs),
    /// Put a signed policy in force that device management handed over as a file
    #[command(after_help = "Example:\n  beatcheck device policy --home phone policy.signed\n\n\
        It passes the checks of one that comes with a sync: signed by the policy key, and newer.")]
    Policy(HomeFileArgs),
    /// Apply what mobile device management sets: a JSON object (docs/mdm.md)
    #[command(after_help = "Example:\n  beatcheck device configure --home phone mdm.json")]
    Configure(HomeFileArgs),
    /// Show what mobile device management may be told of this device
    #[command(after_help = "Example:\n  beatcheck device states --home phone --json")]
    States(HomeArgs),
    /// Make one check
    #[command(subcommand)]
    Check(CheckCommand),
    /// Answer one JSON query a line from stdin, one JSON answer a line on stdout, in order
    Batch(BatchArgs),
}

/// Which device.
#[derive(Clone, Debug, Args)]
pub(crate) struct HomeArgs {
    /// The device's directory
    #[arg(long, value_name = "DIR")]
    pub(crate) home: PathBuf,
    /// File that holds the PIN, where one was set at enrolment
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
}

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

/// `device sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Stay in contact: the hub holds each question until it has something new
    #[arg(long)]
    pub(crate) watch: bool,
    /// End the watch after so many seconds
    #[arg(long = "for", value_name = "SECONDS", requires = "watch")]
    pub(crate) for_s: Option<u64>,
    /// What the network costs: policy's budgets are for metered and roaming ones
    #[arg(long, value_enum, default_value_t = NetworkArg::Unmetered)]
    pub(crate) network: NetworkArg,
}

/// What a network costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum NetworkArg {
    /// Nothing by volume
    Unmetered,
    /// By volume
    Metered,
    /// By volume, and dearly
    Roaming,
}

/// `device enrol`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  beatcheck device enrol --home phone --hub https://127.0.0.1:8443 --code CODE --ca hub/ca.pem"
)]
pub(crate) struct EnrolArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Address of the hub
    #[arg(long, value_name = "URL")]
    pub(crate) hub: String,
    /// The one-time code from `hub enrol`
    #[arg(long)]
    pub(crate) code: String,
    /// The hub's certificate authority (`ca.pem` in its data directory)
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: PathBuf,
    /// What device management calls this device, where the code is for one
    #[arg(long, value_name = "NUMBER")]
    pub(crate) asset: Option<String>,
    /// File that holds an ID token of the force's identity provider, where the hub needs one (`device login-nonce`)
    #[arg(long, value_name = "FILE")]
    pub(crate) id_token_file: Option<PathBuf>,
}

/// What a check can ask.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckCommand {
    /// Check a vehicle by its registration mark, or by its VIN
    Vehicle(VehicleArgs),
    /// Check a person: any one of name, date of birth, identifier or address is enough
    Person(PersonArgs),
    /// Show what is linked with a record: keeper, known users, vehicles, associates, and back
    Linked(LinkedArgs),
}

/// What every check takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Why: one of the purposes that policy allows (`device status` lists them)
    #[arg(long)]
    pub(crate) purpose: String,
    /// Why, in your own words, where policy wants that for the purpose
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Number of the incident, where policy wants that for the purpose
    #[arg(long, value_name = "NUMBER")]
    pub(crate) incident: Option<String>,
}

/// `device check vehicle`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    beatcheck device check vehicle 'BD51 SMR' --home phone --purpose traffic_stop\n  \
    beatcheck device check vehicle 'BX*KYT' --make golf --colour silver --home phone --purpose traffic_stop\n  \
    beatcheck device check vehicle --vin WVWEX16R6CA000001 --home phone --purpose stop_search --json")]
pub(crate) struct VehicleArgs {
    /// Registration mark as seen: ? is one character not seen, * any number; spaces and case do not matter
    #[arg(value_name = "VRM", num_args = 0..)]
    pub(crate) vrm: Vec<String>,
    /// VIN or chassis number, or its last six characters or more
    #[arg(long)]
    pub(crate) vin: Option<String>,
    /// Make or model or both, such as 'VW Golf': narrows part of a mark
    #[arg(long)]
    pub(crate) make: Option<String>,
    /// Colour; what is taken for it in bad light counts too
    #[arg(long)]
    pub(crate) colour: Option<String>,
    /// Body type, such as estate, van or motorcycle
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) body_type: Option<String>,
    /// Year of manufacture: 2015, 2010-2014, or ~2015 for about that year
    #[arg(long)]
    pub(crate) year: Option<String>,
    /// Which page of the list, from 1; each is a check of its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) page: Option<u32>,
    #[command(flatten)]
    pub(crate) check: CheckArgs,
}

/// `device check person`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    beatcheck device check person --surname Connors --given Roisin --dob 1984-03-02 --home phone --purpose stop_search\n  \
    beatcheck device check person --name 'roisin connors' --dob '~1984' --home phone --purpose welfare\n  \
    beatcheck device check person --surname connors --age 40-45 --postcode B15 --home phone --purpose welfare")]
pub(crate) struct PersonArgs {
    /// Surname as given
    #[arg(long)]
    pub(crate) surname: Option<String>,
    /// Given names as given
    #[arg(long)]
    pub(crate) given: Option<String>,
    /// A whole name in any order
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Date of birth: 1984-03-02, 1984-03, 1984, or ~1984 for about that year
    #[arg(long)]
    pub(crate) dob: Option<String>,
    /// Sex, if it is to count: m or f
    #[arg(long, value_parser = parse_sex)]
    pub(crate) sex: Option<Sex>,
    /// Any identifier: PNC ID, CRO number, driver number (which is also a question by itself)
    #[arg(long)]
    pub(crate) identifier: Option<String>,
    /// Age in years instead of a date of birth: 30, 30-35, or ~30 for about that age
    #[arg(long)]
    pub(crate) age: Option<String>,
    /// Height, if it is to count: 172, 170-175 (centimetres), or 5'8"
    #[arg(long)]
    pub(crate) height: Option<String>,
    /// Any part of an address, with or without a postcode
    #[arg(long)]
    pub(crate) address: Option<String>,
    /// Postcode, or the beginning of one: 'B15 2TT', 'B15 2', B15
    #[arg(long)]
    pub(crate) postcode: Option<String>,
    /// Which page of the list, from 1; each is a check of its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) page: Option<u32>,
    #[command(flatten)]
    pub(crate) check: CheckArgs,
}

/// `device check linked`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    beatcheck device check linked person 0123456789abcdef0123456789abcdef --home phone --purpose stop_search\n\n\
    The id of a record stands among its particulars ('Record'), and as \"id\" of a hit in JSON. Addresses and events are \
    particulars of the record itself, which comes first.")]
pub(crate) struct LinkedArgs {
    /// Kind of the record: person or vehicle
    #[arg(value_name = "KIND", value_parser = parse_kind)]
    pub(crate) of: RecordKind,
    /// Its id, 32 hexadecimal digits
    #[arg(value_name = "RECORD")]
    pub(crate) record: String,
    #[command(flatten)]
    pub(crate) check: CheckArgs,
}

/// `device batch`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    echo '{\"id\":7,\"kind\":\"vehicle\",\"vrm\":\"BD51 SMR\"}' | beatcheck device batch --home phone --purpose traffic_stop\n\n\
    A line's own \"purpose\" wins; an \"id\" of any shape is given back. A line that is refused or cannot be read is \
    answered too (cannot_say, with error), and is on record like any other. Exit 0 when every line was answered.")]
pub(crate) struct BatchArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Purpose of the lines that state none
    #[arg(long)]
    pub(crate) purpose: Option<String>,
}

/// `fixtures`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck fixtures --out made-up --persons 1000 --vehicles 1000 --seed 7\n\n\
    The same seed gives the same bytes on every machine. Every row says that it is synthetic.")]
pub(crate) struct FixturesArgs {
    /// Directory to write to
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// How many persons, at most 5,000,000
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) persons: u64,
    /// How many vehicles, at most 5,000,000
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) vehicles: u64,
    /// Any number
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
}

fn parse_now(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|e: beatcheck_model::TimeError| e.to_string())
}

fn parse_kind(text: &str) -> Result<RecordKind, String> {
    [RecordKind::Person, RecordKind::Vehicle]
        .into_iter()
        .find(|k| k.as_str() == text.to_ascii_lowercase())
        .ok_or_else(|| "person or vehicle".to_owned())
}

fn parse_sex(text: &str) -> Result<Sex, String> {
    sex_text::parse(text).ok_or_else(|| "m or f (also: other, unknown)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_command_explains_itself_with_an_example() {
        fn walk(command: &clap::Command, found: &mut u32) {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} says nothing of itself");
            if command.get_subcommands().next().is_none() {
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("Example") && after.contains("beatcheck "), "{name} has no example");
                assert!(command.get_arguments().all(|a| a.get_help().is_some()), "{name} has an unexplained argument");
                *found += 1;
            }
            command.get_subcommands().for_each(|c| walk(c, found));
        }
        Cli::command().debug_assert();
        let mut found = 0;
        walk(&Cli::command(), &mut found);
        assert!(found >= 20, "{found}");
    }
}
