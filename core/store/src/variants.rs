//! Tables of name forms that a hub has sent: read whole when a person is first asked for, good for one state of the file.

use crate::StoreError;
use beatcheck_model::Body;
use beatcheck_search::name_tokens;
use beatcheck_wire::digest;
use rusqlite::Connection;
use std::collections::HashMap;

/// Forms taken of one compartment, at most; later ones are left out.
const FORMS_MAX: usize = 200_000;
/// Forms of one name, at most: a class as long as a store would make everybody a namesake.
const CLASS_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Variants {
    /// Classes by form.
    of: HashMap<String, Vec<u32>>,
    classes: Vec<Vec<String>>,
}

impl Variants {
    pub(crate) fn load(conn: &Connection) -> Result<Self, StoreError> {
        let mut out = Self { of: HashMap::new(), classes: Vec::new() };
        let mut left = FORMS_MAX;
        let mut statement = conn.prepare_cached("SELECT row FROM rec ORDER BY rid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let record = digest::from_canonical(row.get_ref(0)?.as_blob().map_err(|_| StoreError::Corrupt)?)?;
            let Body::Variant(v) = record.body else { return Err(StoreError::Corrupt) };
            let mut class: Vec<String> =
                v.forms.iter().map(|f| name_tokens(f).concat()).filter(|f| !f.is_empty()).collect();
            class.sort_unstable();
            class.dedup();
            class.truncate(CLASS_MAX);
            let Some(rest) = left.checked_sub(class.len()) else { break };
            left = rest;
            let number = out.classes.len() as u32;
            class.iter().for_each(|f| out.of.entry(f.clone()).or_default().push(number));
            out.classes.push(class);
        }
        Ok(out)
    }

    /// The other forms of a token.
    pub(crate) fn forms(&self, token: &str) -> impl Iterator<Item = &String> {
        let classes = self.of.get(token).into_iter().flatten();
        classes.filter_map(|c| self.classes.get(*c as usize)).flatten().filter(move |f| **f != *token)
    }
}
