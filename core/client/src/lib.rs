//! Where the parts meet: session, checks, the sync loop, transport, lifecycle.
//!
//! Only this crate reads the clock and randomness (through [`Env`], so that both can be simulated) and opens sockets
//! (`transport`). An app holds one [`Device`] and calls it from any thread: checks are blocking and short, a sync is
//! blocking and long, and neither waits for the other (rule 10).
//!
//! ```no_run
//! use beatcheck_client::{CheckRequest, Device, Env, FileVault};
//! use std::{path::Path, sync::Arc};
//!
//! let home = Path::new("/path/to/home");
//! let vault = Arc::new(FileVault::open(home.join("vault"))?);
//! let device = Device::open(home, vault, Env::system(), None)?;
//! device.sync(&|progress| eprintln!("{progress:?}"))?;
//! let answer = device.check(&CheckRequest::vehicle("BD51 SMR", "traffic_stop"))?;
//! println!("{}", answer.text);
//! # Ok::<(), beatcheck_client::ClientError>(())
//! ```

mod account;
mod answer;
mod attempts;
mod check;
mod clock;
mod cover;
mod device;
mod enrol;
mod env;
mod error;
mod escrow;
mod events;
mod file_vault;
mod glass;
mod halt;
mod handle;
mod harden;
mod home;
mod integrity;
mod keyring;
mod late;
mod linked;
mod managed;
mod officer_text;
mod on_record;
mod question;
mod recover;
mod rollback;
mod roots;
mod shift;
mod status;
mod subject;
mod sync;
mod take_policy;
mod tls;
mod transport;
mod unlock;
mod usage;
mod vault;
mod view;
mod wipe;
mod withheld;
mod words;

pub use beatcheck_sync::SyncFault;
pub use device::Device;
pub use enrol::EnrolOptions;
pub use env::{Boot, Clock, Env, FixedClock};
pub use error::ClientError;
pub use events::{DeviceEvent, MAX_EVENTS};
pub use file_vault::FileVault;
pub use glass::GlassBroken;
pub use handle::{Handle, Lifecycle, Using};
pub use home::Home;
pub use integrity::{Integrity, ScrubReport};
pub use managed::{KeyedState, MANAGED_KEYS, ManagedApplied, ManagedSettings, STATE_KEYS, Severity};
pub use question::{CheckRequest, Question};
pub use recover::Recovered;
pub use shift::Shift;
pub use status::{ClockStatus, CompartmentStatus, DeviceStatus, JournalStatus, LateHit, UnlockStatus};
pub use sync::{CompartmentChange, Failure, Mended, Network, PushAdvice, SyncOptions, SyncProgress, SyncReport};
pub use take_policy::PolicyTaken;
pub use unlock::Unlock;
pub use vault::{KeyUse, KeyVault, VaultError};
pub use wipe::WipeReport;
