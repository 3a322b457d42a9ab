//! How many connections a hub takes: as many as this process may open files for.

use crate::HubError;

/// Connections at one time, at most; more wait in the system's queue.
pub const MAX_CONNECTIONS: usize = 20_000;
/// Files for the database, segments and logs. Each of the requests that are worked on may open a few.
const OWN_FILES: u64 = 1_024;

/// Raises this process's limit of open files as far as it may, and says how many connections there is room for.
///
/// # Errors
/// [`HubError::Refused`] if `wanted` are more than that.
pub(super) fn connections(wanted: Option<usize>) -> Result<usize, HubError> {
    let files = open_files(MAX_CONNECTIONS as u64 + OWN_FILES);
    let most = (files - OWN_FILES.min(files / 2)).min(MAX_CONNECTIONS as u64) as usize;
    match wanted {
        None => Ok(most),
        Some(n) if n >= 1 && n <= most => Ok(n),
        Some(n) => Err(HubError::Refused(format!(
            "{n} connections: at least 1 is needed, and here there is room for {most}, since this process may open {files} \
             files; raise that limit (ulimit -Hn), or ask for fewer"
        ))),
    }
}

/// The limit of open files, after it was raised to `wanted` or to what the system allows.
#[cfg(unix)]
fn open_files(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let current = now.current.unwrap_or(wanted);
    let raised = now.maximum.unwrap_or(wanted).min(wanted);
    // The hard limit stays: who may raise it says so outside.
    if raised > current && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: now.maximum }).is_ok() {
        return raised;
    }
    current
}

#[cfg(not(unix))]
fn open_files(wanted: u64) -> u64 {
    wanted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn there_is_room_or_it_is_said_how_much() {
        let most = connections(None).unwrap();
        assert!((1..=MAX_CONNECTIONS).contains(&most));
        assert_eq!(connections(Some(1)).unwrap(), 1);
        assert_eq!(connections(Some(most)).unwrap(), most);
        for wanted in [0, most + 1, MAX_CONNECTIONS + 1] {
            let text = connections(Some(wanted)).unwrap_err().to_string();
            assert!(text.contains(&wanted.to_string()) && text.contains("ulimit"), "{text}");
        }
    }
}
