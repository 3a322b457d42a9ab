//! What is in force on a device, and under which names it is kept.

use crate::glass::Glass;
use crate::managed::Managed;
use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{CompartmentId, Grant, Hash32, Head};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is in force: replaced as a whole, so that a check sees one consistent state.
#[derive(Clone, Default)]
pub(crate) struct View {
    pub grant: Option<Grant>,
    pub policy: Option<Policy>,
    pub head: Option<Head>,
    pub held: BTreeMap<CompartmentId, HeldMeta>,
    /// Compartments whose rows a scrub found to be others than were published.
    pub suspect: BTreeSet<CompartmentId>,
    pub contact: Timestamp,
    /// What MDM's configuration says.
    pub managed: Managed,
    /// What was broken open.
    pub glass: Glass,
    /// Version of the app.
    pub app_version: String,
}

impl View {
    /// Whether the same is permitted as under another: policy, grant and what MDM and officer have said.
    pub(crate) fn same_rules(&self, other: &Self) -> bool {
        let versions = |v: &Self| {
            (v.policy.as_ref().map(|p| p.policy_version), v.grant.as_ref().map(|g| g.grant_version), v.glass)
        };
        versions(self) == versions(other) && self.managed == other.managed
    }
}

/// What the manifest in force says of a compartment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HeldMeta {
    pub manifest_version: u64,
    pub manifest_hash: Hash32,
    pub as_of: Timestamp,
    pub due_by: Option<Timestamp>,
    pub last_refused: bool,
    pub warnings: bool,
    pub kind: RecordKind,
    pub rows: u64,
    pub unsearchable: u64,
    pub watermark: u64,
    pub applied_at: Timestamp,
}

/// Names of the documents in the state file.
pub(crate) mod doc {
    pub(crate) const HUB: &str = "hub";
    pub(crate) const RELAY: &str = "relay";
    pub(crate) const CA: &str = "ca";
    pub(crate) const CERTIFICATES: &str = "certificates";
    pub(crate) const RENEW_AFTER: &str = "renew_after";
    pub(crate) const ROOT: &str = "root";
    pub(crate) const FORMER_ROOTS: &str = "former_roots";
    pub(crate) const OFFICER: &str = "officer";
    pub(crate) const ENROLLED: &str = "enrolled";
    pub(crate) const APP_VERSION: &str = "app_version";
    pub(crate) const COUNTER: &str = "counter";
    pub(crate) const JOURNAL_MARK: &str = "journal_mark";
    pub(crate) const ROLLED_BACK: &str = "rolled_back";
    pub(crate) const HEAD: &str = "head";
    pub(crate) const HEAD_VERSION: &str = "head_version";
    pub(crate) const SET_HASH: &str = "set_hash";
    pub(crate) const GRANT: &str = "grant";
    pub(crate) const POLICY: &str = "policy";
    pub(crate) const CONTACT: &str = "contact";
    pub(crate) const CLOCK: &str = "clock";
    pub(crate) const HELD: &str = "held/";
    pub(crate) const INTEGRITY: &str = "integrity/";
    pub(crate) const DICTIONARY: &str = "dictionary/";
    pub(crate) const INDEX: &str = "index/";
    pub(crate) const ARRIVING: &str = "arriving";
    pub(crate) const NEXT_ASK: &str = "next_ask";
    pub(crate) const NOT_BEFORE: &str = "not_before";
    pub(crate) const SPENT: &str = "spent";
    pub(crate) const ATTEMPTS: &str = "attempts";
    pub(crate) const GRANT_OWED: &str = "grant_owed";
    /// The journal's number below which questions are still to be asked again, because what is held has changed since.
    pub(crate) const LATE_OWED: &str = "late_owed";
    pub(crate) const MANAGED: &str = "managed";
    pub(crate) const GLASS: &str = "glass";
}
