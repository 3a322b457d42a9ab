//! The journal file's key, sealed to the hub's audit key: what a device whose hardware key is lost leaves to the hub.
//!
//! The file tells nothing to whom it is found by. It opens the journal *file*; the entries inside are each sealed to the
//! hub for themselves, and beside them lies what officers were told of late: that is for the auditor too, and for no one else.

use crate::device::{decode, encode};
use crate::{ClientError, Home};
use beatcheck_wire::DeviceId;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

/// The file.
#[derive(Serialize, Deserialize)]
pub(crate) struct Escrow {
    version: u8,
    /// Whose journal.
    pub(crate) device: DeviceId,
    /// To whom it is sealed.
    audit_key: [u8; 32],
    pub(crate) sealed: Vec<u8>,
}

impl Escrow {
    /// What lies at `path`, if it is one.
    pub(crate) fn read(path: &std::path::Path) -> Option<Self> {
        decode::<Self>(&std::fs::read(path).ok()?).ok().filter(|e| e.version == VERSION)
    }
}

/// Sees to it that the key is in escrow with the hub that is trusted now.
pub(crate) fn keep(home: &Home, device: DeviceId, key: &[u8; 32], audit_key: &[u8; 32]) -> Result<(), ClientError> {
    if Escrow::read(&home.escrow()).is_some_and(|e| e.device == device && e.audit_key == *audit_key) {
        return Ok(());
    }
    let mut failed = None;
    let mut random = |out: &mut [u8]| failed = getrandom::fill(out).err().or(failed.take());
    let sealed = beatcheck_audit::seal_key(key, audit_key, device, &mut random);
    if let Some(e) = failed {
        return Err(ClientError::Random(e.to_string()));
    }
    let sealed = sealed.map_err(|e| ClientError::Account(e.to_string()))?;
    let escrow = Escrow { version: VERSION, device, audit_key: *audit_key, sealed };
    Ok(beatcheck_store::write_atomic(&home.escrow(), &encode(&escrow)?)?)
}
