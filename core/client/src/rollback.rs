//! Whether files were put back: the state counts with the vault's counter, and remembers how far the journal was.
//!
//! The state's number is raised first and the vault's counter after it, at every opening and after every sync; so the
//! counter is never ahead of the state, unless the state is an older one. A crash between the two leaves the state ahead
//! by one, which is put right at the next tick: nothing is tolerated. The state also keeps number and link of the
//! journal's last entry, so that a journal that was put back, or whose tail was cut, does not fit it.
//!
//! A vault without a counter cannot show that *all* files were put back together; then only the hub can, because it has
//! acknowledged entries which the journal no longer has, and refuses to go on. Entries that were never sent and are put
//! away with everything else leave no trace there but the gap in the counter's numbers.

use crate::account::Line;
use crate::device::{Device, decode, doc, encode};
use crate::{ClientError, VaultError};
use beatcheck_audit::EntryKind;
use beatcheck_store::State;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Label of the counter in the vault.
const LABEL: &str = "state";
/// The journal's end is noted again after so many entries, and at each tick.
pub(crate) const NOTE_ENTRIES: u64 = 16;

/// Begins to count, at enrolment: whatever the vault has counted before is where this device starts.
pub(crate) fn begin(state: &State, vault: &dyn crate::KeyVault) -> Result<Option<u64>, ClientError> {
    match vault.counter(LABEL.into()) {
        Ok(n) => {
            state.put_all(&[(doc::COUNTER, Some(&n.to_le_bytes()))])?;
            Ok(Some(n))
        }
        Err(VaultError::Unsupported) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

impl Device {
    /// Compares what the state remembers of the journal with the journal: at opening, before anything is written.
    pub(crate) fn journal_fits(&self) -> Result<(), ClientError> {
        let Some(bytes) = self.state.get(doc::JOURNAL_MARK)? else { return Ok(()) };
        let (seq, link): (u64, [u8; 32]) = decode(&bytes)?;
        if self.journal.continues(seq, &link)? == Some(false) {
            let last = self.journal.last_link()?.0;
            self.put_back(seq, last)?;
        }
        Ok(())
    }

    /// Counts one further, and compares; notes how far the journal is.
    pub(crate) fn count_state(&self) -> Result<(), ClientError> {
        if self.state.number(doc::COUNTER)?.is_none() {
            // A vault that has come to have one starts now.
            *self.counter.lock().unwrap_or_else(PoisonError::into_inner) = begin(&self.state, &*self.vault)?;
            return self.note_journal();
        }
        let planned = self.state.count(doc::COUNTER)?;
        match self.vault.counter(LABEL.into()) {
            Ok(counter) => {
                *self.counter.lock().unwrap_or_else(PoisonError::into_inner) = Some(counter);
                // Read again: another process may have counted between, and it too raised the state first.
                let known = self.state.number(doc::COUNTER)?.unwrap_or(planned);
                if counter > known {
                    self.put_back(counter, known)?;
                    self.state.set_number_if(doc::COUNTER, known, counter)?;
                } else if counter < planned {
                    self.state.set_number_if(doc::COUNTER, planned, counter)?;
                }
            }
            Err(e) => {
                // It could not be counted: no reason to refuse anything, and none to drift.
                tracing::warn!(error = %e, "the vault's counter could not be read");
                self.state.set_number_if(doc::COUNTER, planned, planned - 1)?;
            }
        }
        self.note_journal()
    }

    /// Remembers how far the journal is.
    pub(crate) fn note_journal(&self) -> Result<(), ClientError> {
        let end = self.journal.last_link()?;
        Ok(self.state.put_all(&[(doc::JOURNAL_MARK, Some(&encode(&end)?))])?)
    }

    /// Files were put back: on record, and until the hub was heard nothing is answered.
    fn put_back(&self, counter: u64, known: u64) -> Result<(), ClientError> {
        tracing::warn!(counter, known, "files of this device were put back");
        self.state.put_all(&[(doc::ROLLED_BACK, Some(&encode(&(counter, known))?))])?;
        self.rolled_back.store(true, Ordering::SeqCst);
        let line = Line::of(EntryKind::RolledBack { counter, known });
        self.account(&self.view(), self.now(), vec![line])?;
        Ok(())
    }

    /// Whether files were put back and the hub was not heard since.
    pub(crate) fn is_rolled_back(&self) -> bool {
        self.rolled_back.load(Ordering::SeqCst)
    }

    /// The hub has taken the account, which goes on from what it had, and has said what is in force.
    pub(crate) fn re_established(&self) -> Result<(), ClientError> {
        if self.rolled_back.swap(false, Ordering::SeqCst) {
            self.state.put_all(&[(doc::ROLLED_BACK, None)])?;
        }
        Ok(())
    }

    /// What the vault's counter said last.
    pub(crate) fn counter(&self) -> Option<u64> {
        *self.counter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
