//! What an officer reads when something went wrong: what it means for the beat, and what to do. No jargon, no personal data.
//!
//! The text of [`ClientError`] itself is for whoever runs the system, and for a log. Wording is reviewed like code: none of
//! these may be taken to mean that a vehicle or a person is all right.

use crate::ClientError;
use beatcheck_store::StoreError;
use beatcheck_sync::SyncFault;

impl ClientError {
    /// For the officer, in words that say what to do.
    ///
    /// ```
    /// use beatcheck_client::ClientError;
    ///
    /// assert_eq!(ClientError::Locked.officer_text(), "Locked. Unlock to check.");
    /// assert!(ClientError::PinWait { seconds: 90 }.officer_text().contains("90 seconds"));
    /// ```
    #[must_use]
    pub fn officer_text(&self) -> String {
        match self {
            Self::NotEnrolled { .. } => "This phone is not set up for checks. Enrol it with a code from your administrator.".into(),
            Self::AlreadyEnrolled { .. } => "This phone is set up already. It must be erased before it can be enrolled anew.".into(),
            Self::Wiped => "The records on this phone were erased. Enrol it anew; use the radio until then.".into(),
            Self::EnrolCode(_) => "The enrolment code cannot be used. Compare it with what you were given, or ask for a new one.".into(),
            Self::BreakGlass(_) => "Emergency access is not possible now. Use the radio.".into(),
            Self::PolicyRefused { .. } => "A policy that was handed over was refused. The one in force stays. Tell device management.".into(),
            Self::Managed(_) => "The settings from device management cannot be used. Nothing was changed. Tell device management.".into(),
            Self::Pin => "The PIN is missing or wrong.".into(),
            Self::Locked | Self::Vault(crate::VaultError::Locked) => "Locked. Unlock to check.".into(),
            Self::PinWait { seconds } => format!("Too many wrong PINs. Try again in {seconds} seconds."),
            Self::PinShort { least } => format!("The PIN is too short: use at least {least} characters."),
            Self::BiometricForbidden => "Your force does not allow unlocking by finger or face. Use the PIN.".into(),
            Self::Vault(crate::VaultError::Unsupported) => "This phone's key store cannot do this. If it was for finger or face: set that up in Settings, or use the PIN.".into(),
            Self::Vault(_) => "This phone's key store did not answer. Restart the phone. If that does not help, ask your administrator to enrol it anew.".into(),
            Self::Keyring => "This phone's keys cannot be read. Ask your administrator to erase it and enrol it anew.".into(),
            Self::NotLost => "This phone can still be opened: nothing was changed.".into(),
            Self::Store(StoreError::Full) | Self::Sync(SyncFault::NoSpace) => "No space left on this phone. Free some, then try again.".into(),
            Self::Store(_) | Self::Io { .. } => "A file on this phone cannot be used. Restart the app. If it stays so, ask your administrator.".into(),
            Self::Account(_) => "The check could not be put on record, so no answer is given. Free space on this phone or use the radio.".into(),
            Self::Sync(SyncFault::Unreachable(_) | SyncFault::Busy { .. }) => "The police data hub cannot be reached. Checks go on with what is on this phone.".into(),
            Self::Sync(SyncFault::Cancelled) => "Cancelled. What was fetched is kept.".into(),
            Self::Sync(SyncFault::Refused { code, .. }) => refused(code).into(),
            Self::Sync(SyncFault::WipeUnsigned) => "The hub asks for this phone to be erased, without a valid order. Use the radio, and tell device management.".into(),
            Self::Sync(SyncFault::RootGap { .. } | SyncFault::WrongDevice) => "The hub does not know this phone any more. Ask your administrator to enrol it anew.".into(),
            Self::Sync(_) | Self::Wire(_) => "What the hub sent was refused because it could not be trusted. Checks go on with what is on this phone. Tell device management.".into(),
            Self::SyncRunning => "An update is running already.".into(),
            Self::Paused => "Paused while the app is in the background. Open it again.".into(),
            Self::Closed => "Closed. Open the app again.".into(),
            Self::StillBusy => "Something is still under way.".into(),
            Self::Binding { .. } => "This app was put together wrongly. Ask your administrator for an update.".into(),
            Self::Tls(_) => "No safe connection to the police data hub. Checks go on with what is on this phone.".into(),
            Self::Random(_) => "This phone cannot work safely now. Restart it.".into(),
        }
    }

    /// For a log: the stable code, and the cause. No personal data, no secrets.
    #[must_use]
    pub fn log_text(&self) -> String {
        format!("{}: {self}", self.code())
    }
}

/// What the hub refused, by its own code (`docs/cli.md`).
fn refused(code: &str) -> &'static str {
    match code {
        "bad_code" | "code_expired" | "code_used" | "too_many_codes" => {
            "The enrolment code was refused. Compare it with what you were given, or ask for a new one."
        }
        "revoked" => "Device management has withdrawn this phone. Use the radio.",
        "suspended" => "Your access is suspended. Use the radio, and ask your supervisor.",
        "unknown_device" | "no_certificate" | "certificate_ended" => {
            "The hub does not know this phone any more. Ask your administrator to enrol it anew."
        }
        "vault_not_allowed" => "Policy does not allow this kind of device.",
        "wrong_protocol" => "This app and the hub do not fit together. Update the app.",
        "busy" | "too_slow" | "too_often" | "internal" => {
            "The police data hub is busy. Checks go on with what is on this phone."
        }
        _ => "The hub refused. Checks go on with what is on this phone. If it stays so, tell device management.",
    }
}
