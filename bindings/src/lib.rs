//! Beatcheck: encrypted offline checks for patrol officers. This is the library shipped to phones.
//!
//! A thin skin over `beatcheck-client`: every function here is one call below. It carries UniFFI's surface, from which
//! the Kotlin, Swift and Python bindings are generated; Rust programs use the same names.
//!
//! Checks and syncs are blocking functions: call them from your own dispatcher. No function here waits for another
//! call on the same [`Device`]: a check never waits for a sync. What happens meanwhile is pulled with
//! [`Device::next_event`], so that no callback comes in on a foreign thread.

mod error;
mod events;
mod lifecycle;
mod manage;
mod session;
mod shapes;
mod vault;

pub use beatcheck_client::{
    ClockStatus, CompartmentChange, CompartmentStatus, DeviceStatus, Failure, GlassBroken, JournalStatus, KeyedState,
    LateHit, Lifecycle, ManagedApplied, ManagedSettings, Mended, Network, PolicyTaken, Recovered, Severity, Shift,
    SyncReport, UnlockStatus, WipeReport,
};
pub use beatcheck_model::{
    Answer, AnswerError, Arriving, Coverage, CoverageState, Detail, Disclosure, Grade, Hit, Outcome, PartialDate,
    PersonQuery, Reason, RecordKind, Sex, ShownMarker, Timestamp, VehicleQuery, WarningsState,
};
pub use error::ApiError;
pub use events::SyncEvent;
pub use manage::{Why, managed_configuration};
pub use session::enrolment_nonce;
pub use vault::{KeyUse, KeyVault, VaultError, desk_vault};

use beatcheck_client as client;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

uniffi::setup_scaffolding!();

/// What enrolment needs.
#[derive(Clone, uniffi::Record)]
pub struct EnrolOptions {
    /// Directory of the device's files, in the app's private storage.
    pub home: String,
    /// The hub, as `https://HOST:PORT`.
    pub hub: String,
    /// The one-time code that the hub's operator gave.
    pub code: String,
    /// The hub's CA certificate, PEM.
    pub ca_pem: String,
    /// A PIN that each opening will need; none: the vault alone protects.
    pub pin: Option<String>,
    /// The app's version.
    pub app_version: String,
    /// What device management calls this device, where it told the app: a code may be bound to it.
    #[uniffi(default = "")]
    pub asset: String,
    /// An ID token of the force's identity provider, where the hub asks for one.
    #[uniffi(default = "")]
    pub id_token: String,
}

/// An enrolled device.
///
/// Hold one, for the life of the app's process; every function may be called from any thread.
#[derive(uniffi::Object)]
pub struct Device {
    inner: client::Handle,
    stop: AtomicBool,
}

impl Device {
    fn wrap(inner: client::Device) -> Arc<Self> {
        Arc::new(Self { inner: client::Handle::new(inner), stop: AtomicBool::new(false) })
    }

    /// The device behind its gate.
    fn using(&self) -> Result<client::Using<'_>, ApiError> {
        Ok(self.inner.using()?)
    }
}

#[uniffi::export]
impl Device {
    /// Enrols this device with a one-time code. Nothing is kept unless all of it succeeded.
    ///
    /// # Errors
    /// [`ApiError`]; `code` says which of the table in `docs/cli.md`.
    #[uniffi::constructor]
    pub fn enrol(options: EnrolOptions, vault: Arc<dyn KeyVault>) -> Result<Arc<Self>, ApiError> {
        let options = client::EnrolOptions {
            home: options.home.into(),
            hub: options.hub,
            code: options.code,
            ca_pem: options.ca_pem,
            pin: options.pin,
            app_version: options.app_version,
            asset: options.asset,
            id_token: options.id_token,
        };
        Ok(Self::wrap(client::Device::enrol(&options, vault::adapt(vault), client::Env::system())?))
    }

    /// Opens an enrolled device.
    ///
    /// # Errors
    /// [`ApiError::NotEnrolled`], [`ApiError::Locked`] for a missing or wrong PIN, and others.
    #[uniffi::constructor]
    pub fn open(home: String, vault: Arc<dyn KeyVault>, pin: Option<String>) -> Result<Arc<Self>, ApiError> {
        let env = client::Env::system();
        Ok(Self::wrap(client::Device::open(Path::new(&home), vault::adapt(vault), env, pin.as_deref())?))
    }

    /// Checks a vehicle by its mark, its VIN, or both. Milliseconds; durable in the account before it returns.
    ///
    /// A refused check is an answer too: `cannot_say`, with `error`.
    ///
    /// # Errors
    /// [`ApiError::NotAccounted`] if the check could not be put on record: then nothing may be shown.
    pub fn check_vehicle(&self, query: VehicleQuery, why: Why) -> Result<Answer, ApiError> {
        Ok(self.using()?.check(&why.ask(beatcheck_model::Query::Vehicle(query)))?)
    }

    /// Checks a person by any of name, date of birth or identifier. As [`Device::check_vehicle`].
    ///
    /// # Errors
    /// As [`Device::check_vehicle`].
    pub fn check_person(&self, query: PersonQuery, why: Why) -> Result<Answer, ApiError> {
        Ok(self.using()?.check(&why.ask(beatcheck_model::Query::Person(query)))?)
    }

    /// Shows what is linked with a record that an answer has shown (`Hit.kind`, `Hit.id`): from a person to vehicles and
    /// associates, from a vehicle to keeper and known users, and back. The record itself stands first. A check like any other.
    ///
    /// # Errors
    /// As [`Device::check_vehicle`].
    pub fn check_linked(&self, of: RecordKind, record: String, why: Why) -> Result<Answer, ApiError> {
        Ok(self
            .using()?
            .check(&why.ask(beatcheck_model::Query::Linked(beatcheck_model::LinkedQuery { of, record })))?)
    }

    /// Fetches what changed and sends the account. Blocks for as long as it takes; checks go on meanwhile.
    ///
    /// # Errors
    /// [`ApiError`] where nothing could be done at all; the link's and the hub's faults are in the report.
    pub fn sync(&self) -> Result<SyncReport, ApiError> {
        Ok(self.inner.sync(&client::SyncOptions::default())?)
    }

    /// As [`Device::sync`], over a network of which the app knows the kind: policy has budgets for those that are paid
    /// for by volume. `hold_s` lets the hub hold the question for so many seconds (at most 25) if it has nothing new.
    ///
    /// # Errors
    /// As [`Device::sync`].
    pub fn sync_over(&self, network: Network, hold_s: u16) -> Result<SyncReport, ApiError> {
        Ok(self.inner.sync(&client::SyncOptions { network, hold_s })?)
    }

    /// Stays in contact until [`Device::stop_watch`]: blocks; for a thread of its own, in the foreground. What happens is
    /// pulled with [`Device::next_event`]. It returns by itself when the device was wiped: send what is left of the account
    /// then ([`send_last_words`]), and the receipt with it.
    ///
    /// # Errors
    /// As [`Device::sync`].
    pub fn watch(&self, network: Network) -> Result<(), ApiError> {
        self.stop.store(false, Ordering::SeqCst);
        Ok(self.inner.watch(network, &|| self.stop.load(Ordering::SeqCst))?)
    }

    /// Ends a watch, once the question that is held has been answered.
    pub fn stop_watch(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// A push came in: seconds after which to sync. What it carries is not looked at.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn handle_push(&self, payload: Vec<u8>) -> Result<u32, ApiError> {
        Ok(self.using()?.handle_push(&payload)?.sync_in_s)
    }

    /// Reads stored rows again for about `ms` milliseconds and compares them with what was published: for idle time, such
    /// as a background task while charging. Whether all that was due is done; what was found is in the status.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn scrub(&self, ms: u64) -> Result<bool, ApiError> {
        Ok(self.using()?.scrub(ms, false)?.complete)
    }

    /// Sets a relay (`https://HOST:PORT`), a cache near by that is asked for segments before the hub is; none: only the hub.
    /// It cannot read or alter what it carries, and a sync goes on without it.
    ///
    /// # Errors
    /// [`ApiError`] if it is no such address.
    pub fn set_relay(&self, relay: Option<String>) -> Result<(), ApiError> {
        Ok(self.using()?.set_relay(relay.as_deref())?)
    }

    /// What this device holds, how fresh, and what waits to be sent.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn status(&self) -> Result<DeviceStatus, ApiError> {
        Ok(self.using()?.status()?)
    }

    /// Answers given earlier that have changed since, within policy's window, newest first: those before the entry `before` (0:
    /// from the newest), at most `most`. The next page is asked for with the `audit_seq` of the last.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn late_hits(&self, before: u64, most: u32) -> Result<Vec<LateHit>, ApiError> {
        Ok(self.using()?.late_hits(before, most)?)
    }

    /// Erases this device; entries of the account that wait are kept as ciphertext for [`send_last_words`].
    ///
    /// # Errors
    /// [`ApiError`]; then nothing was erased.
    pub fn wipe(&self) -> Result<WipeReport, ApiError> {
        Ok(self.using()?.wipe("officer")?)
    }
}

/// Sends what a wiped device still has of its account; returns the number of entries sent.
///
/// # Errors
/// [`ApiError`]; it can be tried again.
#[uniffi::export]
pub fn send_last_words(home: String, vault: Arc<dyn KeyVault>) -> Result<u64, ApiError> {
    Ok(client::Device::send_last_words(Path::new(&home), vault::adapt(vault), client::Env::system())?)
}

/// Whether a binding of this version belongs to this library: an app's start-up check, before anything else. `version` is the
/// package's, as `0.1.0`. That the functions are the same is checked by the generated code itself (Swift at its first call,
/// Kotlin and Python when it is initialised).
///
/// # Errors
/// [`ApiError::Invalid`] with code `binding`.
#[uniffi::export]
pub fn binding_check(version: String) -> Result<(), ApiError> {
    let library = env!("CARGO_PKG_VERSION");
    if version == library { Ok(()) } else { Err(client::ClientError::Binding { library, binding: version }.into()) }
}

/// Version of this library, with the commit it was built from where known.
#[uniffi::export]
#[must_use]
pub fn version() -> String {
    concat!(env!("CARGO_PKG_VERSION"), "+", env!("BEATCHECK_COMMIT")).to_owned()
}

/// Clears a device whose hardware key is lost (opening it says `vault`), and keeps its account for the hub, which alone can
/// open it. Then enrol anew with a code for the same officer; the first sync hands it in.
///
/// # Errors
/// `not_lost` if the device can be opened: nothing is touched; `not_enrolled` if there is none.
#[uniffi::export]
pub fn recover(home: String, vault: Arc<dyn KeyVault>) -> Result<Recovered, ApiError> {
    Ok(client::Device::recover(Path::new(&home), vault::adapt(vault))?)
}
