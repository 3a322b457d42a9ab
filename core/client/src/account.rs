//! The account: seals entries and makes them durable before anything leaves the core (rule 6).

use crate::device::{Device, View};
use crate::rollback::NOTE_ENTRIES;
use crate::{ClientError, Env};
use beatcheck_audit::{Entry, EntryKind};
use beatcheck_model::Timestamp;
use beatcheck_store::{AskedAbout, Made, StoreError, Told};
use beatcheck_wire::OrderId;
use std::sync::PoisonError;

/// Crockford's alphabet: what is read aloud is not mistaken.
const SAYABLE: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A short reference that can be quoted over the radio: six characters, 30 random bits.
pub(crate) fn reference(env: &Env) -> Result<String, ClientError> {
    let bytes: [u8; 6] = env.random()?;
    let mut out = String::with_capacity(7);
    for (i, b) in bytes.iter().enumerate() {
        if i == 3 {
            out.push('-');
        }
        out.push(char::from(SAYABLE[usize::from(b & 31)]));
    }
    Ok(out)
}

/// One entry to be written, and what is kept of it to notice a late hit.
pub(crate) struct Line {
    pub kind: EntryKind,
    pub told: Option<Told>,
    pub asked: Option<AskedAbout>,
}

impl Line {
    /// An entry that is no check.
    pub(crate) fn of(kind: EntryKind) -> Self {
        Self { kind, told: None, asked: None }
    }
}

impl Device {
    /// Writes `lines` in one durable transaction; returns the number of the first.
    pub(crate) fn account(&self, view: &View, at: Timestamp, lines: Vec<Line>) -> Result<u64, ClientError> {
        // A wipe has taken the account as it was: what came after it would be lost.
        let _writing = self.writing.read().unwrap_or_else(PoisonError::into_inner);
        if self.is_wiped() {
            return Err(ClientError::Wiped);
        }
        let count = lines.len();
        let first = self.journal.append(count, &mut self.sealer(view, at, lines));
        let first = first.map_err(|e| ClientError::Account(e.to_string()))?;
        if (first + count as u64) / NOTE_ENTRIES != first / NOTE_ENTRIES {
            self.note_journal()?;
        }
        Ok(first)
    }

    /// Writes `line`, unless one was written under this name before; with a mark that `order` was obeyed.
    pub(crate) fn account_once(
        &self,
        view: &View,
        name: &str,
        order: Option<OrderId>,
        line: Line,
    ) -> Result<bool, ClientError> {
        let at = self.now();
        let done = self.journal.append_once(name, order, at, &mut self.sealer(view, at, vec![line]));
        done.map_err(|e| ClientError::Account(e.to_string()))
    }

    /// Seals the `i`th of `lines` under the number that it gets.
    fn sealer(
        &self,
        view: &View,
        at: Timestamp,
        lines: Vec<Line>,
    ) -> impl FnMut(usize, u64) -> Result<Made, StoreError> + use<'_> {
        let (officer, role, grant_version) = match &view.grant {
            Some(g) => (g.officer.clone(), g.role.clone(), g.grant_version),
            None => (self.enrolled_as.0.clone(), self.enrolled_as.1.clone(), 0),
        };
        let policy_version = view.policy.as_ref().map_or(0, |p| p.policy_version);
        let lines_asked: Vec<_> = lines.iter().map(|l| l.asked).collect();
        let mut entries: Vec<(Entry, Option<Told>)> = lines
            .into_iter()
            .map(|line| {
                let entry = Entry {
                    format: beatcheck_audit::ENTRY_FORMAT,
                    at,
                    not_before: self.time.signed(),
                    officer: officer.clone(),
                    role: role.clone(),
                    policy_version,
                    grant_version,
                    kind: line.kind,
                };
                (entry, line.told)
            })
            .collect();
        let trusted = self.trusted();
        let mut random_failed = false;
        move |i, seq| {
            let (entry, told) = &mut entries[i];
            let mut random = |out: &mut [u8]| {
                // HPKE's interface cannot fail: the entry is thrown away below instead.
                random_failed |= getrandom::fill(out).is_err();
            };
            let asked = lines_asked[i];
            let sealed = beatcheck_audit::seal(entry, &trusted.root.audit_key, self.device, seq, &mut random)
                .map_err(|_| StoreError::Corrupt)?;
            if random_failed {
                return Err(StoreError::Closed);
            }
            Ok(Made { sealed, told: told.take(), asked })
        }
    }
}
