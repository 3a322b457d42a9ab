//! The bulk load of a new generation.
//!
//! Rows go in as they come; their keys are gathered in RAM, sorted, and written once in order, which is several times
//! cheaper than keeping indexes while loading. A row that a later change of the same stream replaces or patches gets a new
//! rid, and the old one's keys are dropped at the end. Nothing waits for the disk until all is there and proven: a crash leaves
//! a file without a checkpoint, which does not open.

use super::apply::patched;
use super::births::{self, Birth};
use super::keys::{Keys, Token, keys_of};
use super::{Checkpoint, SCHEMA, looks, postings};
use crate::db::{self, Role};
use crate::{Key, StoreError, files, pool};
use beatcheck_model::{RecordId, RecordKind};
use beatcheck_wire::batch::{Change, Op};
use beatcheck_wire::digest::{RowDigest, canonical, from_canonical};
use beatcheck_wire::patch::RowRef;
use beatcheck_wire::{Hash32, WireError};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// Changes between two calls of `progress`, and keys of an index.
const PROGRESS_EVERY: u64 = 4096;

/// Whether it is to go on: asked now and then, so that whoever wants it no longer does not wait for all of it.
type Going<'a> = &'a mut dyn FnMut() -> Result<(), StoreError>;

pub(super) fn build(
    path: &Path,
    key: &Key,
    kind: RecordKind,
    changes: &mut dyn Iterator<Item = Result<Change, StoreError>>,
    expect: &Checkpoint,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(), StoreError> {
    let mut heard = |read| if progress(read) { Ok(()) } else { Err(StoreError::CalledOff) };
    let conn = db::connect(path, key, Role::Bulk, true)?;
    conn.execute_batch("BEGIN")?;
    conn.execute_batch(include_str!("../../migrations/records.sql"))?;
    conn.execute_batch(match kind {
        RecordKind::Vehicle => include_str!("../../migrations/records_vehicles.sql"),
        RecordKind::Person => include_str!("../../migrations/records_persons.sql"),
        RecordKind::Variant => "",
    })?;
    let mut load = Load::default();
    let mut read = 0;
    for change in changes {
        load.change(&conn, kind, change?.op)?;
        read += 1;
        if read % PROGRESS_EVERY == 0 {
            files::write_out(path)?;
            heard(read)?;
        }
    }
    let digest = load.finish(&conn, kind, path, &mut || heard(read))?;
    if digest.1 != expect.digest || digest.2 != expect.rows {
        return Err(StoreError::DigestMismatch);
    }
    heard(read)?;
    conn.execute_batch(include_str!("../../migrations/records_after_load.sql"))?;
    heard(read)?;
    pool::set_meta(&conn, "kind", kind.as_str().as_bytes())?;
    pool::set_meta(&conn, "digest", &digest.0)?;
    conn.pragma_update(None, "user_version", SCHEMA)?;
    conn.execute_batch("COMMIT")?;
    conn.close().map_err(|(_, e)| e)?;
    files::sync_file(path)?;
    // Only now, with every page on the disk, does it become a file that opens.
    let conn = db::connect(path, key, Role::Durable, false)?;
    expect.write(&conn)?;
    conn.close().map_err(|(_, e)| e)?;
    files::sync_file(path)
}

#[derive(Default)]
struct Load {
    ids: HashMap<RecordId, u32>,
    names: Option<Names>,
    dead: HashSet<u32>,
    digest: RowDigest,
    next: u32,
    vrm: TextRun,
    folded: TextRun,
    vin: TextRun,
    vin_tail: TextRun,
    ident: TextRun,
    vocab: HashMap<Token, u32>,
    /// Token in the upper half, rid in the lower.
    posting: Vec<u64>,
    /// By rid, rising.
    birth: Vec<(u32, Birth)>,
    places: HashMap<String, u32>,
    /// Place in the upper half, rid in the lower.
    placed: Vec<u64>,
    link: TextRun,
    looks: looks::Gather,
}

impl Load {
    fn change(&mut self, conn: &Connection, kind: RecordKind, op: Op) -> Result<(), StoreError> {
        let id = match &op {
            Op::Upsert(record) => Some(record.id),
            _ => self.named(&op.row())?,
        };
        let mut held = None;
        if let Some(old) = id.and_then(|id| self.ids.remove(&id)) {
            let row: Option<Vec<u8>> = conn
                .prepare_cached("DELETE FROM rec WHERE rid=?1 RETURNING row")?
                .query_row([old], |r| r.get(0))
                .optional()?;
            let row = row.ok_or(StoreError::Corrupt)?;
            self.digest.remove(&row);
            self.dead.insert(old);
            held = Some(row);
        }
        let record = match (op, held) {
            (Op::Upsert(record), _) => *record,
            (Op::Delete { .. }, _) => return Ok(()),
            (Op::Patch(patch), Some(row)) => patched(&patch, from_canonical(&row)?)?,
            (Op::Patch(_), None) => return Err(StoreError::DigestMismatch),
        };
        if record.body.kind() != kind {
            return Err(WireError::Malformed("kind of a record").into());
        }
        self.next = self.next.checked_add(1).ok_or(WireError::OverLimit("number of rows"))?;
        let rid = self.next;
        let row = canonical(&record)?;
        self.digest.add(&row);
        conn.prepare_cached("INSERT INTO rec(rid,id,row) VALUES(?1,?2,?3)")?.execute((rid, &record.id.0[..], &row))?;
        self.ids.insert(record.id, rid);
        if let Some(names) = &mut self.names {
            names.add(record.id);
        }
        match keys_of(&record) {
            Keys::Vehicle { vrm, folded, vin, vin_tail, look, links } => {
                self.looks.add(rid, look);
                self.link.extend(links, rid)?;
                self.vin_tail.extend(vin_tail, rid)?;
                self.vrm.extend(vrm, rid)?;
                self.folded.extend(folded, rid)?;
                self.vin.extend(vin, rid)?;
            }
            Keys::Variant => {}
            Keys::Person { tokens, birth, idents, places, links } => {
                for token in tokens {
                    let fresh = self.vocab.len() as u32 + 1;
                    let tid = *self.vocab.entry(token).or_insert(fresh);
                    self.posting.push(u64::from(tid) << 32 | u64::from(rid));
                }
                if !birth.is_empty() {
                    self.birth.push((rid, birth));
                }
                for place in places {
                    let fresh = self.places.len() as u32 + 1;
                    let number = *self.places.entry(place).or_insert(fresh);
                    self.placed.push(u64::from(number) << 32 | u64::from(rid));
                }
                self.link.extend(links, rid)?;
                self.ident.extend(idents, rid)?;
            }
        }
        Ok(())
    }

    /// The one row that a reference names; none if there is none.
    fn named(&mut self, row: &RowRef) -> Result<Option<RecordId>, StoreError> {
        let (first, last) = row.range();
        if first == last {
            return Ok(Some(first).filter(|id| self.ids.contains_key(id)));
        }
        let ids = &self.ids;
        let names = self.names.get_or_insert_with(|| Names::of(ids));
        let mut found = names.between(&first, &last).filter(|id| ids.contains_key(id));
        match (found.next(), found.next()) {
            (one, None) => Ok(one.copied()),
            _ => Err(StoreError::DigestMismatch),
        }
    }

    /// Writes the indexes; the digest's state, the digest, and the number of rows.
    fn finish(
        mut self,
        conn: &Connection,
        kind: RecordKind,
        path: &Path,
        going: Going<'_>,
    ) -> Result<(Vec<u8>, Hash32, u64), StoreError> {
        going()?;
        let rows = self.ids.len() as u64;
        (self.ids, self.names) = (HashMap::new(), None);
        let dead = std::mem::take(&mut self.dead);
        for (table, run) in [
            ("vrm", self.vrm),
            ("folded", self.folded),
            ("vin", self.vin),
            ("vin_tail", self.vin_tail),
            ("ident", self.ident),
            ("link", self.link),
        ] {
            run.write(conn, table, &dead, going)?;
            files::write_out(path)?;
        }
        self.birth.retain(|(rid, _)| !dead.contains(rid));
        if kind == RecordKind::Vehicle {
            // What a row that is gone looked like stays: its rid is never asked for.
            self.looks.write(conn)?;
            return Ok((self.digest.to_bytes(), self.digest.finish(), rows));
        }
        births::write(conn, &self.birth)?;
        self.placed.retain(|p| !dead.contains(&(*p as u32)));
        self.placed.sort_unstable();
        write_places(conn, &self.placed, self.places, going)?;
        self.placed = Vec::new();
        self.posting.retain(|p| !dead.contains(&(*p as u32)));
        self.posting.sort_unstable();
        write_postings(conn, &self.posting, self.vocab, going)?;
        Ok((self.digest.to_bytes(), self.digest.finish(), rows))
    }
}

/// Ids in their order, for references by their first bytes; gathered when the first one comes, which is after the
/// snapshot. Some may have gone since.
struct Names {
    sorted: Vec<RecordId>,
    since: BTreeSet<RecordId>,
}

impl Names {
    fn of(ids: &HashMap<RecordId, u32>) -> Self {
        let mut sorted: Vec<RecordId> = ids.keys().copied().collect();
        sorted.sort_unstable();
        Self { sorted, since: BTreeSet::new() }
    }

    fn add(&mut self, id: RecordId) {
        if self.sorted.binary_search(&id).is_err() {
            self.since.insert(id);
        }
    }

    fn between(&self, first: &RecordId, last: &RecordId) -> impl Iterator<Item = &RecordId> {
        let from = self.sorted.partition_point(|id| id < first);
        let to = from + self.sorted[from..].partition_point(|id| id <= last);
        self.sorted[from..to].iter().chain(self.since.range(first..=last))
    }
}

fn write_postings(
    conn: &Connection,
    posting: &[u64],
    vocab: HashMap<Token, u32>,
    going: Going<'_>,
) -> Result<(), StoreError> {
    let mut bearers = vec![0_u32; vocab.len() + 1];
    for (n, run) in (0..).zip(posting.chunk_by(|a, b| a >> 32 == b >> 32 && block(*a) == block(*b))) {
        now_and_then(n, going)?;
        let Some(first) = run.first() else { continue };
        let tid = first >> 32;
        bearers[tid as usize] += run.len() as u32;
        let places: Vec<u16> = run.iter().map(|p| *p as u16).collect();
        conn.prepare_cached("INSERT INTO posting(tid,block,rids) VALUES(?1,?2,?3)")?.execute((
            tid as i64,
            block(*first),
            postings::encode(&places),
        ))?;
    }
    let mut vocab: Vec<(Token, u32)> = vocab.into_iter().filter(|(_, tid)| bearers[*tid as usize] > 0).collect();
    vocab.sort_unstable_by_key(|(_, tid)| *tid);
    for (n, ((role, token), tid)) in (0..).zip(vocab) {
        now_and_then(n, going)?;
        let phonetic = beatcheck_search::phonetic_key(&token);
        conn.prepare_cached("INSERT INTO vocab(tid,token,role,phonetic,bearers) VALUES(?1,?2,?3,?4,?5)")?.execute((
            tid,
            token,
            role as u8,
            phonetic,
            bearers[tid as usize],
        ))?;
    }
    Ok(())
}

/// By key, so that the table is filled in its order.
fn write_places(
    conn: &Connection,
    placed: &[u64],
    places: HashMap<String, u32>,
    going: Going<'_>,
) -> Result<(), StoreError> {
    let mut places: Vec<(String, u32)> = places.into_iter().collect();
    places.sort_unstable();
    for (n, (key, number)) in (0..).zip(places) {
        now_and_then(n, going)?;
        let from = placed.partition_point(|p| *p >> 32 < u64::from(number));
        let to = from + placed[from..].partition_point(|p| *p >> 32 == u64::from(number));
        for run in placed[from..to].chunk_by(|a, b| block(*a) == block(*b)) {
            let Some(first) = run.first() else { continue };
            let rids: Vec<u16> = run.iter().map(|p| *p as u16).collect();
            conn.prepare_cached("INSERT INTO place(key,block,rids) VALUES(?1,?2,?3)")?.execute((
                &key,
                block(*first),
                postings::encode(&rids),
            ))?;
        }
    }
    Ok(())
}

fn now_and_then(n: u64, going: Going<'_>) -> Result<(), StoreError> {
    if n.is_multiple_of(PROGRESS_EVERY) { going() } else { Ok(()) }
}

fn block(posting: u64) -> i64 {
    postings::block_of(i64::from(posting as u32))
}

/// Keys and rids, the keys' bytes in one piece: an allocation for each would double the memory.
#[derive(Default)]
struct TextRun {
    text: String,
    /// Start and end in `text`, rid.
    entries: Vec<(u32, u32, u32)>,
}

impl TextRun {
    fn extend(&mut self, keys: impl IntoIterator<Item = String>, rid: u32) -> Result<(), StoreError> {
        for key in keys {
            let at = |n: usize| u32::try_from(n).map_err(|_| WireError::OverLimit("length of all keys"));
            let start = at(self.text.len())?;
            self.text.push_str(&key);
            self.entries.push((start, at(self.text.len())?, rid));
        }
        Ok(())
    }

    fn write(
        mut self,
        conn: &Connection,
        table: &str,
        dead: &HashSet<u32>,
        going: Going<'_>,
    ) -> Result<(), StoreError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let key = |e: &(u32, u32, u32)| &self.text[e.0 as usize..e.1 as usize];
        self.entries.retain(|e| !dead.contains(&e.2));
        self.entries.sort_unstable_by(|a, b| key(a).cmp(key(b)).then(a.2.cmp(&b.2)));
        let mut insert = conn.prepare(&format!("INSERT INTO {table}(key,rid) VALUES(?1,?2)"))?;
        for (n, e) in (0..).zip(&self.entries) {
            now_and_then(n, going)?;
            insert.execute((key(e), e.2))?;
        }
        Ok(())
    }
}
