//! The log of looks: what the account was used to look at, by whom and why.
//!
//! Each line is chained to the one before, as a device's journal is. Whoever can write to the database can write the whole
//! chain anew, so a head that was noted elsewhere (on paper, in a mail) is what proves that nothing before it was changed:
//! [`Hub::looks`] says the head, and [`Hub::looks_contain`] whether an earlier one is still in the chain.

use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use beatcheck_wire::Hash32;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;

/// Bytes of each part of a look, at most; what is longer is refused.
const MAX_PART_BYTES: usize = 1_000;
/// Lines of the log shown where no limit is given, and at most.
const MAX_SHOWN: usize = 1_000;

/// What somebody is about to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look<'a> {
    /// The account that looks, as it logged in.
    pub account: &'a str,
    /// Its role, such as `auditor`.
    pub role: &'a str,
    /// The officer id of whoever has the account; empty for one who is no officer.
    pub officer: &'a str,
    /// What they do: `search`, `who`, `officer`, `rebuild`, `export`, ...
    pub action: &'a str,
    /// Of what: a filter in words, a record's id, a reference.
    pub subject: &'a str,
    /// Why. It is owed.
    pub reason: &'a str,
}

/// That a look was noted. What shows entries wants it, and only [`Hub::note_look`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Line of the log.
    n: u64,
    account: String,
    officer: String,
}

impl Noted {
    /// Line of the log of looks.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.n
    }

    /// The officer ids whose entries are withheld from this reader: their own, and their account's name if that is one.
    pub(super) fn own(&self) -> [&str; 2] {
        [&self.officer, &self.account]
    }

    /// Whether an officer's id is the reader's.
    pub(super) fn is(&self, officer: &str) -> bool {
        self.own().iter().any(|o| !o.is_empty() && o.eq_ignore_ascii_case(officer))
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookRow {
    /// Its number, from 1, without gaps.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// Which account.
    pub account: String,
    /// Its role.
    pub role: String,
    /// Its officer id; empty for none.
    pub officer: String,
    /// What was done.
    pub action: String,
    /// Of what.
    pub subject: String,
    /// Why.
    pub reason: String,
}

/// Which lines are wanted, newest first.
#[derive(Clone, Debug, Default)]
pub struct LookFilter {
    /// Of this account.
    pub account: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Before this line: the last one of the page before.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// The end of the log: note it elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LookHead {
    /// Number of its last line; 0 if there is none.
    pub n: u64,
    /// That line's link.
    #[serde(serialize_with = "super::hex")]
    pub hash: Hash32,
}

/// Lines of the log, and whether it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Looks {
    /// Lines that match, newest first.
    pub rows: Vec<LookRow>,
    /// Lines of the reader's own that match and are withheld.
    pub withheld: u64,
    /// Whether every line follows from the one before, up to the head that is kept.
    pub unbroken: bool,
    /// The first thing that is wrong.
    pub problem: Option<String>,
    /// The end of the log.
    pub head: LookHead,
}

impl Hub {
    /// Notes that somebody is about to look at the account; nothing is shown before.
    ///
    /// # Errors
    /// [`HubError::Refused`] if it is not said who looks or why, or if that is too long; [`HubError::Db`].
    pub fn note_look(&self, look: &Look<'_>) -> Result<Noted, HubError> {
        let part = |what: &str, text: &str, owed: bool| match text.trim() {
            "" if owed => Err(HubError::Refused(format!("say {what}: who looks at the account is on record"))),
            t if t.len() > MAX_PART_BYTES => {
                Err(HubError::Refused(format!("say {what} in at most {MAX_PART_BYTES} bytes")))
            }
            t => Ok(t.to_owned()),
        };
        let row = LookRow {
            n: 0,
            at: self.now(),
            account: part("who looks", look.account, true)?,
            role: part("in what role", look.role, false)?,
            officer: part("which officer looks", look.officer, false)?,
            action: part("what is looked at", look.action, true)?,
            subject: part("what is looked for", look.subject, false)?,
            reason: part("why", look.reason, true)?,
        };
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let n = append(&tx, row.clone())?;
        tx.commit()?;
        Ok(Noted { n, account: row.account, officer: row.officer })
    }

    /// The log of looks, newest first, walked from its first line. The reader's own lines are withheld.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn looks(&self, by: &Noted, filter: &LookFilter) -> Result<Looks, HubError> {
        let conn = self.conn()?;
        let (head, problem) = walk(&conn, &mut |_| {})?;
        let limit = filter.limit.unwrap_or(MAX_SHOWN).clamp(1, MAX_SHOWN);
        let own = "(account IN (?1, ?2) OR (officer <> '' AND officer IN (?1, ?2)))";
        let wanted = "(?3 IS NULL OR account = ?3) AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5)
             AND (?6 IS NULL OR n < ?6)";
        let (since, until) = (filter.since.map(|t| t.0), filter.until.map(|t| t.0));
        let [officer, account] = by.own();
        let all = params![officer, account, filter.account, since, until, filter.before];
        let withheld =
            conn.query_row(&format!("SELECT COUNT(*) FROM account_look WHERE {own} AND {wanted}"), all, |r| r.get(0))?;
        let mut stmt = conn.prepare(&format!(
            "SELECT n, at, account, role, officer, action, subject, reason FROM account_look
             WHERE NOT {own} AND {wanted} ORDER BY n DESC LIMIT {limit}"
        ))?;
        let rows = stmt.query_map(all, row_of)?.collect::<Result<_, _>>()?;
        Ok(Looks { rows, withheld, unbroken: problem.is_none(), problem, head })
    }

    /// Whether a head that was noted earlier is still in the log, and the log whole: then nothing up to it was changed.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn looks_contain(&self, noted: &LookHead) -> Result<bool, HubError> {
        let mut found = false;
        let (_, problem) = walk(&*self.conn()?, &mut |head| found |= head == noted)?;
        Ok(found && problem.is_none())
    }
}

/// Adds a line; its number.
pub(super) fn append(conn: &Connection, mut row: LookRow) -> Result<u64, HubError> {
    let end = head(conn)?;
    row.n = end.n + 1;
    let hash = link(&end.hash, &row);
    conn.execute(
        "INSERT INTO account_look (n, at, account, role, officer, action, subject, reason, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![row.n, row.at.0, row.account, row.role, row.officer, row.action, row.subject, row.reason, hash.0],
    )?;
    conn.execute("INSERT OR REPLACE INTO account_look_head (one, n, hash) VALUES (1, ?1, ?2)", params![row.n, hash.0])?;
    Ok(row.n)
}

fn head(conn: &Connection) -> Result<LookHead, HubError> {
    let sql = "SELECT n, hash FROM account_look_head";
    let kept = conn.query_row(sql, [], |r| Ok(LookHead { n: r.get(0)?, hash: Hash32(r.get(1)?) })).optional()?;
    Ok(kept.unwrap_or(LookHead { n: 0, hash: Hash32::of(b"beatcheck account looks v1") }))
}

/// Walks the log from its first line; its end, and the first thing that is wrong.
fn walk(conn: &Connection, each: &mut dyn FnMut(&LookHead)) -> Result<(LookHead, Option<String>), HubError> {
    let kept = head(conn)?;
    let mut stmt = conn
        .prepare("SELECT n, at, account, role, officer, action, subject, reason, hash FROM account_look ORDER BY n")?;
    let mut rows = stmt.query([])?;
    let mut end = LookHead { n: 0, hash: Hash32::of(b"beatcheck account looks v1") };
    let mut problem = None;
    while let Some(r) = rows.next()? {
        let (row, hash) = (row_of(r)?, Hash32(r.get(8)?));
        if row.n != end.n + 1 {
            problem = problem.or(Some(format!("line {} of the log of looks is missing", end.n + 1)));
        } else if link(&end.hash, &row) != hash {
            problem = problem.or(Some(format!("line {} of the log of looks was changed", row.n)));
        }
        end = LookHead { n: row.n, hash };
        each(&end);
    }
    if end != kept {
        problem = problem.or(Some(format!("the log of looks had {} lines, and has {}", kept.n, end.n)));
    }
    Ok((end, problem))
}

fn row_of(r: &rusqlite::Row<'_>) -> rusqlite::Result<LookRow> {
    Ok(LookRow {
        n: r.get(0)?,
        at: Timestamp(r.get(1)?),
        account: r.get(2)?,
        role: r.get(3)?,
        officer: r.get(4)?,
        action: r.get(5)?,
        subject: r.get(6)?,
        reason: r.get(7)?,
    })
}

/// SHA-256 over the link before, number, time and the texts, each with its length before it.
fn link(previous: &Hash32, row: &LookRow) -> Hash32 {
    let mut ctx = ring::digest::Context::new(&ring::digest::SHA256);
    ctx.update(&previous.0);
    ctx.update(&row.n.to_le_bytes());
    ctx.update(&row.at.0.to_le_bytes());
    for text in [&row.account, &row.role, &row.officer, &row.action, &row.subject, &row.reason] {
        ctx.update(&(text.len() as u64).to_le_bytes());
        ctx.update(text.as_bytes());
    }
    let mut out = [0; 32];
    out.copy_from_slice(ctx.finish().as_ref());
    Hash32(out)
}
