//! The entries under which one record is found, taken away and added as it changes.

use super::births::{self, Birth};
use super::keys::{Keys, LookKey, Token, keys_of};
use super::{looks, postings};
use crate::StoreError;
use crate::filter::{self, Class};
use beatcheck_model::{Record, RecordKind};
use rusqlite::{Connection, OptionalExtension, ToSql};

/// Tables of one key and one rid a row, for a kind of record.
pub(super) const fn tables(kind: RecordKind) -> &'static [&'static str] {
    match kind {
        RecordKind::Vehicle => &["vrm", "folded", "vin", "vin_tail", "link"],
        RecordKind::Person => &["ident", "link"],
        RecordKind::Variant => &["link"],
    }
}

/// Writes entries in an open transaction.
pub(super) struct Entries<'c> {
    pub(super) conn: &'c Connection,
    /// Keys that were added, as the filter knows them.
    pub(super) added: Vec<u64>,
}

impl Entries<'_> {
    /// Takes away the keys that only the old form has and adds those that only the new one has.
    pub(super) fn reindex(&mut self, rid: i64, old: Option<&Record>, new: Option<&Record>) -> Result<(), StoreError> {
        let (old, new) = (KeySet::of(old), KeySet::of(new));
        for (table, key) in old.text.iter().filter(|k| !new.text.contains(k)) {
            self.conn.prepare_cached(&format!("DELETE FROM {table} WHERE key=?1 AND rid=?2"))?.execute((key, rid))?;
        }
        for (table, key) in new.text.iter().filter(|k| !old.text.contains(k)) {
            self.conn
                .prepare_cached(&format!("INSERT OR IGNORE INTO {table}(key,rid) VALUES(?1,?2)"))?
                .execute((key, rid))?;
            self.added.extend(Class::of_table(table).map(|class| filter::hash(class, key)));
        }
        if old.birth != new.birth {
            births::set(self.conn, rid, &new.birth)?;
        }
        if old.look != new.look {
            looks::set(self.conn, rid, &new.look)?;
        }
        for key in old.places.iter().filter(|k| !new.places.contains(k)) {
            self.edit_block(PLACE, key, rid, false)?;
        }
        for key in new.places.iter().filter(|k| !old.places.contains(k)) {
            self.edit_block(PLACE, key, rid, true)?;
        }
        for token in old.tokens.iter().filter(|t| !new.tokens.contains(t)) {
            self.forget(token, rid)?;
        }
        for token in new.tokens.iter().filter(|t| !old.tokens.contains(t)) {
            self.learn(token, rid)?;
        }
        Ok(())
    }

    pub(super) fn learn(&self, (role, token): &Token, rid: i64) -> Result<(), StoreError> {
        let tid: i64 = self
            .conn
            .prepare_cached(
                "INSERT INTO vocab(token,role,phonetic,bearers) VALUES(?1,?2,?3,1)
                 ON CONFLICT(token,role) DO UPDATE SET bearers=bearers+1 RETURNING tid",
            )?
            .query_row((token, *role as u8, beatcheck_search::phonetic_key(token)), |r| r.get(0))?;
        self.edit_block(POSTING, &tid, rid, true)
    }

    fn forget(&self, (role, token): &Token, rid: i64) -> Result<(), StoreError> {
        let (tid, bearers): (i64, i64) = self
            .conn
            .prepare_cached("UPDATE vocab SET bearers=bearers-1 WHERE token=?1 AND role=?2 RETURNING tid,bearers")?
            .query_row((token, *role as u8), |r| Ok((r.get(0)?, r.get(1)?)))?;
        self.edit_block(POSTING, &tid, rid, false)?;
        if bearers <= 0 {
            self.conn.prepare_cached("DELETE FROM vocab WHERE tid=?1")?.execute([tid])?;
        }
        Ok(())
    }

    /// Adds a rid to the block of a key, or takes it away; `table` holds blocks by `column`.
    pub(super) fn edit_block(
        &self,
        (table, column): (&str, &str),
        key: &dyn ToSql,
        rid: i64,
        present: bool,
    ) -> Result<(), StoreError> {
        let block = postings::block_of(rid);
        let old: Option<Vec<u8>> = self
            .conn
            .prepare_cached(&format!("SELECT rids FROM {table} WHERE {column}=?1 AND block=?2"))?
            .query_row((key, block), |r| r.get(0))
            .optional()?;
        match postings::edit(old.as_deref().unwrap_or_default(), postings::place_of(rid), present)? {
            Some(bytes) => self
                .conn
                .prepare_cached(&format!("INSERT OR REPLACE INTO {table}({column},block,rids) VALUES(?1,?2,?3)"))?
                .execute((key, block, bytes))?,
            None => self
                .conn
                .prepare_cached(&format!("DELETE FROM {table} WHERE {column}=?1 AND block=?2"))?
                .execute((key, block))?,
        };
        Ok(())
    }
}

/// Tables of posting blocks, each with the column of its keys.
pub(super) const PLACE: (&str, &str) = ("place", "key");
pub(super) const POSTING: (&str, &str) = ("posting", "tid");

/// Keys by table; empty for a record that is not there.
#[derive(Default)]
pub(super) struct KeySet {
    pub(super) text: Vec<(&'static str, String)>,
    pub(super) birth: Birth,
    pub(super) look: LookKey,
    pub(super) places: Vec<String>,
    pub(super) tokens: Vec<Token>,
}

impl KeySet {
    pub(super) fn of(record: Option<&Record>) -> Self {
        match record.map(keys_of) {
            None | Some(Keys::Variant) => Self::default(),
            Some(Keys::Vehicle { vrm, folded, vin, vin_tail, look, links }) => Self {
                text: [("vrm", vrm), ("folded", folded), ("vin", vin), ("vin_tail", vin_tail)]
                    .into_iter()
                    .filter_map(|(table, key)| Some((table, key?)))
                    .chain(links.into_iter().map(|l| ("link", l)))
                    .collect(),
                look,
                ..Self::default()
            },
            Some(Keys::Person { tokens, birth, idents, places, links }) => Self {
                text: idents.into_iter().map(|i| ("ident", i)).chain(links.into_iter().map(|l| ("link", l))).collect(),
                birth,
                places,
                tokens,
                look: LookKey::default(),
            },
        }
    }
}
