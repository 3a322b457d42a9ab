//! A compartment's distinct name tokens in RAM: what a question is compared with instead of the persons.
//!
//! Some 50,000 tokens stand for a million persons. Texts lie in one piece, sorted, so that a scan runs through memory
//! and a token is found by bisection. It is good for one state of the file ([`Vocab::stamp`]).

use crate::StoreError;
use crate::pool::{self, Stamp};
use beatcheck_search::{PreparedToken, TokenLevel, token_level};
use rusqlite::Connection;

pub(crate) struct Vocab {
    pub(crate) stamp: Stamp,
    /// Persons in the compartment.
    pub(crate) persons: u64,
    text: String,
    tokens: Vec<Token>,
}

struct Token {
    /// In `text`: the token, then its sound key.
    start: u32,
    token_end: u32,
    end: u32,
    bearers: u32,
    tid: i64,
}

/// A token of the vocabulary near one asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near {
    pub(crate) level: TokenLevel,
    pub(crate) tid: i64,
    pub(crate) bearers: u32,
}

impl Vocab {
    pub(crate) fn load(conn: &Connection, stamp: Stamp) -> Result<Self, StoreError> {
        let persons = pool::checkpoint(conn)?.rows;
        let (mut text, mut tokens) = (String::new(), Vec::new());
        let mut statement = conn.prepare_cached("SELECT tid,token,phonetic,bearers FROM vocab ORDER BY token")?;
        let mut rows = statement.query([])?;
        let at = |text: &String| u32::try_from(text.len()).map_err(|_| StoreError::Corrupt);
        while let Some(row) = rows.next()? {
            let start = at(&text)?;
            text.push_str(row.get_ref(1)?.as_str().map_err(|_| StoreError::Corrupt)?);
            let token_end = at(&text)?;
            text.push_str(row.get_ref(2)?.as_str().map_err(|_| StoreError::Corrupt)?);
            tokens.push(Token { start, token_end, end: at(&text)?, bearers: row.get(3)?, tid: row.get(0)? });
        }
        Ok(Self { stamp, persons, text, tokens })
    }

    /// All tokens that agree with the one asked, the best level first and within a level the rarest first.
    pub(crate) fn near(&self, asked: &PreparedToken) -> Vec<Near> {
        let mut out: Vec<Near> = self
            .tokens
            .iter()
            .filter_map(|t| {
                let level = token_level(asked, self.token(t), &self.text[t.token_end as usize..t.end as usize])?;
                Some(Near { level, tid: t.tid, bearers: t.bearers })
            })
            .collect();
        out.sort_unstable_by_key(|n| (std::cmp::Reverse(n.level), n.bearers, n.tid));
        out
    }

    /// How many persons bear a token.
    pub(crate) fn bearers(&self, token: &str) -> u32 {
        match self.tokens.binary_search_by(|t| self.token(t).cmp(token)) {
            Ok(at) => self.tokens[at].bearers,
            Err(_) => 0,
        }
    }

    fn token(&self, t: &Token) -> &str {
        &self.text[t.start as usize..t.token_end as usize]
    }
}
