//! Time and randomness, injected.

use crate::ClientError;
use beatcheck_model::Timestamp;
use std::sync::Arc;

/// Where the core gets the time from.
pub trait Clock: Send + Sync {
    /// Now, by this clock.
    fn now(&self) -> Timestamp;
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A clock that stands still until it is set: for tests, and for the desk command's `--now`.
#[derive(Debug, Default)]
pub struct FixedClock(std::sync::atomic::AtomicI64);

impl FixedClock {
    /// A clock that says `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(at.0.into())
    }

    /// Sets it.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

/// Time and randomness.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    steps: Option<Steps>,
}

/// Told the name of each step of what must bear being killed anywhere.
type Steps = Arc<dyn Fn(&'static str) + Send + Sync>;

impl Env {
    /// The machine's clock, the system's randomness.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), steps: None }
    }

    /// Another clock, the system's randomness.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock, steps: None }
    }

    /// The same, calling `steps` between any two effects of a wipe, a purge and a withdrawal: for tests that kill there.
    #[doc(hidden)]
    #[must_use]
    pub fn with_steps(mut self, steps: Arc<dyn Fn(&'static str) + Send + Sync>) -> Self {
        self.steps = Some(steps);
        self
    }

    /// Between two effects.
    pub(crate) fn step(&self, name: &'static str) {
        if let Some(steps) = &self.steps {
            steps(name);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
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
