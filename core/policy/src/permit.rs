//! What a decision hands to one check.

use beatcheck_wire::CompartmentId;
use beatcheck_wire::policy::Hidden;

/// Leave to look, for one check: the compartments that may be read, and what of their records may be seen. Only
/// [`decide`](crate::decide) makes one.
///
/// ```compile_fail
/// // There is no way to make one by hand.
/// let p = beatcheck_policy::Permit { compartments: vec![], policy_version: 1, grant_version: 1 };
/// ```
#[derive(Debug)]
pub struct Permit {
    pub(crate) compartments: Vec<CompartmentId>,
    pub(crate) withheld: Vec<(CompartmentId, Withheld)>,
    /// Of the compartments, those that only a break-glass opens.
    pub(crate) glass: Vec<CompartmentId>,
    pub(crate) hide: Vec<Hidden>,
    pub(crate) policy_version: u64,
    pub(crate) grant_version: u64,
    pub(crate) max_results: usize,
    pub(crate) possible_odds_bits: i32,
    pub(crate) unusual: Vec<&'static str>,
}

/// Why a granted compartment may not be read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// The role does not name it.
    Role,
    /// Its extract is older than policy lets it be used.
    TooOld,
    /// Its own lease has ended without contact.
    Lease,
    /// The lease has ended, and what was broken open does not include it.
    BreakGlass,
}

impl Withheld {
    /// The stable code, as answers bear it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::TooOld => "too_old",
            Self::Lease => "lease",
            Self::BreakGlass => "break_glass",
        }
    }
}

impl Permit {
    /// Whether this compartment may be read.
    #[must_use]
    pub fn allows(&self, id: &CompartmentId) -> bool {
        self.compartments.contains(id)
    }

    /// Which compartments may be read.
    #[must_use]
    pub fn compartments(&self) -> &[CompartmentId] {
        &self.compartments
    }

    /// Why a granted compartment may not be read; none if it may, or is not granted.
    #[must_use]
    pub fn withheld(&self, id: &CompartmentId) -> Option<Withheld> {
        self.withheld.iter().find(|(c, _)| c == id).map(|(_, why)| *why)
    }

    /// The groups of fields of this compartment's records that are not to be seen or searched by.
    #[must_use]
    pub fn hides(&self, id: &CompartmentId) -> &[Hidden] {
        if self.glass.contains(id) { &Hidden::ALL } else { &self.hide }
    }

    /// Whether a group of fields is hidden in any compartment that may be read: then nothing is searched by it, or the order
    /// of an answer would tell what is not shown.
    #[must_use]
    pub fn hides_any(&self, what: Hidden) -> bool {
        self.hide.contains(&what) || !self.glass.is_empty()
    }

    /// Whether it stands on a break-glass.
    #[must_use]
    pub fn break_glass(&self) -> bool {
        !self.glass.is_empty()
    }

    /// What of this check is out of the ordinary: `many_checks`, `same_subject`. It is to be flagged, not refused.
    #[must_use]
    pub fn unusual(&self) -> &[&'static str] {
        &self.unusual
    }

    /// Version of the policy decided by.
    #[must_use]
    pub const fn policy_version(&self) -> u64 {
        self.policy_version
    }

    /// Version of the grant decided by.
    #[must_use]
    pub const fn grant_version(&self) -> u64 {
        self.grant_version
    }

    /// Odds in bits from which a person who differs in something may be called a possible match.
    #[must_use]
    pub const fn possible_odds_bits(&self) -> i32 {
        self.possible_odds_bits
    }

    /// Candidates that one answer may show.
    #[must_use]
    pub const fn max_results(&self) -> usize {
        self.max_results
    }
}
