//! A compartment's person index in RAM: distinct name tokens, who bears each, and dates of birth.
//!
//! Some 60,000 tokens stand for a million persons. Texts and postings lie each in one piece, so that a scan runs through
//! memory; a person costs some 3 bytes of postings and 4 of date. It is good for one state of the file
//! ([`Index::stamp`]): it is read from the same encrypted pages as the rows, never written anywhere else.

use crate::StoreError;
use crate::pool::{self, Stamp};
use crate::records::births::Births;
use beatcheck_search::{LevelCounts, NameRole, PreparedToken, TokenLevel, TokenSketch, token_level};
use rusqlite::Connection;

#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) stamp: Stamp,
    /// Persons in the compartment.
    pub(crate) persons: u64,
    pub(crate) births: Births,
    text: String,
    tokens: Vec<Token>,
    /// Of each token, apart so that a scan runs through little memory.
    sketches: Vec<TokenSketch>,
    postings: Vec<u8>,
    blocks: Vec<Block>,
    /// Who has no such part of a name, by part.
    nameless: [Option<usize>; 2],
}

#[derive(Debug)]
struct Token {
    /// In `text`: the token, then its sound key.
    start: u32,
    token_end: u32,
    end: u32,
    bearers: u32,
    role: NameRole,
    /// In `blocks`, its first; the next token's first ends them.
    first_block: u32,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    number: u16,
    /// In `postings`.
    start: u32,
}

/// A token of the vocabulary near one asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near {
    pub(crate) level: TokenLevel,
    pub(crate) role: NameRole,
    pub(crate) bearers: u32,
    /// For [`Index::blocks`].
    pub(crate) at: usize,
}

impl Index {
    pub(crate) fn load(conn: &Connection, stamp: Stamp) -> Result<Self, StoreError> {
        let at = |n: usize| u32::try_from(n).map_err(|_| StoreError::Corrupt);
        let (mut postings, mut blocks, mut of) = (Vec::new(), Vec::new(), std::collections::HashMap::new());
        let mut statement = conn.prepare_cached("SELECT tid,block,rids FROM posting ORDER BY tid,block")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (tid, number): (i64, i64) = (row.get(0)?, row.get(1)?);
            let number = u16::try_from(number).map_err(|_| StoreError::Corrupt)?;
            of.entry(tid).or_insert((blocks.len(), 0)).1 += 1;
            blocks.push(Block { number, start: at(postings.len())? });
            postings.extend_from_slice(row.get_ref(2)?.as_blob().map_err(|_| StoreError::Corrupt)?);
        }
        let mut out = Self {
            stamp,
            persons: pool::checkpoint(conn)?.rows,
            births: Births::load(conn)?,
            text: String::new(),
            tokens: Vec::new(),
            sketches: Vec::new(),
            postings,
            blocks: Vec::with_capacity(blocks.len() + 1),
            nameless: [None; 2],
        };
        // In the vocabulary's order, in which a scan meets them. Only the small table of blocks is put in order.
        let mut ends: Vec<u32> = blocks.iter().skip(1).map(|b: &Block| b.start).collect();
        ends.push(at(out.postings.len())?);
        let mut sorted = Vec::with_capacity(out.postings.len());
        let mut statement =
            conn.prepare_cached("SELECT tid,token,role,phonetic,bearers FROM vocab ORDER BY token,role")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let start = at(out.text.len())?;
            out.text.push_str(row.get_ref(1)?.as_str().map_err(|_| StoreError::Corrupt)?);
            let token_end = at(out.text.len())?;
            out.text.push_str(row.get_ref(3)?.as_str().map_err(|_| StoreError::Corrupt)?);
            let role = match row.get(2)? {
                0 => NameRole::Surname,
                1 => NameRole::Given,
                _ => return Err(StoreError::Corrupt),
            };
            if start == token_end {
                out.nameless[role as usize] = Some(out.tokens.len());
            }
            let (token, sound) = (&out.text[start as usize..token_end as usize], &out.text[token_end as usize..]);
            out.sketches.push(TokenSketch::new(token, sound));
            let (end, first_block) = (at(out.text.len())?, at(out.blocks.len())?);
            out.tokens.push(Token { start, token_end, end, bearers: row.get(4)?, role, first_block });
            let (first, n) = of.get(&row.get::<_, i64>(0)?).copied().ok_or(StoreError::Corrupt)?;
            for i in first..first + n {
                let from = blocks[i].start as usize..ends[i] as usize;
                out.blocks.push(Block { number: blocks[i].number, start: at(sorted.len())? });
                sorted.extend_from_slice(&out.postings[from]);
            }
        }
        out.blocks.push(Block { number: 0, start: at(sorted.len())? });
        out.postings = sorted;
        out.postings.shrink_to_fit();
        Ok(out)
    }

    /// All tokens that agree with the one asked, and the persons at each level. Those who have no such part are not in it.
    pub(crate) fn near(&self, asked: &PreparedToken) -> (Vec<Near>, LevelCounts) {
        let (mut out, mut counts) = (Vec::new(), LevelCounts::default());
        let mut last: Option<(&str, Option<TokenLevel>)> = None;
        for (at, sketch) in self.sketches.iter().enumerate() {
            if !asked.may_agree(sketch) {
                continue;
            }
            let t = &self.tokens[at];
            let text = self.token(t);
            // A token in both parts of a name stands twice, one after the other.
            let level = match last {
                Some((same, level)) if same == text => level,
                _ => token_level(asked, text, &self.text[t.token_end as usize..t.end as usize]),
            };
            last = Some((text, level));
            if let Some(level) = level {
                counts.add(t.role, level, t.bearers.into());
                out.push(Near { level, role: t.role, bearers: t.bearers, at });
            }
        }
        (out, counts)
    }

    /// Who has no such part of a name.
    pub(crate) fn nameless(&self, role: NameRole) -> Option<usize> {
        self.nameless[role as usize]
    }

    /// The posting blocks of a token: number, and encoded places.
    pub(crate) fn blocks(&self, at: usize) -> impl Iterator<Item = (u16, &[u8])> {
        let first = self.tokens[at].first_block as usize;
        let end = self.tokens.get(at + 1).map_or(self.blocks.len() - 1, |t| t.first_block as usize);
        (first..end).map(|i| {
            (self.blocks[i].number, &self.postings[self.blocks[i].start as usize..self.blocks[i + 1].start as usize])
        })
    }

    fn token(&self, t: &Token) -> &str {
        &self.text[t.start as usize..t.token_end as usize]
    }
}
