//! The reference hub: takes in extracts, publishes signed manifests and encrypted segments, serves devices.
//!
//! * [`ingest`]: a CSV through a mapping file becomes changes with sequence numbers;
//! * [`publish`]: changes become segments, manifests and a head;
//! * [`mod@serve`]: axum on rustls, mutual TLS; enrolment, segments, grants, journals.
//!
//! Everything lies in one data directory: an encrypted database, keys in files of their own, segments by hash.

mod account;
mod attest;
mod ca;
mod clock;
mod console;
mod db;
mod enrol;
mod error;
mod fleet;
mod grants;
pub mod ingest;
mod init;
mod journal;
mod journal_page;
mod kept;
mod keys;
pub mod mapping;
mod officers;
mod oidc;
mod orders;
mod policy;
mod pool;
mod progress;
pub mod publish;
mod relays;
mod roots;
pub mod serve;
mod shift;
mod status;

pub use account::{
    AccountFilter, AccountPage, AccountRow, Aggregates, Cell, ChainState, CounterGap, ExportReport, Format, Indexed,
    Look, LookFilter, LookHead, LookRow, Looks, Noted, Page, Rebuilt, RebuiltRecord, RebuiltSource, Retained, SMALL,
};
pub use attest::AttestationSetting;
pub use clock::{Clock, FixedClock, SystemClock};
pub use console::{ConsoleAccount, ConsoleLook, ConsoleRole, MAX_ACCOUNT_NAME, MAX_CONSOLE_ACCOUNTS, MAX_LOG_PAGE};
pub use enrol::{CODE_LIFE_S, EnrolFor, EnrolTicket, WRONG_CODES_A_MINUTE};
pub use error::HubError;
pub use fleet::{CHART_HOURS, FleetCounts, FleetFilter, FleetRow, FleetState, MAX_FLEET_PAGE, QUIET_S};
pub use ingest::{IngestOptions, IngestReport, Reject};
pub use init::InitOptions;
pub use journal::{JournalCheck, JournalFilter, JournalRow};
pub use kept::KeptAccount;
pub use keys::{Keys, read_signing_key};
pub use officers::OfficerStatus;
pub use oidc::{IdentityTest, Setting as IdentitySetting};
pub use orders::{FLEET_WIPE_LIFE_S, Order, OrderFilter, OrderKind, OrderState, WIPE_LIFE_S};
pub use policy::{
    Effect, Level, PolicyChange, PolicyFinding, PolicyHistory, PolicyStatus, PolicyStep, PolicyVersion, SIGNED_AHEAD_S,
    lint_policy, policy_diff, policy_schema, read_policy, read_signed_policy, sign_policy,
};
pub use progress::Progress;
pub use publish::{CompartmentInfo, PublishReport, PublishedCompartment};
pub use relays::{RelayAdded, RelayStatus};
pub use roots::{RootChange, RootKey, RootKeyStatus, RootStatus, generate_key, sign_root};
pub use serve::{ServeOptions, Server, serve};
pub use shift::ShiftRow;
pub use status::{CompartmentStatus, DeviceStatus, HeadStatus, HeldStatus, HubStatus};

use beatcheck_model::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An opened hub. Cheap to clone; several processes can work on one directory.
#[derive(Clone)]
pub struct Hub {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    pool: Arc<pool::Pool>,
    /// Counts what this process, or another as far as was noticed, has published or changed in a grant.
    changes: Arc<tokio::sync::watch::Sender<u64>>,
    /// The identity provider's keys, as they were last fetched.
    provider: Arc<oidc::Provider>,
}

impl Hub {
    /// Opens the hub in `dir`, which `Hub::init` must have made.
    ///
    /// # Errors
    /// [`HubError::NotAHub`] if there is none.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, HubError> {
        let key = keys::read_key(&dir.join("keys/db.key")).map_err(|_| HubError::NotAHub { dir: dir.into() })?;
        let hub = Self::with_key(dir, clock, key);
        db::migrate(&mut hub.own_conn()?)?;
        hub.finish_rotation()?;
        Ok(hub)
    }

    fn with_key(dir: &Path, clock: Arc<dyn Clock>, db_key: zeroize::Zeroizing<[u8; 32]>) -> Self {
        let (changes, _) = tokio::sync::watch::channel(0);
        let pool = Arc::new(pool::Pool::new(dir.join("hub.db"), db_key));
        Self { dir: dir.into(), clock, pool, changes: Arc::new(changes), provider: Arc::default() }
    }

    /// Wakes those that wait for something newer.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// To wait for something newer.
    pub(crate) fn changes(&self) -> &tokio::sync::watch::Sender<u64> {
        &self.changes
    }

    pub(crate) fn provider(&self) -> &oidc::Provider {
        &self.provider
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The hub's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A connection to the hub's database.
    pub(crate) fn conn(&self) -> Result<pool::Pooled, HubError> {
        self.pool.take()
    }

    /// One of one's own, for work on whole tables.
    pub(crate) fn own_conn(&self) -> Result<rusqlite::Connection, HubError> {
        self.pool.own()
    }

    /// The signing keys, read from their files.
    pub(crate) fn keys(&self) -> Result<Keys, HubError> {
        Keys::load(&self.dir.join("keys"))
    }
}
