//! The fleet in pages: what the console shows of many devices without reading all of them.
//!
//! Policy states are compared with the version in force; a device that a stage means may be ahead of it.

use crate::policy::Ladder;
use crate::{Hub, HubError};
use beatcheck_model::Timestamp;
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::{Connection, params};

/// Devices on one page, at most.
pub const MAX_FLEET_PAGE: u64 = 100;
/// From so long ago on a device counts as quiet.
pub const QUIET_S: i64 = 24 * 3600;
const HOUR_MS: i64 = 3_600_000;
/// Hours that [`Hub::journal_by_hour`] looks back.
pub const CHART_HOURS: usize = 48;

/// Which devices a page is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FleetState {
    /// All.
    #[default]
    All,
    /// In use: neither revoked nor erased.
    Active,
    /// In use and not heard of for [`QUIET_S`].
    Quiet,
    /// In use and on a policy older than the one in force.
    Behind,
    /// In use with something that it reported as wrong, or an upload that was refused.
    Faulty,
    /// Revoked, erased, or ordered to erase itself.
    Gone,
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct FleetFilter {
    /// In this state.
    pub state: FleetState,
    /// Whose id begins so, or whose officer, role or asset is this; empty: any.
    pub text: String,
    /// Skipped.
    pub offset: u64,
    /// At most so many, up to [`MAX_FLEET_PAGE`].
    pub limit: u64,
}

/// One device of a page.
#[derive(Clone, Debug)]
pub struct FleetRow {
    /// Which.
    pub id: DeviceId,
    /// Whose it is.
    pub officer: String,
    /// Role in policy.
    pub role: String,
    /// What device management calls it.
    pub asset: String,
    /// Kind of vault.
    pub vault: String,
    /// Version of its app.
    pub app: String,
    /// `active`, `revoked`, `wipe_ordered` or `wiped`.
    pub state: &'static str,
    /// When it was enrolled.
    pub enrolled: Timestamp,
    /// When it was last heard of.
    pub last_seen: Option<Timestamp>,
    /// Policy that it reported.
    pub policy: Option<u64>,
    /// Entries that waited behind its last report.
    pub pending: Option<u64>,
    /// Entries received.
    pub acked: u64,
    /// Codes of what it reported as wrong.
    pub problems: Vec<String>,
    /// The last upload that was refused, and why.
    pub fault: Option<String>,
    /// Whether it could read records when it last reported.
    pub unlocked: Option<bool>,
}

/// The fleet in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct FleetCounts {
    /// All that were ever enrolled.
    pub all: u64,
    /// In use.
    pub active: u64,
    /// Not heard of for a day.
    pub quiet: u64,
    /// On an older policy.
    pub behind: u64,
    /// With problems.
    pub faulty: u64,
    /// Revoked, erased, or to be.
    pub gone: u64,
    /// Of those in use, heard of within an hour, four hours, a day, a week, longer ago, never.
    pub heard: [u64; 6],
}

const ACTIVE: &str = "revoked IS NULL AND wiped IS NULL AND wipe_ordered IS NULL";
const FAULTY: &str = "(COALESCE(reported_problems, '[]') <> '[]' OR journal_fault IS NOT NULL)";
const COLUMNS: &str = "id, officer, role, asset, vault, COALESCE(reported_app, app_version), enrolled, revoked,
    wipe_ordered, wiped, last_seen, reported_policy, reported_pending, acked_seq, reported_problems, journal_fault,
    reported_unlocked";

impl Hub {
    /// One page of devices, in the order of their enrolment, and how many match.
    ///
    /// # Errors
    /// [`HubError::Db`] or [`HubError::Wire`].
    pub fn fleet(&self, filter: &FleetFilter) -> Result<(Vec<FleetRow>, u64), HubError> {
        let conn = self.conn()?;
        let (in_force, quiet) = self.marks(&conn)?;
        let state = match filter.state {
            FleetState::All => "TRUE".into(),
            FleetState::Active => ACTIVE.to_owned(),
            FleetState::Quiet => format!("{ACTIVE} AND COALESCE(last_seen, 0) < ?2"),
            FleetState::Behind => format!("{ACTIVE} AND COALESCE(reported_policy, 0) < ?1"),
            FleetState::Faulty => format!("{ACTIVE} AND {FAULTY}"),
            FleetState::Gone => format!("NOT ({ACTIVE})"),
        };
        // ?1 and ?2 are named in every form, so that all take the same parameters.
        let matches = format!(
            "({state}) AND ?1 >= 0 AND ?2 IS NOT NULL AND (?3 = '' OR officer = ?3 OR role = ?3 OR asset = ?3
             OR substr(lower(hex(id)), 1, length(?3)) = lower(?3))"
        );
        let text = filter.text.trim();
        let total = conn.query_row(
            &format!("SELECT COUNT(*) FROM device WHERE {matches}"),
            params![in_force, quiet, text],
            |r| r.get(0),
        )?;
        let mut stmt = conn.prepare(&format!(
            "SELECT {COLUMNS} FROM device WHERE {matches} ORDER BY enrolled, id LIMIT ?4 OFFSET ?5"
        ))?;
        let limit = filter.limit.min(MAX_FLEET_PAGE);
        let rows = stmt.query_map(params![in_force, quiet, text, limit, filter.offset], row)?;
        Ok((rows.collect::<Result<_, _>>()?, total))
    }

    /// One device; none if it was never enrolled.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn fleet_device(&self, id: DeviceId) -> Result<Option<FleetRow>, HubError> {
        let conn = self.conn()?;
        let mut stmt = conn.prepare(&format!("SELECT {COLUMNS} FROM device WHERE id = ?1"))?;
        Ok(stmt.query_map([id.0], row)?.next().transpose()?)
    }

    /// What a device last said it holds: compartment, by its name where it is known, and watermark. Evidence, not proof.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn fleet_held(&self, id: DeviceId) -> Result<Vec<(String, u64)>, HubError> {
        let conn = self.conn()?;
        let mut stmt = conn.prepare(
            "SELECT h.compartment, c.name, h.watermark FROM held h LEFT JOIN compartment c ON c.id = h.compartment
             WHERE h.device = ?1 ORDER BY c.name, h.compartment LIMIT 256",
        )?;
        let rows = stmt.query_map([id.0], |r| {
            let name: Option<String> = r.get(1)?;
            Ok((name.unwrap_or(CompartmentId(r.get(0)?).to_string()), r.get(2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The fleet in numbers, in one pass.
    ///
    /// # Errors
    /// [`HubError::Db`] or [`HubError::Wire`].
    pub fn fleet_counts(&self) -> Result<FleetCounts, HubError> {
        let conn = self.conn()?;
        let (in_force, quiet) = self.marks(&conn)?;
        let now = self.now().0;
        let sum = |what: &str| format!("COALESCE(SUM({ACTIVE} AND {what}), 0)");
        let seen = [
            sum("last_seen >= ?3 - 3600000"),
            sum("last_seen >= ?3 - 14400000"),
            sum("last_seen >= ?3 - 86400000"),
            sum("last_seen >= ?3 - 604800000"),
            sum("last_seen IS NOT NULL"),
        ];
        let sql = format!(
            "SELECT COUNT(*), {}, {}, {}, {}, {} FROM device",
            sum("TRUE"),
            sum("COALESCE(last_seen, 0) < ?2"),
            sum("COALESCE(reported_policy, 0) < ?1"),
            sum(FAULTY),
            seen.join(", ")
        );
        Ok(conn.query_row(&sql, params![in_force, quiet, now], |r| {
            let (all, active): (u64, u64) = (r.get(0)?, r.get(1)?);
            let upto: [u64; 5] = [r.get(5)?, r.get(6)?, r.get(7)?, r.get(8)?, r.get(9)?];
            let mut heard = [0; 6];
            let mut before = 0;
            for (slot, n) in heard.iter_mut().zip(upto) {
                *slot = n - before;
                before = n;
            }
            heard[5] = active - before;
            let (quiet, behind, faulty) = (r.get(2)?, r.get(3)?, r.get(4)?);
            Ok(FleetCounts { all, active, quiet, behind, faulty, gone: all - active, heard })
        })?)
    }

    /// Journal entries received in each of the last [`CHART_HOURS`] hours, oldest first; the last hour is not over.
    /// Counts rows and opens none.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn journal_by_hour(&self) -> Result<[u64; CHART_HOURS], HubError> {
        let conn = self.conn()?;
        let last = self.now().0 / HOUR_MS;
        let first = last - CHART_HOURS as i64 + 1;
        let mut stmt = conn.prepare(
            "SELECT received / 3600000 - ?1, COUNT(*) FROM journal WHERE received >= ?1 * 3600000 GROUP BY 1",
        )?;
        let mut rows = stmt.query([first])?;
        let mut out = [0; CHART_HOURS];
        while let Some(r) = rows.next()? {
            if let Some(slot) = usize::try_from(r.get::<_, i64>(0)?).ok().and_then(|hour| out.get_mut(hour)) {
                *slot = r.get(1)?;
            }
        }
        Ok(out)
    }

    /// The policy in force, and since when a device is quiet.
    fn marks(&self, conn: &Connection) -> Result<(u64, i64), HubError> {
        let in_force = Ladder::read(conn)?.in_force().policy.policy_version;
        Ok((in_force, self.now().plus_secs(-QUIET_S).0))
    }
}

fn row(r: &rusqlite::Row<'_>) -> rusqlite::Result<FleetRow> {
    let (revoked, ordered, wiped): (Option<i64>, Option<i64>, Option<i64>) = (r.get(7)?, r.get(8)?, r.get(9)?);
    let problems: Option<String> = r.get(14)?;
    Ok(FleetRow {
        id: CompartmentId(r.get(0)?),
        officer: r.get(1)?,
        role: r.get(2)?,
        asset: r.get(3)?,
        vault: r.get(4)?,
        app: r.get(5)?,
        state: match (wiped, revoked, ordered) {
            (Some(_), _, _) => "wiped",
            (_, Some(_), _) => "revoked",
            (_, _, Some(_)) => "wipe_ordered",
            _ => "active",
        },
        enrolled: Timestamp(r.get(6)?),
        last_seen: r.get::<_, Option<i64>>(10)?.map(Timestamp),
        policy: r.get(11)?,
        pending: r.get(12)?,
        acked: r.get(13)?,
        problems: problems.and_then(|p| serde_json::from_str(&p).ok()).unwrap_or_default(),
        fault: r.get(15)?,
        unlocked: r.get(16)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FixedClock, InitOptions};
    use std::sync::Arc;

    const DEVICES: u64 = 5_000;

    /// Rows as enrolment leaves them; not through enrolment, which costs a certificate each.
    fn hub(dir: &std::path::Path) -> Hub {
        let clock = Arc::new(FixedClock::new("2026-01-10T00:00:00Z".parse().unwrap()));
        let hub = Hub::init(&dir.join("hub"), &InitOptions { names: Vec::new() }, clock).unwrap();
        let now = hub.now().0;
        let mut conn = hub.conn().unwrap();
        let tx = conn.transaction().unwrap();
        for n in 0..DEVICES {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            tx.execute(
                "INSERT INTO device (id, officer, role, vault, attestation, app_version, receipt_key, tls_key, enrolled,
                     last_seen, reported_policy, reported_problems, acked_seq, chain, revoked)
                 VALUES (?1, ?2, 'patrol', 'desk', x'', '1', x'', x'', ?3, ?4, ?5, ?6, 20, zeroblob(32), ?7)",
                params![
                    id,
                    format!("officer-{n}"),
                    now - 1_000,
                    now - i64::try_from(n % 50).unwrap() * HOUR_MS,
                    u64::from(n % 10 != 0),
                    if n % 100 == 0 { "[\"rolled_back\"]" } else { "[]" },
                    (n % 500 == 7).then_some(now),
                ],
            )
            .unwrap();
            for seq in 1..=20 {
                tx.execute(
                    "INSERT INTO journal (device, seq, hash, sealed, received) VALUES (?1, ?2, zeroblob(32), zeroblob(400), ?3)",
                    params![id, seq, now - i64::try_from((n + seq) % 100).unwrap() * HOUR_MS],
                )
                .unwrap();
            }
        }
        tx.commit().unwrap();
        hub
    }

    #[test]
    fn five_thousand_devices_are_counted_and_paged() {
        let dir = tempfile::tempdir().unwrap();
        let hub = hub(dir.path());
        let timed = |name: &str, work: &dyn Fn()| {
            let mut times: Vec<_> = (0..9)
                .map(|_| {
                    let began = std::time::Instant::now();
                    work();
                    began.elapsed()
                })
                .collect();
            times.sort();
            eprintln!("{name}: median {:?} of 9", times[4]);
        };
        timed("counts", &|| drop(hub.fleet_counts()));
        timed("a page", &|| drop(hub.fleet(&FleetFilter { limit: 50, offset: 4_000, ..FleetFilter::default() })));
        timed("by hour", &|| drop(hub.journal_by_hour()));
        timed("policy status", &|| drop(hub.policy_status()));
        timed("chains", &|| drop(hub.journal_chains(4_000, 50)));

        let counts = hub.fleet_counts().unwrap();
        assert_eq!((counts.all, counts.gone, counts.active), (DEVICES, 10, DEVICES - 10));
        assert_eq!(counts.heard.iter().sum::<u64>(), counts.active);
        assert_eq!((counts.behind, counts.faulty), (500, 50));
        let page = |state, text: &str, offset| {
            hub.fleet(&FleetFilter { state, text: text.into(), offset, limit: 1_000 }).unwrap()
        };
        let (rows, total) = page(FleetState::All, "", 4_950);
        assert_eq!((rows.len(), total), (50, DEVICES));
        assert_eq!(page(FleetState::All, "", 0).0.len() as u64, MAX_FLEET_PAGE, "no page is larger");
        assert_eq!(page(FleetState::Behind, "", 0).1, counts.behind);
        assert_eq!(page(FleetState::Quiet, "", 0).1, counts.quiet);
        assert_eq!(page(FleetState::Gone, "", 0).1, counts.gone);
        assert_eq!(page(FleetState::All, "officer-77", 0).1, 1);
        assert_eq!(page(FleetState::All, "' OR 1=1 --", 0).1, 0);
        assert_eq!(hub.journal_by_hour().unwrap().iter().sum::<u64>(), 48 * 1_000);
    }

    #[test]
    fn the_console_log_shows_what_was_changed_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new("2026-01-10T00:00:00Z".parse().unwrap()));
        let hub = Hub::init(&dir.path().join("hub"), &InitOptions { names: Vec::new() }, clock).unwrap();
        for subject in ["/fleet", "/policy", "/log"] {
            hub.console_note("ada", "administrator", "look", subject).unwrap();
        }
        assert_eq!(hub.console_log_fault().unwrap(), None);
        assert_eq!(hub.console_log(3, 10).unwrap().len(), 2);
        hub.conn().unwrap().execute("UPDATE console_log SET subject = '/sums' WHERE n = 2", []).unwrap();
        assert_eq!(hub.console_log_fault().unwrap(), Some(2));
    }
}
