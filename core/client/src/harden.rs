//! What the system is asked for so that keys in memory stay there: no core dump, no reading by another process of the same user.
//!
//! The platform's own crash reporters take what the platform lets them, which an app switches off itself; a kernel, a debugger
//! as root, and memory read in other ways are beyond what a process can ask for.

/// Makes this process not dumpable, where the system has that. What fails is said in the log: a device that works is worth more
/// than one that does not start.
pub(crate) fn harden() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
        if set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
            tracing::warn!("this process could not be made undumpable");
        }
        if setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).is_err() {
            tracing::warn!("core dumps could not be switched off");
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        if setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).is_err() {
            tracing::warn!("core dumps could not be switched off");
        }
    }
}
