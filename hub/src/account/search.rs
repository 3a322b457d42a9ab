//! Searching the account.

use super::filter::own_sql;
use super::index::BEFORE_A_SEARCH;
use super::row::{KNOWN, Known};
use super::{AccountFilter, AccountPage, Noted, Page};
use crate::{Hub, HubError};
use beatcheck_model::RecordId;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// Rows of a page where nothing else is asked for.
const ROWS: usize = 50;
/// Rows of a page, at most.
const MAX_ROWS: usize = 500;
/// Counting ends here: an exact number of a million helps nobody and costs.
const COUNT_UP_TO: u64 = 1_000;
/// Entries that one page opens in search of a text, at most; the next page goes on from there.
const SEARCH_UP_TO: usize = 5_000;

impl Hub {
    /// Entries that match, newest first, a page at a time. The reader's own are withheld, and counted.
    ///
    /// # Errors
    /// [`HubError::Refused`] if `page` does not come from an earlier one; [`HubError::Key`] if the audit key is elsewhere;
    /// [`HubError::Db`].
    pub fn account_search(&self, by: &Noted, filter: &AccountFilter, page: &Page) -> Result<AccountPage, HubError> {
        let waiting = self.index_up_to(BEFORE_A_SEARCH)?.waiting;
        let conn = self.conn()?;
        let mut out = AccountPage { waiting, ..self.page(&conn, by, filter, page)? };
        if filter.text.is_none() {
            out.total = Some(count(&conn, by, filter, "NOT", COUNT_UP_TO + 1)?);
            out.more_than_total = out.total.is_some_and(|t| t > COUNT_UP_TO);
            out.total = out.total.map(|t| t.min(COUNT_UP_TO));
        }
        out.withheld = count(&conn, by, filter, "", COUNT_UP_TO)?;
        let unreadable =
            AccountFilter { event: Some(String::new()), device: filter.device, ..AccountFilter::default() };
        out.unreadable = count(&conn, by, &unreadable, "NOT", COUNT_UP_TO)?;
        Ok(out)
    }

    /// Who looked at a record: entries in which it was shown, or asked for by its id, newest first.
    ///
    /// # Errors
    /// As [`Hub::account_search`].
    pub fn who_looked_at(&self, by: &Noted, record: RecordId, page: &Page) -> Result<AccountPage, HubError> {
        self.account_search(by, &AccountFilter { record: Some(record), ..AccountFilter::default() }, page)
    }

    /// What an officer did, newest first. Nothing of the reader's own.
    ///
    /// # Errors
    /// As [`Hub::account_search`].
    pub fn what_did(&self, by: &Noted, officer: &str, page: &Page) -> Result<AccountPage, HubError> {
        self.account_search(by, &AccountFilter { officer: Some(officer.into()), ..AccountFilter::default() }, page)
    }

    /// One page: its rows, and what comes next.
    pub(super) fn page(
        &self,
        conn: &Connection,
        by: &Noted,
        filter: &AccountFilter,
        page: &Page,
    ) -> Result<AccountPage, HubError> {
        let audit = self.keys()?.audit;
        let wanted = if page.rows == 0 { ROWS } else { page.rows.min(MAX_ROWS) };
        let text = filter.text.as_ref().map(|t| t.to_lowercase());
        let opened = if text.is_some() { SEARCH_UP_TO } else { wanted };

        let (condition, mut values) = filter.sql();
        let (own, own_values) = own_sql(by);
        values.extend(own_values);
        let mut sql = format!("SELECT {KNOWN} FROM account_entry e WHERE {condition} AND NOT {own}");
        if let Some(after) = &page.after {
            sql.push_str(" AND (e.received, e.seq, e.id) < (?, ?, ?)");
            values.extend(cursor(after)?);
        }
        // One more than is shown says whether there is more.
        sql.push_str(&format!(" ORDER BY e.received DESC, e.seq DESC, e.id DESC LIMIT {}", opened + 1));
        let mut stmt = conn.prepare(&sql)?;
        let mut found = stmt.query_map(params_from_iter(values), Known::of)?;
        let mut out = AccountPage::default();
        let mut last = None;
        let mut seen = 0;
        while let Some(known) = found.next().transpose()? {
            if out.rows.len() == wanted || seen == opened {
                out.next = last;
                break;
            }
            seen += 1;
            last = Some(format!("{}.{}.{}", known.received, known.seq, known.id));
            let row = known.open(conn, &audit)?;
            // The index may have been made to say that it is another's.
            if row.entry.as_ref().is_some_and(|e| by.is(&e.officer)) {
                continue;
            }
            if text.as_ref().is_none_or(|t| row.says(t)) {
                out.rows.push(row);
            }
        }
        out.searched = if text.is_some() { seen as u64 } else { 0 };
        Ok(out)
    }
}

/// Entries that match and are (`sign` empty) or are not (`NOT`) the reader's own, counted up to `most`.
pub(super) fn count(
    conn: &Connection,
    by: &Noted,
    filter: &AccountFilter,
    sign: &str,
    most: u64,
) -> Result<u64, HubError> {
    let (condition, mut values) = filter.sql();
    let (own, own_values) = own_sql(by);
    values.extend(own_values);
    let sql =
        format!("SELECT COUNT(*) FROM (SELECT 1 FROM account_entry e WHERE {condition} AND {sign} {own} LIMIT {most})");
    Ok(conn.query_row(&sql, params_from_iter(values), |r| r.get(0))?)
}

/// Where a page begins: what the one before said.
fn cursor(text: &str) -> Result<Vec<Value>, HubError> {
    let parts: Option<Vec<Value>> = text.split('.').map(|p| p.parse().ok().map(Value::Integer)).collect();
    parts
        .filter(|p| p.len() == 3)
        .ok_or_else(|| HubError::Refused("the page is named by what the page before said comes next".into()))
}
