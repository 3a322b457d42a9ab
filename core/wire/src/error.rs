//! What can be wrong with bytes that arrived. No variant carries any of the bytes' content.

/// Why bytes were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Shorter than it must be, or ends in the middle.
    #[error("the data ends too early")]
    Truncated,
    /// Not what was expected at all.
    #[error("this is not a {0}")]
    WrongKind(&'static str),
    /// A version that this build does not know.
    #[error("{what} has format version {found}; this build reads up to {known}: update the app or the hub")]
    UnknownVersion {
        /// The form.
        what: &'static str,
        /// What it says.
        found: u8,
        /// The highest known.
        known: u8,
    },
    /// Signed by a key that is not trusted for this, or not validly signed.
    #[error("the signature of the {0} is not valid")]
    BadSignature(&'static str),
    /// The bytes do not have the hash under which they were asked for.
    #[error("the content does not have the hash it was asked for by")]
    HashMismatch,
    /// Authenticated decryption failed.
    #[error("a frame could not be opened: altered, or a wrong key")]
    BadFrame,
    /// A length or count over its limit.
    #[error("{0} is over its limit")]
    OverLimit(&'static str),
    /// Malformed inside.
    #[error("the {0} is malformed")]
    Malformed(&'static str),
}
