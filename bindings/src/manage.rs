//! What device management does with a device through the app: policy and configuration handed over, and what it hears back.

use crate::{ApiError, Device};
use beatcheck_client as client;
use beatcheck_model::Timestamp;
use client::{GlassBroken, KeyedState, ManagedApplied, ManagedSettings, PolicyTaken, Severity};

/// Why an officer checks. The purpose is one of those that policy allows; some owe a reason or an incident's number.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct Why {
    /// One of `DeviceStatus.purposes`.
    pub purpose: String,
    /// In the officer's own words.
    #[uniffi(default = None)]
    pub reason: Option<String>,
    /// Number of the incident.
    #[uniffi(default = None)]
    pub incident: Option<String>,
}

impl From<&str> for Why {
    fn from(purpose: &str) -> Self {
        Self { purpose: purpose.into(), ..Self::default() }
    }
}

impl From<String> for Why {
    fn from(purpose: String) -> Self {
        Self { purpose, ..Self::default() }
    }
}

impl Why {
    /// The check of a question for this.
    pub(crate) fn ask(&self, query: beatcheck_model::Query) -> client::CheckRequest {
        let given = |t: &Option<String>| t.clone().unwrap_or_default();
        client::CheckRequest::new(query, &self.purpose).because(&given(&self.reason), &given(&self.incident))
    }
}

#[uniffi::remote(Record)]
pub struct PolicyTaken {
    pub policy_version: u64,
    pub changed: bool,
}

#[uniffi::remote(Record)]
pub struct ManagedApplied {
    pub changed: Vec<String>,
    pub ignored: Vec<String>,
}

#[uniffi::remote(Record)]
pub struct GlassBroken {
    pub until: Timestamp,
    pub compartments: Vec<String>,
    pub times_left: u32,
}

#[uniffi::remote(Enum)]
pub enum Severity {
    Info,
    Error,
}

#[uniffi::remote(Record)]
pub struct KeyedState {
    pub key: String,
    pub severity: Severity,
    pub message: String,
    pub data: String,
}

#[uniffi::remote(Record)]
pub struct ManagedSettings {
    pub hub_url: Option<String>,
    pub hub_ca_pem: Option<String>,
    pub asset: Option<String>,
}

/// Reads MDM's configuration for an app that is not enrolled yet: what to hand to [`Device::enrol`].
///
/// # Errors
/// [`ApiError::Invalid`] with code `managed`.
#[uniffi::export]
pub fn managed_configuration(json: String) -> Result<ManagedSettings, ApiError> {
    Ok(client::Home::read_managed(&json)?)
}

#[uniffi::export]
impl Device {
    /// Which version of the app this is: call it at each start. Policy may want a newer one.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn set_app_version(&self, version: String) -> Result<(), ApiError> {
        Ok(self.using()?.set_app_version(&version)?)
    }

    /// Puts a signed policy in force that device management handed over as bytes; in force when this returns.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] with code `policy_refused`; the policy in force stays.
    pub fn take_policy(&self, signed: Vec<u8>) -> Result<PolicyTaken, ApiError> {
        Ok(self.using()?.take_policy(&signed)?)
    }

    /// Applies MDM's configuration, a JSON object: call it when the app starts and whenever the platform says that it changed.
    /// It can tell where the hub is and shorten the lease; it cannot grant anything. The settings: `docs/mdm.md`.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] with code `managed`; nothing was changed.
    pub fn apply_managed_configuration(&self, json: String) -> Result<ManagedApplied, ApiError> {
        Ok(self.using()?.apply_managed_configuration(&json)?)
    }

    /// What MDM may be told of this device: to be set as keyed app states (Android), or as feedback (Apple).
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn keyed_states(&self) -> Result<Vec<KeyedState>, ApiError> {
        Ok(self.using()?.keyed_states()?)
    }

    /// Opens warnings and stolen vehicles on the officer's own word after the lease has ended, if policy has that. It is on
    /// record before it opens anything, and every answer under it says so.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] with code `break_glass`; the text says why.
    pub fn break_glass(&self, reason: String) -> Result<GlassBroken, ApiError> {
        Ok(self.using()?.break_glass(&reason)?)
    }
}
