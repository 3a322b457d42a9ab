//! What vehicles look like, by rid: seven bytes each in blocks of 1,024, so that marks of which only part was seen are
//! filtered without decrypting a row for each.

use super::keys::LookKey;
use crate::StoreError;
use beatcheck_search::{LookFit, LookQuery};
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;

const BLOCK_BITS: u32 = 10;
const BLOCK: usize = 1 << BLOCK_BITS;
/// Make and model, colour, type: two bytes each, the number of a word; a byte of year.
const BYTES: usize = 7;
const CLASSES: usize = 3;
/// Highest number of a word; a vehicle whose word has none is never filtered out.
const WORDS_MAX: u16 = u16::MAX;
/// Year of manufacture that is written as 1; 0 is unknown.
const YEAR_FIRST: u16 = 1900;
/// Highest rid that is kept in RAM: an array over them stays below 2 GiB.
const RID_MAX: i64 = 1 << 28;

type Packed = [u8; BYTES];

fn packed(words: [u16; CLASSES], year: u16) -> Packed {
    let [a, b, c] = words.map(u16::to_le_bytes);
    let year = year.checked_sub(YEAR_FIRST).and_then(|y| u8::try_from(y + 1).ok()).unwrap_or(0);
    [a[0], a[1], b[0], b[1], c[0], c[1], year]
}

/// Looks of a fresh load, to be written in one pass.
#[derive(Default)]
pub(super) struct Gather {
    words: [HashMap<String, u16>; CLASSES],
    looks: Vec<(u32, Packed)>,
}

impl Gather {
    pub(super) fn add(&mut self, rid: u32, look: LookKey) {
        let mut ids = [0; CLASSES];
        for ((text, words), id) in look.words.into_iter().zip(&mut self.words).zip(&mut ids) {
            if text.is_empty() {
                continue;
            }
            let next = words.len() + 1;
            *id = match words.get(&text) {
                Some(id) => *id,
                None if next <= usize::from(WORDS_MAX) => *words.entry(text).or_insert(next as u16),
                None => 0,
            };
        }
        self.looks.push((rid, packed(ids, look.year)));
    }

    pub(super) fn write(self, conn: &Connection) -> Result<(), StoreError> {
        for (class, words) in self.words.into_iter().enumerate() {
            let mut words: Vec<(String, u16)> = words.into_iter().collect();
            words.sort_unstable_by_key(|(_, id)| *id);
            for (text, id) in words {
                conn.prepare_cached("INSERT INTO look_word(class,id,text) VALUES(?1,?2,?3)")?
                    .execute((class, id, text))?;
            }
        }
        for run in self.looks.chunk_by(|a, b| a.0 >> BLOCK_BITS == b.0 >> BLOCK_BITS) {
            let Some((rid, _)) = run.first() else { continue };
            let mut bytes = vec![0; BLOCK * BYTES];
            for (rid, look) in run {
                put(&mut bytes, *rid, look)?;
            }
            conn.prepare_cached("INSERT INTO look(block,looks) VALUES(?1,?2)")?.execute((rid >> BLOCK_BITS, bytes))?;
        }
        Ok(())
    }
}

fn put(bytes: &mut [u8], rid: u32, look: &Packed) -> Result<(), StoreError> {
    let at = (rid as usize % BLOCK) * BYTES;
    bytes.get_mut(at..at + BYTES).ok_or(StoreError::Corrupt)?.copy_from_slice(look);
    Ok(())
}

/// Replaces what one vehicle looks like.
pub(super) fn set(conn: &Connection, rid: i64, look: &LookKey) -> Result<(), StoreError> {
    let rid = u32::try_from(rid).ok().filter(|r| i64::from(*r) < RID_MAX).ok_or(StoreError::Corrupt)?;
    let mut ids = [0; CLASSES];
    for (class, (text, id)) in look.words.iter().zip(&mut ids).enumerate() {
        if !text.is_empty() {
            *id = word(conn, class, text)?;
        }
    }
    let held: Option<Vec<u8>> = conn
        .prepare_cached("SELECT looks FROM look WHERE block=?1")?
        .query_row([rid >> BLOCK_BITS], |r| r.get(0))
        .optional()?;
    let mut bytes = held.unwrap_or_else(|| vec![0; BLOCK * BYTES]);
    put(&mut bytes, rid, &packed(ids, look.year))?;
    conn.prepare_cached("INSERT OR REPLACE INTO look(block,looks) VALUES(?1,?2)")?
        .execute((rid >> BLOCK_BITS, bytes))?;
    Ok(())
}

fn word(conn: &Connection, class: usize, text: &str) -> Result<u16, StoreError> {
    let held = conn
        .prepare_cached("SELECT id FROM look_word WHERE class=?1 AND text=?2")?
        .query_row((class, text), |r| r.get(0))
        .optional()?;
    if let Some(id) = held {
        return Ok(id);
    }
    let last: u16 = conn
        .prepare_cached("SELECT COALESCE(MAX(id),0) FROM look_word WHERE class=?1")?
        .query_row([class], |r| r.get(0))?;
    let Some(next) = last.checked_add(1) else { return Ok(0) };
    conn.prepare_cached("INSERT INTO look_word(class,id,text) VALUES(?1,?2,?3)")?.execute((class, next, text))?;
    Ok(next)
}

/// All looks of a compartment in RAM, read when a question with filters first needs them. Good for one state of the file.
#[derive(Debug)]
pub(crate) struct Looks {
    by_rid: Vec<u8>,
    /// By class and number; number 0 is no word.
    words: [Vec<String>; CLASSES],
}

impl Looks {
    pub(crate) fn load(conn: &Connection) -> Result<Self, StoreError> {
        let mut out = Self { by_rid: Vec::new(), words: std::array::from_fn(|_| vec![String::new()]) };
        let mut statement = conn.prepare_cached("SELECT block,looks FROM look ORDER BY block")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let start = row.get::<_, i64>(0)? << BLOCK_BITS;
            let bytes = row.get_ref(1)?.as_blob().map_err(|_| StoreError::Corrupt)?;
            if !(0..RID_MAX).contains(&start) || bytes.len() != BLOCK * BYTES {
                return Err(StoreError::Corrupt);
            }
            out.by_rid.resize(start as usize * BYTES, 0);
            out.by_rid.extend_from_slice(bytes);
        }
        let mut statement = conn.prepare_cached("SELECT class,id,text FROM look_word ORDER BY class,id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let words = out.words.get_mut(row.get::<_, usize>(0)?).ok_or(StoreError::Corrupt)?;
            words.resize(usize::from(row.get::<_, u16>(1)?), String::new());
            words.push(row.get(2)?);
        }
        Ok(out)
    }

    /// Which rids look as asked, or might: each word is compared once, whatever the number of vehicles.
    pub(crate) fn filter<'a>(&'a self, asked: &'a LookQuery) -> impl Fn(u32) -> bool + Sync + 'a {
        let [make, colour, body] = &self.words;
        let fits = |words: &[String], fit: &dyn Fn(&str) -> LookFit| -> Vec<bool> {
            words.iter().map(|w| fit(w) != LookFit::Differs).collect()
        };
        let fits = [fits(make, &|w| asked.make(w)), fits(colour, &|w| asked.colour(w)), fits(body, &|w| asked.body(w))];
        move |rid| {
            let at = rid as usize * BYTES;
            let Some(look) = self.by_rid.get(at..at + BYTES) else { return true };
            let word = |i: usize| usize::from(u16::from_le_bytes([look[2 * i], look[2 * i + 1]]));
            let year = match look[6] {
                0 => 0,
                n => YEAR_FIRST + u16::from(n) - 1,
            };
            fits.iter().enumerate().all(|(i, f)| f.get(word(i)).copied().unwrap_or(true))
                && asked.year(year) != LookFit::Differs
        }
    }
}
