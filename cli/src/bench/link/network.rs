//! Where a run's hub and device meet: the emulated link under real TCP, or, where that is not to be had, a simulation.

use super::child::{self, Limit};
use super::pipe::Totals;
use super::profile::Profile;
use super::proxy::Proxy;
use super::tun::Tun;
use crate::exit::Failure;
use std::ffi::OsStr;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A run of the command that needs no network, and its like, end within this time.
const COMMAND: Duration = Duration::from_secs(300);
/// The link counts as quiet when nothing was put in for this time, and for as long as an answer takes.
const QUIET: Duration = Duration::from_millis(400);
/// Longest wait for quiet: closing a connection over a lossy link may take several repeats.
const MAX_SETTLE: Duration = Duration::from_secs(20);

/// Whose side of the link a process runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Hub,
    Device,
}

/// What went through the link in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) down: Totals,
    pub(super) up: Totals,
}

impl Moved {
    pub(super) const fn since(self, before: Self) -> Self {
        Self { down: self.down.since(before.down), up: self.up.since(before.up) }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self { down: self.down.plus(other.down), up: self.up.plus(other.up) }
    }

    /// Bytes put in, both ways.
    pub(super) const fn sent(self) -> u64 {
        self.down.sent.bytes + self.up.sent.bytes
    }

    /// Bytes handed over, both ways.
    pub(super) const fn delivered(self) -> u64 {
        self.down.delivered.bytes + self.up.delivered.bytes
    }
}

/// What the link's thread tells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) moved: Moved,
    /// Packets that have yet to arrive.
    pub(super) under_way: usize,
}

/// Where it is told.
pub(super) type Board = Arc<Mutex<Told>>;

/// What stands on the board.
pub(super) fn read(board: &Board) -> Told {
    *board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes on the board.
pub(super) fn tell(board: &Board, write: impl FnOnce(&mut Told)) {
    write(&mut board.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tun,
    Simulated,
}

impl Kind {
    /// As JSON has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tun => "tun",
            Self::Simulated => "simulated",
        }
    }
}

/// The network of one profile's run.
pub(super) enum Network {
    Tun(Tun),
    Simulated(Proxy),
}

impl Network {
    /// Sets one up.
    pub(super) fn begin(kind: Kind, profile: &Profile, seed: u64, limit: &Limit) -> Result<Self, Failure> {
        match kind {
            Kind::Tun => Tun::begin(profile, seed, limit).map(Self::Tun),
            Kind::Simulated => Proxy::begin(profile, seed).map(Self::Simulated),
        }
    }

    /// A line of this program, to be run on one side of the link.
    pub(super) fn command(&self, side: Side, line: &[&OsStr]) -> Result<Command, Failure> {
        let mut command = match self {
            Self::Tun(tun) => tun.command(side)?,
            Self::Simulated(_) => this_program()?,
        };
        command.args(line).arg("--json");
        Ok(command)
    }

    /// Where the hub is to listen.
    pub(super) fn listen(&self) -> String {
        match self {
            Self::Tun(_) => format!("{}:0", super::tun::HUB_ADDRESS),
            Self::Simulated(_) => "127.0.0.1:0".to_owned(),
        }
    }

    /// Where the device reaches the hub that listens at `url`.
    pub(super) fn reach(&mut self, url: &str) -> Result<String, Failure> {
        match self {
            Self::Tun(_) => Ok(url.to_owned()),
            Self::Simulated(proxy) => proxy.lead_to(url),
        }
    }

    fn told(&self) -> Told {
        match self {
            Self::Tun(tun) => read(tun.board()),
            Self::Simulated(proxy) => read(proxy.board()),
        }
    }

    /// What has gone through so far.
    pub(super) fn moved(&self) -> Moved {
        self.told().moved
    }

    /// Waits until nothing moves any more, so that the end of one phase is not counted to the next.
    pub(super) fn settle(&self, profile: &Profile, limit: &Limit) {
        let limit = limit.within(MAX_SETTLE);
        let quiet = QUIET + Duration::from_millis(2 * profile.round_trip_ms());
        let (mut before, mut since) = (self.told(), std::time::Instant::now());
        limit.wait(|| {
            let now = self.told();
            if now.under_way > 0 || now.moved != before.moved {
                (before, since) = (now, std::time::Instant::now());
            }
            since.elapsed() >= quiet
        });
    }
}

/// This program, to be run again.
pub(super) fn this_program() -> Result<Command, Failure> {
    let exe = std::env::current_exe().map_err(super::super::step::io("finding this program"))?;
    Ok(Command::new(exe))
}

/// Runs a line of this program that needs no network; what it printed.
pub(super) fn run_here(line: &[&OsStr], limit: &Limit) -> Result<String, Failure> {
    let mut command = this_program()?;
    command.args(line).arg("--json");
    let ended = child::run(command, &limit.within(COMMAND))?;
    if !ended.ok {
        limit.check()?;
        let name = line.iter().take(2).map(|p| p.to_string_lossy()).collect::<Vec<_>>().join(" ");
        return Err(Failure::new("io", format!("the step `{name}` failed: {}", ended.complaint())));
    }
    Ok(ended.out)
}
