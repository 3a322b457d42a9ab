//! Entries that are written once: a mark in the same transaction says that they were.
//!
//! A purge or a wipe can be killed between any two of its steps and is then done again from its beginning. Its entry is
//! not: the mark is there or the entry is not. The mark bears the order that was obeyed, for the receipt.

use crate::StoreError;
use crate::journal::{Journal, Made, append_in};
use beatcheck_model::Timestamp;
use beatcheck_wire::{CompartmentId, OrderId, journal::Receipt};
use std::collections::BTreeSet;

/// Orders remembered as obeyed, at most: the newest. The hub drops an order from the grant once it has its receipt.
const REMEMBERED: i64 = 1024;

impl Journal {
    /// Appends one entry, unless one was appended under this name before; whether it was now.
    ///
    /// `order` is the order that is obeyed by what the entry says; `make` is as in [`Journal::append`].
    ///
    /// # Errors
    /// As [`Journal::append`]: then neither entry nor mark is there.
    pub fn append_once(
        &self,
        name: &str,
        order: Option<OrderId>,
        at: Timestamp,
        make: &mut dyn FnMut(usize, u64) -> Result<Made, StoreError>,
    ) -> Result<bool, StoreError> {
        self.inner().write(&mut |tx| {
            let fresh = tx.execute(
                "INSERT OR IGNORE INTO once(name,at,order_id) VALUES(?1,?2,?3)",
                (name, at.0, order.map(|o| o.0)),
            )?;
            if fresh == 0 {
                return Ok(false);
            }
            append_in(tx, 1, make)?;
            Ok(true)
        })
    }

    /// Orders that were obeyed, told or not: the newest of them.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn obeyed(&self) -> Result<BTreeSet<OrderId>, StoreError> {
        let inner = self.inner();
        let sql = "SELECT order_id FROM once WHERE order_id IS NOT NULL ORDER BY at DESC LIMIT ?1";
        let mut statement = inner.conn.prepare_cached(sql)?;
        let rows = statement.query_map([REMEMBERED], |r| Ok(CompartmentId(r.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Receipts that the hub has not acknowledged, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn receipts(&self, limit: usize) -> Result<Vec<Receipt>, StoreError> {
        let inner = self.inner();
        let sql = "SELECT order_id,at FROM once WHERE order_id IS NOT NULL AND told=0 ORDER BY at,name LIMIT ?1";
        let mut statement = inner.conn.prepare_cached(sql)?;
        let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |r| {
            Ok(Receipt { order: CompartmentId(r.get(0)?), at: Timestamp(r.get(1)?) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The hub has these.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Sqlite`].
    pub fn receipts_told(&self, receipts: &[Receipt]) -> Result<(), StoreError> {
        if receipts.is_empty() {
            return Ok(());
        }
        self.inner().write(&mut |tx| {
            for r in receipts {
                tx.execute("UPDATE once SET told=1 WHERE order_id=?1", [r.order.0])?;
            }
            Ok(())
        })
    }

    /// Number and link of the last entry; `(0, genesis)` if there is none. A state that remembers a later one, or another
    /// link for this one, has seen a journal that this one is not the continuation of.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn last_link(&self) -> Result<(u64, [u8; 32]), StoreError> {
        crate::journal::end(&self.inner().conn, "last")
    }

    /// Whether the entry with this number has this link: `None` if it is no longer here to be compared (acknowledged).
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Sqlite`].
    pub fn continues(&self, seq: u64, hash: &[u8; 32]) -> Result<Option<bool>, StoreError> {
        use rusqlite::OptionalExtension;
        let (last, last_hash) = self.last_link()?;
        if seq >= last {
            return Ok(Some(seq == last && *hash == last_hash));
        }
        let inner = self.inner();
        let (acked, acked_hash) = crate::journal::end(&inner.conn, "acked")?;
        if seq == acked {
            return Ok(Some(*hash == acked_hash));
        }
        let mut statement = inner.conn.prepare_cached("SELECT hash FROM entry WHERE seq=?1")?;
        let found: Option<[u8; 32]> = statement.query_row([crate::db::int(seq)], |r| r.get(0)).optional()?;
        Ok(found.map(|h| h == *hash))
    }
}
