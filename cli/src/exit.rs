//! How a run ends: exit codes, error codes, and which gives which. `docs/cli.md` has the same table, and a test
//! compares the two.

use beatcheck_client::ClientError;
use beatcheck_hub::HubError;
use beatcheck_model::{Answer, Outcome};

/// Exit codes of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Answered (hit, possible, no trace), or done.
    Done = 0,
    /// Anything that has no code of its own.
    Other = 1,
    /// Bad usage, or a query that cannot be asked.
    Usage = 2,
    /// Refused by policy.
    Policy = 3,
    /// Nothing could be searched.
    CannotSay = 4,
    /// The hub was not reached, or what it sent could not be taken.
    Sync = 5,
    /// Store, keys or vault.
    Store = 6,
    /// Not enrolled, or wiped.
    NotEnrolled = 7,
    /// Refused by the hub, or by a rule of ingest.
    Refused = 8,
}

/// Every error code there is, with the exit code it leads to.
pub(crate) const CODES: &[(&str, Exit)] = &[
    // Of a check
    ("invalid_query", Exit::Usage),
    ("purpose_not_allowed", Exit::Policy),
    ("unknown_role", Exit::Policy),
    ("lease_ended", Exit::Policy),
    ("journal_full", Exit::Policy),
    ("reason_owed", Exit::Policy),
    ("incident_owed", Exit::Policy),
    ("clock_behind", Exit::Policy),
    ("clock_unsure", Exit::Policy),
    ("app_too_old", Exit::Policy),
    ("unusual_use", Exit::Policy),
    ("suspended", Exit::Policy),
    ("withdrawn", Exit::Policy),
    ("not_synced", Exit::CannotSay),
    ("rolled_back", Exit::Policy),
    // Of a device
    ("not_enrolled", Exit::NotEnrolled),
    ("wiped", Exit::NotEnrolled),
    ("already_enrolled", Exit::NotEnrolled),
    ("enrol_code", Exit::Usage),
    ("pin", Exit::Store),
    ("locked", Exit::Store),
    ("pin_wait", Exit::Store),
    ("pin_short", Exit::Usage),
    ("biometric_forbidden", Exit::Policy),
    ("vault_unsupported", Exit::Store),
    ("pin_needed", Exit::Policy),
    ("vault_not_allowed", Exit::Policy),
    ("shift_needed", Exit::Policy),
    ("break_glass", Exit::Policy),
    ("policy_refused", Exit::Refused),
    ("managed", Exit::Usage),
    ("field_withheld", Exit::Policy),
    ("vault", Exit::Store),
    ("keyring", Exit::Store),
    ("not_lost", Exit::Store),
    ("store", Exit::Store),
    ("no_space", Exit::Store),
    ("not_accounted", Exit::Store),
    ("random", Exit::Store),
    // Of a sync
    ("hub_unreachable", Exit::Sync),
    ("hub_busy", Exit::Sync),
    ("hub_refused", Exit::Refused),
    ("head_expired", Exit::Sync),
    ("replayed", Exit::Sync),
    ("root_gap", Exit::Sync),
    ("wipe_unsigned", Exit::Sync),
    ("not_named_by_head", Exit::Sync),
    ("wrong_device", Exit::Sync),
    ("key_missing", Exit::Sync),
    ("bad_signature", Exit::Sync),
    ("unknown_version", Exit::Sync),
    ("malformed", Exit::Sync),
    ("segment_damaged", Exit::Sync),
    ("diverged", Exit::Sync),
    ("sync_running", Exit::Sync),
    ("cancelled", Exit::Sync),
    ("tls", Exit::Sync),
    // Of a hub
    ("not_a_hub", Exit::Store),
    ("already_a_hub", Exit::Refused),
    ("mapping", Exit::Refused),
    ("extract", Exit::Refused),
    ("refused", Exit::Refused),
    ("identity_unreachable", Exit::Sync),
    ("hub_key", Exit::Store),
    ("hub_db", Exit::Store),
    ("journal_broken", Exit::Other),
    // Of the library in an app
    ("paused", Exit::Other),
    ("closed", Exit::Other),
    ("still_busy", Exit::Other),
    ("binding", Exit::Other),
    // Of the command
    ("usage", Exit::Usage),
    ("input", Exit::Usage),
    ("fixtures", Exit::Other),
    ("io", Exit::Other),
    ("output", Exit::Other),
];

/// The exit code that an error code leads to.
pub(crate) fn exit_of(code: &str) -> Exit {
    CODES.iter().find(|(c, _)| *c == code).map_or(Exit::Other, |(_, e)| *e)
}

/// The exit code of an answer.
pub(crate) fn exit_of_answer(answer: &Answer) -> Exit {
    match (&answer.error, answer.outcome) {
        (Some(e), _) => exit_of(&e.code),
        (None, Outcome::CannotSay) => Exit::CannotSay,
        (None, Outcome::Hit | Outcome::Possible | Outcome::NoTrace) => Exit::Done,
    }
}

/// Why a command could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// A file named on the command line cannot be read.
    pub(crate) fn input(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new("input", format!("reading {}: {error}", path.display()))
    }

    /// What was to be printed could not be.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        Self::new("output", format!("writing the output: {error}"))
    }

    pub(crate) fn exit(&self) -> Exit {
        exit_of(self.code)
    }
}

impl From<ClientError> for Failure {
    fn from(e: ClientError) -> Self {
        Self::new(e.code(), e.to_string())
    }
}

impl From<HubError> for Failure {
    fn from(e: HubError) -> Self {
        let code = match &e {
            HubError::NotAHub { .. } => "not_a_hub",
            HubError::AlreadyAHub { .. } => "already_a_hub",
            HubError::Mapping { .. } => "mapping",
            HubError::Extract { .. } => "extract",
            HubError::Refused(_) => "refused",
            HubError::Unreachable(_) => "identity_unreachable",
            HubError::Key { .. } => "hub_key",
            HubError::Db(_) => "hub_db",
            HubError::Io { .. } => "io",
            HubError::Wire(_) => "malformed",
            HubError::Tls(_) => "tls",
        };
        Self::new(code, e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_documented_table_is_the_one_in_force() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
        let text = std::fs::read_to_string(path).unwrap();
        let section = text.split("## Error codes").nth(1).unwrap().split("\n## ").next().unwrap();
        let row = |line: &str| -> Option<(String, u8)> {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let code = cells.next()?.trim().trim_end_matches('`').to_owned();
            Some((code, cells.next()?.trim().parse().ok()?))
        };
        let documented: BTreeMap<String, u8> = section.lines().filter_map(row).collect();
        let known: BTreeMap<String, u8> = CODES.iter().map(|(c, e)| ((*c).to_owned(), *e as u8)).collect();
        assert_eq!(documented, known);
        assert_eq!(known.len(), CODES.len(), "a code stands twice");
    }
}
