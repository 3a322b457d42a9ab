//! What the console keeps at the hub: accounts, and a log of what it was used for, chained by hash.
//!
//! Passwords are hashed by the console; the hub only keeps the text that comes out of it. The log is written before a
//! page is shown: what cannot be noted is not shown. Each link takes in the one before, so that a row that was changed
//! or taken out shows; whoever can write the whole table anew can also make a new chain, which only a copy elsewhere shows.

use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;

/// Accounts there may be.
pub const MAX_CONSOLE_ACCOUNTS: u64 = 500;
/// Longest name of an account, and of an officer, in bytes.
pub const MAX_ACCOUNT_NAME: usize = 64;
/// Longest subject of a row of the log, in bytes; a longer one is cut.
const MAX_SUBJECT: usize = 256;
/// Rows of the log on one page, at most.
pub const MAX_LOG_PAGE: u64 = 200;

/// What an account of the console is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleRole {
    /// Runs devices and policy.
    Administrator,
    /// Reads the account that devices sent.
    Auditor,
    /// Sees to the sources.
    DataOwner,
    /// Sees sums, and nobody in them.
    Ethics,
}

impl ConsoleRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Administrator, Self::Auditor, Self::DataOwner, Self::Ethics];

    /// Its name in the database and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
            Self::DataOwner => "data_owner",
            Self::Ethics => "ethics",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == text)
    }
}

/// One account.
#[derive(Clone, Debug, Serialize)]
pub struct ConsoleAccount {
    /// Its name, with which one logs in.
    pub name: String,
    /// What it is for.
    pub role: ConsoleRole,
    /// The holder's own id as an officer; empty if they are none.
    pub officer: String,
    /// When it was made.
    pub made: Timestamp,
    /// When its password or role was last changed: sessions from before are over.
    pub changed: Timestamp,
    /// The password's hash.
    #[serde(skip)]
    pub password: String,
}

/// One row of the log.
#[derive(Clone, Debug, Serialize)]
pub struct ConsoleLook {
    /// Its number, from 1.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// Which account; empty before a login.
    pub account: String,
    /// In which role.
    pub role: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
}

impl Hub {
    /// Makes an account.
    ///
    /// # Errors
    /// [`HubError::Refused`] if the name is taken, empty, too long or has other signs than letters, digits, `.`, `-`, `_`,
    /// or there are too many accounts.
    pub fn console_add(&self, name: &str, role: ConsoleRole, officer: &str, password: &str) -> Result<(), HubError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if name.is_empty() || name.len() > MAX_ACCOUNT_NAME || !name.chars().all(plain) {
            return Err(HubError::Refused(format!(
                "an account's name has 1 to {MAX_ACCOUNT_NAME} letters, digits, dots, hyphens and underscores"
            )));
        }
        if officer.len() > MAX_ACCOUNT_NAME {
            return Err(HubError::Refused(format!("an officer's id has at most {MAX_ACCOUNT_NAME} bytes")));
        }
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let count: u64 = tx.query_row("SELECT COUNT(*) FROM console_account", [], |r| r.get(0))?;
        if count >= MAX_CONSOLE_ACCOUNTS {
            return Err(HubError::Refused(format!("there are {count} accounts already: remove those not in use")));
        }
        let made = tx.execute(
            "INSERT OR IGNORE INTO console_account (name, role, officer, password, made, changed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
            params![name, role.name(), officer, password, self.now().0],
        )?;
        if made == 0 {
            return Err(HubError::Refused(format!("there is an account {name} already")));
        }
        Ok(tx.commit()?)
    }

    /// Gives an account a new password; its sessions are over.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such account.
    pub fn console_password(&self, name: &str, password: &str) -> Result<(), HubError> {
        let done = self.conn()?.execute(
            "UPDATE console_account SET password = ?2, changed = MAX(?3, changed + 1) WHERE name = ?1",
            params![name, password, self.now().0],
        )?;
        known(name, done)
    }

    /// Removes an account; its sessions are over.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such account.
    pub fn console_remove(&self, name: &str) -> Result<(), HubError> {
        known(name, self.conn()?.execute("DELETE FROM console_account WHERE name = ?1", [name])?)
    }

    /// One account.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn console_account(&self, name: &str) -> Result<Option<ConsoleAccount>, HubError> {
        Ok(accounts(&*self.conn()?, Some(name))?.pop())
    }

    /// All accounts, by name; there are never more than [`MAX_CONSOLE_ACCOUNTS`].
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn console_accounts(&self) -> Result<Vec<ConsoleAccount>, HubError> {
        accounts(&*self.conn()?, None)
    }

    /// Notes what the console is about to do or show.
    ///
    /// # Errors
    /// [`HubError::Db`]: then it must not be done.
    pub fn console_note(&self, account: &str, role: &str, action: &str, subject: &str) -> Result<(), HubError> {
        let mut end = subject.len().min(MAX_SUBJECT);
        while !subject.is_char_boundary(end) {
            end -= 1;
        }
        let subject = &subject[..end];
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let last: Option<(u64, [u8; 32])> = tx
            .query_row("SELECT n, link FROM console_log ORDER BY n DESC LIMIT 1", [], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        let (n, before) = last.unwrap_or((0, [0; 32]));
        let row = ConsoleLook {
            n: n + 1,
            at: self.now(),
            account: account.into(),
            role: role.into(),
            action: action.into(),
            subject: subject.into(),
        };
        tx.execute(
            "INSERT INTO console_log (n, at, account, role, action, subject, link) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![row.n, row.at.0, row.account, row.role, row.action, row.subject, link(&before, &row)],
        )?;
        Ok(tx.commit()?)
    }

    /// The log, newest first: rows with a number under `before` (0: from the end), at most `limit`.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn console_log(&self, before: u64, limit: u64) -> Result<Vec<ConsoleLook>, HubError> {
        let conn = self.conn()?;
        let mut stmt = conn.prepare(
            "SELECT n, at, account, role, action, subject FROM console_log
             WHERE ?1 = 0 OR n < ?1 ORDER BY n DESC LIMIT ?2",
        )?;
        let rows = stmt.query_map(params![before, limit.min(MAX_LOG_PAGE)], look)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The number of the first row of the log that does not follow from the one before; none if all do.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn console_log_fault(&self) -> Result<Option<u64>, HubError> {
        let conn = self.conn()?;
        let mut stmt =
            conn.prepare("SELECT n, at, account, role, action, subject, link FROM console_log ORDER BY n")?;
        let mut rows = stmt.query([])?;
        let (mut n, mut before) = (0, [0; 32]);
        while let Some(r) = rows.next()? {
            let (row, said): (ConsoleLook, [u8; 32]) = (look(r)?, r.get(6)?);
            if row.n != n + 1 || link(&before, &row) != said {
                return Ok(Some(n + 1));
            }
            (n, before) = (row.n, said);
        }
        Ok(None)
    }
}

fn look(r: &rusqlite::Row<'_>) -> rusqlite::Result<ConsoleLook> {
    Ok(ConsoleLook {
        n: r.get(0)?,
        at: Timestamp(r.get(1)?),
        account: r.get(2)?,
        role: r.get(3)?,
        action: r.get(4)?,
        subject: r.get(5)?,
    })
}

fn link(before: &[u8; 32], row: &ConsoleLook) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key("beatcheck console log v1");
    hash.update(before).update(&row.n.to_le_bytes()).update(&row.at.0.to_le_bytes());
    for text in [&row.account, &row.role, &row.action, &row.subject] {
        // Lengths first: no two rows give the same bytes.
        hash.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    *hash.finalize().as_bytes()
}

fn known(name: &str, done: usize) -> Result<(), HubError> {
    if done == 0 {
        return Err(HubError::Refused(format!("no account {name}: `beatcheck hub console user list` shows them")));
    }
    Ok(())
}

fn accounts(conn: &Connection, name: Option<&str>) -> Result<Vec<ConsoleAccount>, HubError> {
    let mut stmt = conn.prepare_cached(
        "SELECT name, role, officer, made, changed, password FROM console_account
         WHERE ?1 IS NULL OR name = ?1 ORDER BY name LIMIT 500",
    )?;
    let rows = stmt.query_map([name], |r| {
        let role: String = r.get(1)?;
        Ok(ConsoleAccount {
            name: r.get(0)?,
            // The table takes no other; the least, if it did.
            role: ConsoleRole::parse(&role).unwrap_or(ConsoleRole::Ethics),
            officer: r.get(2)?,
            made: Timestamp(r.get(3)?),
            changed: Timestamp(r.get(4)?),
            password: r.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
