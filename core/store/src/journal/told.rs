//! What is kept beside the account, for the officer and not for the hub: what was told, so that a late hit is noticed, and what
//! was asked about, so that unusual use is.

use super::{Journal, LateHitRow, Told};
use crate::StoreError;
use crate::db::{int, uint};
use beatcheck_model::Timestamp;

impl Journal {
    /// What was told at or after `since` in entries with numbers below `below`, latest first, at most `limit`; each with the
    /// number of its entry.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn told_since(&self, since: Timestamp, below: u64, limit: usize) -> Result<Vec<(u64, Told)>, StoreError> {
        let inner = self.inner();
        let mut statement = inner.conn.prepare_cached(
            "SELECT seq,reference,at,query,told FROM told WHERE at>=?1 AND seq<?2 ORDER BY seq DESC LIMIT ?3",
        )?;
        let rows = statement.query_map((since.0, int(below), i64::try_from(limit).unwrap_or(i64::MAX)), |r| {
            let told =
                Told { reference: r.get(1)?, at: Timestamp(r.get(2)?), query_json: r.get(3)?, told_json: r.get(4)? };
            Ok((uint(r, 0)?, told))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Replaces what was told in the check with this entry, so that a change is noticed once; whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Sqlite`].
    pub fn update_told(&self, seq: u64, told_json: &str) -> Result<bool, StoreError> {
        self.inner().write(&mut |tx| Ok(tx.execute("UPDATE told SET told=?2 WHERE seq=?1", (int(seq), told_json))? > 0))
    }

    /// Forgets what was told before `before`, and late hits noticed before it; how many rows. Entries stay.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Sqlite`].
    pub fn purge_told(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner().write(&mut |tx| {
            let told = tx.execute("DELETE FROM told WHERE at<?1", [before.0])?;
            Ok((told + tx.execute("DELETE FROM late_hit WHERE at<?1", [before.0])?) as u64)
        })
    }

    /// Checks made at or after `since`, and how many of these were about `subject`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn asked_since(&self, since: Timestamp, subject: &[u8; 16]) -> Result<(u64, u64), StoreError> {
        let inner = self.inner();
        let mut statement =
            inner.conn.prepare_cached("SELECT count(*),coalesce(sum(subject=?2),0) FROM usage WHERE at>=?1")?;
        Ok(statement.query_row((since.0, &subject[..]), |r| Ok((uint(r, 0)?, uint(r, 1)?)))?)
    }

    /// Forgets checks made before `before`; how many.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Sqlite`].
    pub fn purge_asked(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner().write(&mut |tx| Ok(tx.execute("DELETE FROM usage WHERE at<?1", [before.0])? as u64))
    }

    /// Keeps a late hit until it is purged.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Sqlite`].
    pub fn add_late_hit(&self, row: &LateHitRow) -> Result<(), StoreError> {
        self.inner().write(&mut |tx| {
            tx.execute(
                "INSERT INTO late_hit(seq,reference,asked,at,change,text) VALUES(?1,?2,?3,?4,?5,?6)",
                (int(row.seq), &row.reference, row.asked.0, row.at.0, &row.change, &row.text),
            )?;
            Ok(())
        })
    }

    /// Late hits noticed at or after `since`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn late_hits(&self, since: Timestamp) -> Result<Vec<LateHitRow>, StoreError> {
        let inner = self.inner();
        let mut statement = inner
            .conn
            .prepare_cached("SELECT seq,reference,asked,at,change,text FROM late_hit WHERE at>=?1 ORDER BY n")?;
        let rows = statement.query_map([since.0], |r| {
            Ok(LateHitRow {
                seq: uint(r, 0)?,
                reference: r.get(1)?,
                asked: Timestamp(r.get(2)?),
                at: Timestamp(r.get(3)?),
                change: r.get(4)?,
                text: r.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
