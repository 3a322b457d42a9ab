//! What was counted over a simulation.

use beatcheck_sync::Outcome;

/// Counts over all syncs of all seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Seeds.
    pub seeds: u64,
    /// Syncs begun.
    pub syncs: u64,
    /// Syncs cut off by a restart of the device.
    pub cut_off: u64,
    /// Syncs that ended in a fault.
    pub faults: u64,
    /// Compartments that could not be brought forward in a sync.
    pub failures: u64,
    /// Syncs that ended with everything in place.
    pub clean: u64,
    /// Times that the head was asked for.
    pub heads_asked: u64,
    /// Compartments applied.
    pub applied: u64,
    /// Mark indexes put in use.
    pub indexed: u64,
    /// Compartments mended row by row.
    pub repairs: u64,
    /// Compartments rebuilt.
    pub rebuilds: u64,
    /// Compartments put off to a better network.
    pub deferred: u64,
    /// Bytes of segments over the link, those in vain included.
    pub bytes: u64,
    /// Bytes of repairs.
    pub repair_bytes: u64,
    /// Checks made on a compartment of the device and compared with the truth.
    pub checks: u64,
    /// Rows shown by them.
    pub rows_read: u64,
    /// Keys tried on segments that they must not open.
    pub keys_tried: u64,
    /// Most instructions of one sync.
    pub most_instructions: u64,
}

impl Totals {
    pub(crate) const fn count(&mut self, outcome: &Outcome) {
        self.failures += outcome.failed.len() as u64;
        self.applied += outcome.applied.len() as u64;
        self.indexed += outcome.indexed.len() as u64;
        self.repairs += outcome.repaired.len() as u64;
        self.rebuilds += outcome.rebuilt.len() as u64;
        self.deferred += outcome.deferred.len() as u64;
        if outcome.fault.is_some() {
            self.faults += 1;
        } else if outcome.failed.is_empty() && outcome.deferred.is_empty() {
            self.clean += 1;
        }
    }

    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        let most = self.most_instructions.max(other.most_instructions);
        for ((_, mine), (_, theirs)) in self.fields().into_iter().zip(other.entries()) {
            *mine += theirs;
        }
        self.most_instructions = most;
    }

    /// Every count with its name, in an order that stays.
    #[must_use]
    pub fn entries(&self) -> [(&'static str, u64); 18] {
        let mut copy = *self;
        copy.fields().map(|(name, n)| (name, *n))
    }

    const fn fields(&mut self) -> [(&'static str, &mut u64); 18] {
        [
            ("seeds", &mut self.seeds),
            ("syncs", &mut self.syncs),
            ("clean", &mut self.clean),
            ("restarts", &mut self.cut_off),
            ("faults", &mut self.faults),
            ("failures", &mut self.failures),
            ("heads_asked", &mut self.heads_asked),
            ("applied", &mut self.applied),
            ("indexed", &mut self.indexed),
            ("repairs", &mut self.repairs),
            ("rebuilds", &mut self.rebuilds),
            ("deferred", &mut self.deferred),
            ("bytes", &mut self.bytes),
            ("repair_bytes", &mut self.repair_bytes),
            ("checks", &mut self.checks),
            ("rows_read", &mut self.rows_read),
            ("keys_tried", &mut self.keys_tried),
            ("most_instructions", &mut self.most_instructions),
        ]
    }
}
