//! How far a long operation has come; who shows it, and how, is the caller's business.

/// One report of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, in a word or two: `reading`, `comparing`, `applying`, `sealing`.
    pub stage: &'static str,
    /// How much is done, in `unit`.
    pub done: u64,
    /// How much there is, where known.
    pub total: Option<u64>,
    /// `bytes` or `rows`.
    pub unit: &'static str,
}

/// Rows between two reports.
pub(crate) const EVERY: u64 = 8_192;
