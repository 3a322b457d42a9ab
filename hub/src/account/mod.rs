//! The account as those read it who answer for it: who looked at a record, what an officer asked, whether it is whole.
//!
//! Entries stay sealed in `journal`. The audit key opens each once, and what finds it again (who, when, purpose, reference,
//! records shown) goes into indexed tables; the question itself stays sealed and is opened for the page that shows it. A row
//! that is shown was opened from its sealed form and follows from the entry before it: an index that was tampered with can hide
//! a row from a search, which [`Hub::chain_states`] finds, but cannot put words into an entry.
//!
//! Nobody reads unseen. Everything that shows entries wants a [`Noted`], which only [`Hub::note_look`] makes, after it has
//! written who looks at what, and why, into a log of its own. Nobody reviews their own: entries of the reader's officer id are
//! withheld, and how many is said.

mod aggregates;
mod chain;
mod export;
mod filter;
mod index;
mod looks;
mod rebuild;
mod retain;
mod row;
mod search;

pub use aggregates::{Aggregates, Cell, SMALL};
pub use chain::{ChainState, CounterGap};
pub use export::{ExportReport, Format};
pub use filter::{AccountFilter, Page};
pub use index::Indexed;
pub use looks::{Look, LookFilter, LookHead, LookRow, Looks, Noted};
pub use rebuild::{Rebuilt, RebuiltRecord, RebuiltSource};
pub use retain::Retained;
pub use row::{AccountPage, AccountRow};

pub(crate) use chain::anchor;

#[cfg(doc)]
use crate::Hub;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// As hexadecimal text.
fn hex<S: serde::Serializer>(value: &beatcheck_wire::Hash32, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(value)
}
