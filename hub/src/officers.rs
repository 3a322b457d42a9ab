//! Officers as far as the hub knows them: the ids that codes were made for. One who is suspended, or has left, keeps no
//! grant on any device, gets no code, enrols nothing and starts no shift, until that is lifted.
//!
//! A suspended officer's device keeps its certificate: it must hear of it, and hand in its account (rule 12).

use crate::enrol::MAX_NAME;
use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use rusqlite::{Connection, params};
use serde::Serialize;

/// An officer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfficerStatus {
    /// The officer's id, as the account names them.
    pub officer: String,
    /// Devices of theirs that are not revoked and have not reported that they wiped themselves.
    pub devices: u32,
    /// Since when they are suspended.
    pub suspended: Option<Timestamp>,
    /// By whom.
    pub suspended_by: Option<String>,
    /// Why, in the words of who did it.
    pub why: Option<String>,
}

impl Hub {
    /// Suspends an officer, or one who has left: each of their devices loses its grant with its next contact, and what it
    /// held gets new key epochs. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`HubError::Refused`] if the hub has no device and no code of this officer (a typing error must not look like a
    /// suspension), or a text is over 128 bytes.
    pub fn officer_suspend(&self, officer: &str, by: &str, why: &str) -> Result<(), HubError> {
        let officer = officer.trim();
        if by.len() > MAX_NAME || why.len() > MAX_NAME {
            return Err(HubError::Refused(format!("who suspends, and why, must each fit in {MAX_NAME} bytes")));
        }
        let now = self.now();
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        known(&tx, officer)?;
        if !is_suspended(&tx, officer)? {
            tx.execute(
                "INSERT INTO suspension (officer, since, by, why) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET by = excluded.by, why = excluded.why, ended = NULL, ended_by = NULL",
                params![officer, now.0, by, why],
            )?;
            tx.execute(
                "UPDATE shift SET ended = ?2, why = 'suspended' WHERE officer = ?1 AND ended IS NULL AND ends > ?2",
                params![officer, now.0],
            )?;
        }
        tx.commit()?;
        tracing::info!("an officer was suspended");
        self.refresh_grants()
    }

    /// Lifts an officer's suspension: their devices get their grants again with their next contact.
    ///
    /// # Errors
    /// [`HubError::Refused`] if they are not suspended.
    pub fn officer_restore(&self, officer: &str, by: &str) -> Result<(), HubError> {
        let changed = self.conn()?.execute(
            "UPDATE suspension SET ended = ?2, ended_by = ?3 WHERE officer = ?1 AND ended IS NULL",
            params![officer.trim(), self.now().0, by],
        )?;
        if changed == 0 {
            return Err(HubError::Refused("this officer is not suspended: `hub officer list` shows who is".into()));
        }
        tracing::info!("an officer's suspension was lifted");
        self.refresh_grants()
    }

    /// All officers that have a device, a code that still works, or a suspension.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn officers(&self) -> Result<Vec<OfficerStatus>, HubError> {
        let conn = self.conn()?;
        let mut all = conn.prepare(
            "SELECT o.officer,
                    (SELECT COUNT(*) FROM device d WHERE d.officer = o.officer AND d.revoked IS NULL AND d.wiped IS NULL),
                    s.since, s.by, s.why
             FROM (SELECT officer FROM device UNION SELECT officer FROM enrol_code WHERE device IS NULL AND expires > ?1
                   UNION SELECT officer FROM suspension WHERE ended IS NULL) o
             LEFT JOIN suspension s ON s.officer = o.officer AND s.ended IS NULL
             ORDER BY o.officer",
        )?;
        let rows = all.query_map([self.now().0], |r| {
            Ok(OfficerStatus {
                officer: r.get(0)?,
                devices: r.get(1)?,
                suspended: r.get::<_, Option<i64>>(2)?.map(Timestamp),
                suspended_by: r.get(3)?,
                why: r.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Whether an officer is suspended.
pub(crate) fn is_suspended(conn: &Connection, officer: &str) -> Result<bool, HubError> {
    Ok(conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM suspension WHERE officer = ?1 AND ended IS NULL)",
        [officer],
        |r| r.get(0),
    )?)
}

fn known(conn: &Connection, officer: &str) -> Result<(), HubError> {
    let known: bool = conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM device WHERE officer = ?1) OR EXISTS (SELECT 1 FROM enrol_code WHERE officer = ?1)",
        [officer],
        |r| r.get(0),
    )?;
    if known {
        return Ok(());
    }
    Err(HubError::Refused("no device and no code is of this officer: `hub officer list` shows who is known".into()))
}
