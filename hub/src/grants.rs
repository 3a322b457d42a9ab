//! What each device may hold now: the role's compartments in the policy that it is meant to have, of those that are
//! published for phones, less what was withdrawn from this device; nothing for a device that is revoked or to be wiped, or
//! whose officer is suspended.
//!
//! A grant is computed when it is asked for, so it follows policy, roles and publishing without anyone having to
//! remember. Its version rises only when what it says changes. Whenever a device loses a compartment, the
//! compartment's key epoch is rotated, so that no segment written later opens with a key that device has.
//!
//! A fleet is gone through in one pass over the table: what a grant says is compared as bytes, and only a device whose
//! grant is another is written.

use crate::policy::Ladder;
use crate::{Hub, HubError, orders};
use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_wire::envelope::DocKind;
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{
    CompartmentId, CompartmentKey, DeviceId, Grant, GrantBundle, GrantedCompartment, Hash32, MAX_COMPARTMENTS,
    PurgeOrder, WireError,
};
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::{BTreeMap, BTreeSet};

/// Rounds in which losses are found and keys rotated; a second one sees the new epochs, none ever needs more.
const MAX_ROUNDS: usize = 3;

/// All compartments that may go to phones, with their keys.
struct Offer {
    compartments: Vec<GrantedCompartment>,
    keys: BTreeMap<CompartmentId, Vec<CompartmentKey>>,
}

/// What a grant is made of beside the device: read once for all devices of a pass.
struct Basis {
    ladder: Ladder,
    offer: Offer,
    withdrawn: BTreeMap<DeviceId, BTreeSet<String>>,
    purges: BTreeMap<DeviceId, Vec<PurgeOrder>>,
}

/// What the device table says of one device.
struct Row {
    id: DeviceId,
    officer: String,
    role: String,
    revoked: bool,
    wipe: bool,
    /// Highest policy version it said it has.
    floor: u64,
    version: u64,
    content: Option<Vec<u8>>,
    logged_out: bool,
    suspended: bool,
}

/// Columns of a [`Row`].
const ROW: &str = "SELECT id, officer, role, revoked IS NOT NULL, wipe_ordered IS NOT NULL,
    MAX(policy_floor, COALESCE(reported_policy, 0)), grant_version, grant_content, logged_out IS NOT NULL,
    EXISTS (SELECT 1 FROM suspension s WHERE s.officer = device.officer AND s.ended IS NULL) FROM device";

impl Hub {
    /// The grant of a device: signed anew, since its time of issue starts the lease; its keys; the policy it stands on;
    /// and the orders to wipe that mean it.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such device, or its role comes to more than a device may hold.
    pub fn grant_for(&self, device: DeviceId) -> Result<GrantBundle, HubError> {
        let Current { mut grant, keys, policy } = self.current(device)?;
        grant.issued = self.now();
        let wipe_orders = if grant.wipe { self.wipe_orders(device)? } else { Vec::new() };
        Ok(GrantBundle { grant: self.keys()?.grant.sign(DocKind::Grant, &grant)?, keys, policy, wipe_orders })
    }

    /// The grant without its time, and its keys.
    pub(crate) fn current_grant(&self, device: DeviceId) -> Result<(Grant, Vec<CompartmentKey>), HubError> {
        self.current(device).map(|c| (c.grant, c.keys))
    }

    fn current(&self, device: DeviceId) -> Result<Current, HubError> {
        for _ in 0..MAX_ROUNDS {
            let mut conn = self.conn()?;
            let tx = conn.transaction()?;
            let mut basis = Basis::read(&tx, Some(device))?;
            let row = rows(&tx, Some(device))?.pop();
            let row = row.ok_or_else(|| HubError::Refused(format!("no device {device}")))?;
            let first = row.content.is_none();
            let grant = match next_grant(&basis, &row)? {
                None => stored(&row)?,
                Some(_) => {
                    drop(tx);
                    drop(conn);
                    // What changed for one that was granted something before may have changed for all.
                    self.refresh(first.then_some(device))?;
                    continue;
                }
            };
            let keys =
                grant.compartments.iter().flat_map(|c| basis.offer.keys.remove(&c.id).unwrap_or_default()).collect();
            let policy = basis.ladder.meant_for(device, row.floor).signed.clone();
            return Ok(Current { grant, keys, policy });
        }
        Err(HubError::Refused("the grants keep changing: try again".into()))
    }

    /// Brings every device's grant up to date and rotates the keys of what any of them lost.
    ///
    /// # Errors
    /// [`HubError::Db`], or [`HubError::Refused`] if others change grants all the while.
    pub(crate) fn refresh_grants(&self) -> Result<(), HubError> {
        self.refresh(None)
    }

    /// The same for one device, where only that one can have changed.
    pub(crate) fn refresh_grant(&self, device: DeviceId) -> Result<(), HubError> {
        self.refresh(Some(device))
    }

    /// Rotation comes first: if the process dies between the two, the loss is still to be seen, and rotating twice
    /// does no harm.
    fn refresh(&self, mut only: Option<DeviceId>) -> Result<(), HubError> {
        let mut rotated = BTreeSet::new();
        for _ in 0..MAX_ROUNDS {
            let mut conn = self.conn()?;
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let basis = Basis::read(&tx, only)?;
            let (lost, grants) = changed_grants(&tx, &basis, only)?;
            let new: Vec<CompartmentId> = lost.difference(&rotated).copied().collect();
            if new.is_empty() {
                let mut update =
                    tx.prepare_cached("UPDATE device SET grant_version = ?2, grant_content = ?3 WHERE id = ?1")?;
                for grant in &grants {
                    update.execute(params![grant.device.0, grant.grant_version, content(grant)?])?;
                }
                drop(update);
                tx.commit()?;
                self.changed();
                return Ok(());
            }
            drop(tx);
            drop(conn);
            for compartment in new {
                self.rotate_epoch(&compartment)?;
                rotated.insert(compartment);
                tracing::info!(%compartment, "its key epoch was rotated: a device lost it");
            }
            // Who still holds it is given the new epoch.
            only = None;
        }
        Err(HubError::Refused("the grants keep changing: try again".into()))
    }
}

/// A grant as it is in force.
struct Current {
    grant: Grant,
    keys: Vec<CompartmentKey>,
    /// Signed.
    policy: Vec<u8>,
}

impl Basis {
    fn read(conn: &Connection, only: Option<DeviceId>) -> Result<Self, HubError> {
        let mut withdrawn: BTreeMap<DeviceId, BTreeSet<String>> = BTreeMap::new();
        let mut stmt =
            conn.prepare_cached("SELECT device, compartment FROM withdrawal WHERE ?1 IS NULL OR device = ?1")?;
        let mut found = stmt.query([only.map(|d| d.0)])?;
        while let Some(r) = found.next()? {
            withdrawn.entry(CompartmentId(r.get(0)?)).or_default().insert(r.get(1)?);
        }
        Ok(Self {
            ladder: Ladder::read(conn)?,
            offer: offer(conn)?,
            withdrawn,
            purges: orders::open_purges(conn, only)?,
        })
    }
}

fn rows(conn: &Connection, only: Option<DeviceId>) -> Result<Vec<Row>, HubError> {
    let mut stmt = match only {
        Some(_) => conn.prepare_cached(&format!("{ROW} WHERE id = ?1"))?,
        None => conn.prepare_cached(&format!("{ROW} WHERE ?1 IS NULL ORDER BY id"))?,
    };
    let read = |r: &rusqlite::Row<'_>| {
        Ok(Row {
            id: CompartmentId(r.get(0)?),
            officer: r.get(1)?,
            role: r.get(2)?,
            revoked: r.get(3)?,
            wipe: r.get(4)?,
            floor: r.get(5)?,
            version: r.get(6)?,
            content: r.get(7)?,
            logged_out: r.get(8)?,
            suspended: r.get(9)?,
        })
    };
    let rows = stmt.query_map([only.map(|d| d.0)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The grants that say something new, and the compartments that any of them lacks of the one before.
fn changed_grants(
    conn: &Connection,
    basis: &Basis,
    only: Option<DeviceId>,
) -> Result<(BTreeSet<CompartmentId>, Vec<Grant>), HubError> {
    let (mut lost, mut grants) = (BTreeSet::new(), Vec::new());
    for row in rows(conn, only)? {
        let grant = match next_grant(basis, &row) {
            // One device with too many compartments must not hold up the others.
            Err(HubError::Refused(why)) => {
                tracing::warn!(device = %row.id, "no grant: {why}");
                continue;
            }
            other => other?,
        };
        let Some(grant) = grant else { continue };
        let kept: BTreeSet<CompartmentId> = grant.compartments.iter().map(|c| c.id).collect();
        let before = stored(&row).ok();
        lost.extend(before.iter().flat_map(|b| &b.compartments).map(|c| c.id).filter(|c| !kept.contains(c)));
        grants.push(grant);
    }
    Ok((lost, grants))
}

/// What could be granted: compartments whose source may go to phones and that have a key, so were published.
fn offer(conn: &Connection) -> Result<Offer, HubError> {
    let mut offer = Offer { compartments: Vec::new(), keys: BTreeMap::new() };
    let mut keys =
        conn.prepare_cached("SELECT epoch, key FROM compartment_key WHERE compartment = ?1 ORDER BY epoch")?;
    let mut all = conn.prepare_cached(
        "SELECT n, id, name, source, kind, warnings FROM compartment WHERE offline_allowed ORDER BY id",
    )?;
    let mut rows = all.query([])?;
    while let Some(r) = rows.next()? {
        let (n, id, kind): (i64, _, String) = (r.get(0)?, CompartmentId(r.get(1)?), r.get(4)?);
        let keys: Vec<CompartmentKey> = keys
            .query_map([n], |k| Ok(CompartmentKey { compartment: id, epoch: k.get(0)?, key: k.get(1)? }))?
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            continue;
        }
        offer.compartments.push(GrantedCompartment {
            id,
            name: r.get(2)?,
            source: r.get(3)?,
            kind: RecordKind::parse(&kind).unwrap_or(RecordKind::Vehicle),
            warnings: r.get(5)?,
            epochs: keys.iter().map(|k| (k.epoch, Hash32::of(&k.key))).collect(),
        });
        offer.keys.insert(id, keys);
    }
    Ok(offer)
}

fn content(grant: &Grant) -> Result<Vec<u8>, HubError> {
    Ok(postcard::to_allocvec(grant).map_err(|_| WireError::Malformed("grant"))?)
}

/// The grant in force as it is kept.
fn stored(row: &Row) -> Result<Grant, HubError> {
    Ok(postcard::from_bytes(row.content.as_deref().unwrap_or_default()).map_err(|_| WireError::Malformed("grant"))?)
}

/// The grant that is due, with the next version; none if the one in force says the same.
fn next_grant(basis: &Basis, row: &Row) -> Result<Option<Grant>, HubError> {
    let policy: &Policy = &basis.ladder.meant_for(row.id, row.floor).policy;
    let role = policy.roles.get(&row.role).filter(|_| !row.revoked && !row.wipe && !row.suspended);
    let withdrawn = basis.withdrawn.get(&row.id);
    let named = |name: &String| {
        role.is_some_and(|r| r.compartments.iter().any(|c| c == "*" || c == name))
            && !withdrawn.is_some_and(|w| w.contains(name))
    };
    let compartments: Vec<GrantedCompartment> =
        basis.offer.compartments.iter().filter(|c| named(&c.name)).cloned().collect();
    if compartments.len() > MAX_COMPARTMENTS {
        return Err(HubError::Refused(format!(
            "role '{}' comes to {} compartments; a device holds at most {MAX_COMPARTMENTS}",
            row.role,
            compartments.len()
        )));
    }
    let mut grant = Grant {
        grant_version: row.version,
        device: row.id,
        officer: row.officer.clone(),
        role: row.role.clone(),
        issued: Timestamp(0),
        policy_version: policy.policy_version,
        compartments,
        wipe: row.wipe,
        purges: basis.purges.get(&row.id).cloned().unwrap_or_default(),
        // Logged out: it keeps what it holds, which opens again with the next shift.
        suspended: row.suspended || (row.logged_out && policy.has_shifts()),
    };
    if row.content.as_deref() == Some(content(&grant)?.as_slice()) {
        return Ok(None);
    }
    grant.grant_version += 1;
    Ok(Some(grant))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::{FixedClock, Hub, IngestOptions, InitOptions};
    use beatcheck_wire::CompartmentId;
    use rusqlite::params;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    const FLEET: u64 = 5_000;
    /// Far above what a pass takes on a slow, shared machine in a debug build: what is quadratic does not fit.
    const MOST: Duration = Duration::from_secs(20);

    fn fleet(dir: &std::path::Path) -> Hub {
        let clock = Arc::new(FixedClock::new("2026-11-20T08:00:00Z".parse().unwrap()));
        let hub = Hub::init(&dir.join("hub"), &InitOptions::default(), clock).unwrap();
        for name in ["stolen", "watched", "persons", "firearms"] {
            let (mapping, extract) = (dir.join("m.toml"), dir.join("e.csv"));
            let text = format!(
                "format = 1\n[source]\nname = '{name}'\nkind = 'vehicle'\ncompartment = '{name}'\noffline_allowed = true\n\
                 key = ['vrm']\n[fields]\nvrm = 'vrm'\n"
            );
            std::fs::write(&mapping, text).unwrap();
            std::fs::write(&extract, "vrm\nAB12CDE\n").unwrap();
            let options = IngestOptions { mapping: &mapping, extract: &extract, as_of: Some(hub.now()), force: false };
            hub.ingest(&options, &mut |_| {}).unwrap();
        }
        hub.publish(&mut |_| {}).unwrap();
        let mut conn = hub.conn().unwrap();
        let tx = conn.transaction().unwrap();
        for n in 0..FLEET {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            tx.execute(
                "INSERT INTO device (id, officer, role, vault, attestation, app_version, receipt_key, tls_key, enrolled, chain)
                 VALUES (?1, ?2, 'patrol', 'desk', x'', 'test', x'', x'', 0, x'')",
                params![id, format!("officer-{n}")],
            )
            .unwrap();
        }
        tx.commit().unwrap();
        hub
    }

    #[test]
    fn a_fleet_is_gone_through_in_one_pass() {
        let dir = tempfile::tempdir().unwrap();
        let hub = fleet(dir.path());
        let timed = |what: &str, work: &mut dyn FnMut()| {
            let start = Instant::now();
            work();
            let took = start.elapsed();
            tracing::info!(what, ?took);
            if std::env::var_os("BEATCHECK_FIGURES").is_some() {
                let line = format!("{what}: {took:?}\n");
                std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
            }
            assert!(took < MOST, "{what} took {took:?}");
        };
        let text = |hours: u32| {
            format!("[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n[limits]\nlease_hours={hours}\n")
        };
        timed("first grants of 5,000", &mut || hub.refresh_grants().unwrap());
        timed("refresh where nothing changed", &mut || hub.refresh_grants().unwrap());
        timed("push to all", &mut || assert_eq!(hub.policy_set(&text(8)).unwrap(), 2));
        timed("push to a tenth", &mut || assert_eq!(hub.policy_set_by(&text(7), 10, "a").unwrap(), 3));
        timed("stage to a half", &mut || hub.policy_stage(3, 50, "a").unwrap());
        timed("push that takes a compartment from all", &mut || {
            let less = text(8).replace("'*'", "'stolen','watched','persons'");
            hub.policy_set(&less).unwrap();
        });
        let status = hub.policy_status().unwrap();
        assert_eq!((status.devices, status.versions[0].meant, status.silent), (FLEET, FLEET, FLEET));
        let meant = |hub: &Hub| hub.policy_status().unwrap().versions[0].meant;
        timed("status of policies", &mut || assert_eq!(meant(&hub), FLEET));
        timed("a wipe of one", &mut || hub.order_wipe(CompartmentId([0; 16])).unwrap());
        timed("a grant of one", &mut || drop(hub.grant_for(CompartmentId([0; 16])).unwrap()));
        let (order, mut id) = (hub.propose_fleet_wipe("a").unwrap(), [0; 16]);
        timed("a wipe of all", &mut || hub.approve_fleet_wipe(order, "b").unwrap());
        id[..8].copy_from_slice(&4_999_u64.to_be_bytes());
        assert_eq!(hub.grant_for(CompartmentId(id)).unwrap().wipe_orders.len(), 2);
        hub.policy_set_by(&text(8), 30, "a").unwrap();
        let share = hub.policy_status().unwrap().versions[0].meant;
        assert!((FLEET * 28 / 100..FLEET * 32 / 100).contains(&share), "30% of 5,000 are {share}");
    }
}
