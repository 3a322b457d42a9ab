//! The root document: whom devices trust, and the steps from one to the next.
//!
//! A step is drafted at the hub (which makes the new keys that it holds itself), signed wherever the root keys are, and
//! pushed here: what devices need under the new keys is signed anew in the same transaction. Where the root key lies in
//! the hub's directory, `Hub::root_rotate` does all three.

mod draft;
mod push;
mod status;

pub use draft::{RootChange, RootKey, generate_key, sign_root};
pub use status::{RootKeyStatus, RootStatus};

use crate::{Hub, HubError};
use beatcheck_wire::envelope::OVERHEAD;
use beatcheck_wire::{MAX_ROOT_STEPS, Root, RootStep, WireError};
use rusqlite::{Connection, params};

impl Hub {
    /// The signed root document.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn root_document(&self) -> Result<Vec<u8>, HubError> {
        newest(&*self.conn()?)
    }

    /// What it says: the keys that documents of this hub are verified with.
    ///
    /// # Errors
    /// [`HubError::Db`] or [`HubError::Wire`].
    pub fn trust(&self) -> Result<Root, HubError> {
        trust(&*self.conn()?)
    }

    /// The way from a root that a device trusts to the newest, oldest step first, as far as one answer holds it.
    pub(crate) fn root_steps(&self, from: u64) -> Result<Vec<RootStep>, HubError> {
        let conn = self.conn()?;
        let mut steps = conn.prepare_cached(
            "SELECT by_old, signed FROM root_document WHERE version > ?1 AND by_old IS NOT NULL ORDER BY version LIMIT ?2",
        )?;
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let steps = steps.query_map(params![from, MAX_ROOT_STEPS as i64], |r| {
            Ok(RootStep { by_old: r.get(0)?, by_new: r.get(1)? })
        })?;
        Ok(steps.collect::<Result<_, _>>()?)
    }
}

fn newest(conn: &Connection) -> Result<Vec<u8>, HubError> {
    Ok(conn.query_row("SELECT signed FROM root_document ORDER BY version DESC LIMIT 1", [], |r| r.get(0))?)
}

/// What the newest root says.
pub(crate) fn trust(conn: &Connection) -> Result<Root, HubError> {
    let signed = newest(conn)?;
    let payload = signed.get(OVERHEAD..).ok_or(WireError::Truncated)?;
    Ok(postcard::from_bytes(payload).map_err(|_| WireError::Malformed("root"))?)
}
