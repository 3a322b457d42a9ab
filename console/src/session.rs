//! Who is logged in, and how often something may be tried.
//!
//! Sessions live in memory: a restart of the console logs everybody out. The cookie holds a random token, the console only
//! its hash. Each request reads the account anew, so that one that was removed or given a new password is out at once.

use beatcheck_hub::{ConsoleRole, Hub, HubError};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A session without requests ends after this time.
pub const IDLE: Duration = Duration::from_secs(15 * 60);
/// And any session after this.
pub const LONGEST: Duration = Duration::from_secs(10 * 3600);
/// Sessions at one time; beyond it, nobody else can log in.
pub const MAX_SESSIONS: usize = 1_000;
/// Wrong passwords a minute for one name.
pub const WRONG_A_MINUTE: usize = 5;
/// Wrong passwords a minute for all names together.
pub const WRONG_A_MINUTE_ALL: usize = 60;
/// Requests of one session in ten seconds.
pub const REQUESTS: u32 = 200;
const WINDOW: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) account: String,
    pub(crate) role: ConsoleRole,
    /// Their own id as an officer; empty if they are none.
    pub(crate) officer: String,
    /// What every form of this session bears.
    pub(crate) csrf: String,
}

struct Session {
    account: String,
    csrf: String,
    changed: i64,
    began: Instant,
    seen: Instant,
    window: (Instant, u32),
    /// What was last noted in the log.
    noted: String,
}

/// Why a request is not served.
pub(crate) enum Out {
    /// Nobody is logged in.
    Login,
    /// Too much was asked.
    Slow,
    /// The hub failed.
    Hub(HubError),
}

/// All sessions, and the wrong passwords of the last minute.
#[derive(Default)]
pub(crate) struct Sessions {
    all: Mutex<HashMap<String, Session>>,
    wrong: Mutex<VecDeque<(Instant, String)>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A random text of 256 bits.
pub(crate) fn token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn hashed(token: &str) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, token.as_bytes()).as_ref())
}

/// Whether two secrets are the same, in a time that does not say where they differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    hashed(a) == hashed(b)
}

impl Sessions {
    /// Whose session this is.
    pub(crate) fn who(&self, hub: &Hub, cookie: &str) -> Result<Who, Out> {
        let key = hashed(cookie);
        let now = Instant::now();
        let (account, csrf, changed) = {
            let mut all = held(&self.all);
            let session = all.get_mut(&key).ok_or(Out::Login)?;
            if now - session.seen > IDLE || now - session.began > LONGEST {
                all.remove(&key);
                return Err(Out::Login);
            }
            if now - session.window.0 > WINDOW {
                session.window = (now, 0);
            }
            session.window.1 += 1;
            if session.window.1 > REQUESTS {
                return Err(Out::Slow);
            }
            session.seen = now;
            (session.account.clone(), session.csrf.clone(), session.changed)
        };
        match hub.console_account(&account).map_err(Out::Hub)? {
            Some(a) if a.changed.0 == changed => Ok(Who { account, role: a.role, officer: a.officer, csrf }),
            _ => {
                held(&self.all).remove(&key);
                Err(Out::Login)
            }
        }
    }

    /// Begins a session and gives its token; none if there are too many.
    pub(crate) fn begin(&self, account: &str, changed: i64) -> Option<String> {
        let (token, csrf, now) = (token().ok()?, token().ok()?, Instant::now());
        let mut all = held(&self.all);
        all.retain(|_, s| now - s.seen <= IDLE && now - s.began <= LONGEST);
        if all.len() >= MAX_SESSIONS {
            return None;
        }
        let session = Session {
            account: account.into(),
            csrf,
            changed,
            began: now,
            seen: now,
            window: (now, 0),
            noted: String::new(),
        };
        all.insert(hashed(&token), session);
        Some(token)
    }

    /// Whether this is what the session's last row of the log says; it is remembered as that.
    pub(crate) fn noted_last(&self, cookie: &str, subject: &str) -> bool {
        let mut all = held(&self.all);
        let Some(session) = all.get_mut(&hashed(cookie)) else { return false };
        let same = session.noted == subject;
        session.noted = subject.into();
        same
    }

    /// Ends a session.
    pub(crate) fn end(&self, cookie: &str) {
        held(&self.all).remove(&hashed(cookie));
    }

    /// Counts an attempt BEFORE the password is looked at; false if there were too many.
    pub(crate) fn may_try(&self, name: &str) -> bool {
        let mut wrong = held(&self.wrong);
        let now = Instant::now();
        while wrong.front().is_some_and(|(at, _)| now - *at > MINUTE) {
            wrong.pop_front();
        }
        if wrong.len() >= WRONG_A_MINUTE_ALL || wrong.iter().filter(|(_, n)| n == name).count() >= WRONG_A_MINUTE {
            return false;
        }
        wrong.push_back((now, name.into()));
        true
    }

    /// The password was right: the attempt is not held against its name.
    pub(crate) fn was_right(&self, name: &str) {
        held(&self.wrong).retain(|(_, n)| n != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_tried_five_times_a_minute_and_no_more() {
        let sessions = Sessions::default();
        for _ in 0..WRONG_A_MINUTE {
            assert!(sessions.may_try("ann"));
        }
        assert!(!sessions.may_try("ann"));
        assert!(sessions.may_try("bob"), "another name is not held back");
        sessions.was_right("ann");
        assert!(sessions.may_try("ann"));
    }

    #[test]
    fn all_names_together_have_a_limit() {
        let sessions = Sessions::default();
        let tries = (0..WRONG_A_MINUTE_ALL + 9).filter(|n| sessions.may_try(&n.to_string())).count();
        assert_eq!(tries, WRONG_A_MINUTE_ALL);
    }
}
