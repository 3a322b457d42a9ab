//! The account a page at a time, newest first: each page opens a bounded number of entries and says where it stopped.

use crate::{Hub, HubError, JournalCheck, JournalRow};
use beatcheck_model::Timestamp;
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::params;

/// Entries that one page opens at most, whether they match or not.
pub const MAX_LOOKED: usize = 10_000;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct JournalLook {
    /// Of this device.
    pub device: Option<DeviceId>,
    /// Of this officer.
    pub officer: Option<String>,
    /// With this reference.
    pub reference: Option<String>,
    /// Older than this place, as [`JournalPage::older`] gave it; 0: from the newest.
    pub before: u64,
    /// Rows wanted, at most.
    pub size: usize,
}

/// One page.
#[derive(Clone, Debug)]
pub struct JournalPage {
    /// Place and entry, newest first.
    pub rows: Vec<(u64, JournalRow)>,
    /// Entries that were opened for it.
    pub looked: usize,
    /// Where the next page begins; none if there is nothing older.
    pub older: Option<u64>,
}

impl Hub {
    /// A page of the account, in the order in which it came in.
    ///
    /// # Errors
    /// [`HubError::Key`] if the audit key is elsewhere; [`HubError::Db`].
    pub fn journal_page(&self, look: &JournalLook) -> Result<JournalPage, HubError> {
        let keys = self.keys()?;
        let conn = self.conn()?;
        let mut stmt = conn.prepare(
            "SELECT rowid, device, seq, sealed, received, unsigned FROM journal
             WHERE (?1 = 0 OR rowid < ?1) AND (?2 IS NULL OR device = ?2) ORDER BY rowid DESC LIMIT ?3",
        )?;
        let mut found = stmt.query(params![look.before, look.device.map(|d| d.0), MAX_LOOKED as u64 + 1])?;
        let mut page = JournalPage { rows: Vec::new(), looked: 0, older: None };
        let mut place = look.before;
        while let Some(r) = found.next()? {
            if page.rows.len() == look.size || page.looked == MAX_LOOKED {
                page.older = Some(place);
                break;
            }
            place = r.get(0)?;
            page.looked += 1;
            let device = CompartmentId(r.get(1)?);
            let (seq, sealed): (u64, Vec<u8>) = (r.get(2)?, r.get(3)?);
            let opened = beatcheck_audit::open(&sealed, &keys.audit, device, seq);
            let filter = crate::JournalFilter {
                officer: look.officer.clone(),
                reference: look.reference.clone(),
                ..crate::JournalFilter::default()
            };
            if !filter.takes(opened.as_ref().ok()) {
                continue;
            }
            let problem = opened.as_ref().err().map(ToString::to_string);
            let received = Timestamp(r.get(4)?);
            let (entry, unsigned) = (opened.ok(), r.get(5)?);
            page.rows.push((place, JournalRow { device: device.to_string(), seq, received, entry, unsigned, problem }));
        }
        Ok(page)
    }

    /// A page of devices and whether the numbers of their entries run without a gap, and how many devices there are. Opens
    /// nothing and hashes nothing: [`Hub::verify_journal`] does.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn journal_chains(&self, offset: u64, limit: u64) -> Result<(Vec<JournalCheck>, u64), HubError> {
        let conn = self.conn()?;
        let total = conn.query_row("SELECT COUNT(*) FROM device", [], |r| r.get(0))?;
        let mut stmt = conn.prepare(
            "SELECT d.id, COUNT(j.seq), COALESCE(MIN(j.seq), 0), COALESCE(MAX(j.seq), 0), d.acked_seq, d.journal_fault
             FROM (SELECT * FROM device ORDER BY enrolled, id LIMIT ?1 OFFSET ?2) d
             LEFT JOIN journal j ON j.device = d.id GROUP BY d.id ORDER BY d.enrolled, d.id",
        )?;
        let rows = stmt.query_map(params![limit.min(crate::MAX_FLEET_PAGE), offset], |r| {
            let id = CompartmentId(r.get(0)?);
            let (entries, first, last, acked): (u64, u64, u64, u64) = (r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?);
            let fault: Option<String> = r.get(5)?;
            let whole = last == acked && entries == last && (entries == 0 || first == 1);
            let gap = (!whole).then(|| format!("{entries} entries held of {}", last.max(acked)));
            let unbroken = whole && fault.is_none();
            Ok(JournalCheck { device: id.to_string(), entries, first, last, unbroken, problem: gap.or(fault) })
        })?;
        Ok((rows.collect::<Result<_, _>>()?, total))
    }
}
