//! Time and randomness, injected.

use crate::ClientError;
use beatcheck_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How long the machine has been running, sleep included, and which of its starts that was: nobody can set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// Which start, random; zeros where the system does not say: then only a clock that ran backwards shows a restart.
    pub id: [u8; 16],
    /// Milliseconds since then.
    pub ms: i64,
}

impl Boot {
    /// Milliseconds from `earlier` to this, if both are of the same start.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<i64> {
        (self.id == earlier.id && self.ms >= earlier.ms).then(|| self.ms - earlier.ms)
    }
}

/// Where the core gets the time from.
pub trait Clock: Send + Sync {
    /// Now, by the clock on the wall: whoever holds the device can set it.
    fn now(&self) -> Timestamp;

    /// How long the machine has been running.
    fn boot(&self) -> Boot;
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    fn boot(&self) -> Boot {
        // Linux and Android count sleep in this clock only; Apple's monotonic clock counts it.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let clock = rustix::time::ClockId::Monotonic;
        let t = rustix::time::clock_gettime(clock);
        Boot { id: boot_id(), ms: t.tv_sec.saturating_mul(1000).saturating_add(t.tv_nsec / 1_000_000) }
    }
}

/// Linux names each start; read once, as it cannot change while this process lives.
fn boot_id() -> [u8; 16] {
    static ID: std::sync::OnceLock<[u8; 16]> = std::sync::OnceLock::new();
    *ID.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        beatcheck_model::RecordId::from_hex(&digits).map_or([0; 16], |id| id.0)
    })
}

/// A clock that stands still until it is set: for tests, and for the desk command's `--now`.
#[derive(Debug, Default)]
pub struct FixedClock {
    wall: AtomicI64,
    boot: AtomicI64,
    start: AtomicU64,
    /// The machine's own start, where it is that which goes on.
    machine: Option<[u8; 16]>,
}

impl FixedClock {
    /// A clock that says `at`, on a machine that has been running since 1970.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { wall: at.0.into(), boot: at.0.into(), start: 1.into(), machine: None }
    }

    /// A clock that says `at` as if this machine had been running until then: for a desk's `--now`.
    #[must_use]
    pub fn on_this_machine(at: Timestamp) -> Self {
        let (now, boot) = (SystemClock.now(), SystemClock.boot());
        Self { boot: (boot.ms + at.0 - now.0).into(), machine: Some(boot.id), ..Self::new(at) }
    }

    /// Lets time pass until `at`. Set back, it turns the clock on the wall only: the time since the start never goes back.
    pub fn set(&self, at: Timestamp) {
        let before = self.wall.swap(at.0, Ordering::SeqCst);
        self.boot.fetch_add((at.0 - before).max(0), Ordering::SeqCst);
    }

    /// Turns the clock on the wall, as who holds the device can; no time passes.
    pub fn turn(&self, at: Timestamp) {
        self.wall.store(at.0, Ordering::SeqCst);
    }

    /// Starts the machine anew; no time passes on the wall.
    pub fn reboot(&self) {
        self.start.fetch_add(1, Ordering::SeqCst);
        self.boot.store(0, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    fn boot(&self) -> Boot {
        let ms = self.boot.load(Ordering::SeqCst);
        if let Some(id) = self.machine {
            return Boot { id, ms };
        }
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.start.load(Ordering::SeqCst).to_le_bytes());
        Boot { id, ms }
    }
}

type Steps = Arc<dyn Fn(&'static str) + Send + Sync>;

/// Time and randomness.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    app_version: Arc<Mutex<Option<String>>>,
    steps: Option<Steps>,
}

impl Env {
    /// The machine's clock, the system's randomness.
    #[must_use]
    pub fn system() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// Another clock, the system's randomness.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock, app_version: Arc::default(), steps: None }
    }

    /// Which version of the app this is: policy may want a newer one. Without it, the version at enrolment counts.
    #[must_use]
    pub fn with_app_version(self, version: &str) -> Self {
        *self.app_version.lock().unwrap_or_else(PoisonError::into_inner) = Some(version.to_owned());
        self
    }

    /// For tests: called by its name before each step of what must survive being cut short at any of them.
    #[doc(hidden)]
    #[must_use]
    pub fn with_steps(self, steps: Arc<dyn Fn(&'static str) + Send + Sync>) -> Self {
        Self { steps: Some(steps), ..self }
    }

    /// A step begins.
    pub(crate) fn step(&self, name: &'static str) {
        if let Some(steps) = &self.steps {
            steps(name);
        }
    }

    pub(crate) fn app_version(&self) -> Option<String> {
        self.app_version.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn boot(&self) -> Boot {
        self.clock.boot()
    }

    /// Fills from the system's randomness.
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], ClientError> {
        let mut out = [0; N];
        getrandom::fill(&mut out).map_err(|e| ClientError::Random(e.to_string()))?;
        Ok(out)
    }
}

/// A stopwatch for what an answer reports of itself.
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn micros(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
