//! What each device may hold now: the role's compartments in policy, of those that are published for phones, less
//! what was withdrawn from this device; nothing for a device that is revoked or to be wiped, or whose officer is suspended.
//!
//! A grant is computed when it is asked for, so it follows policy, roles and publishing without anyone having to
//! remember. Its version rises only when what it says changes. Whenever a device loses a compartment, the
//! compartment's key epoch is rotated, so that no segment written later opens with a key that device has.

use crate::enrol::Device;
use crate::{Hub, HubError, policy};
use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_wire::envelope::DocKind;
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{
    CompartmentId, CompartmentKey, DeviceId, Grant, GrantBundle, GrantedCompartment, Hash32, MAX_COMPARTMENTS,
    WireError,
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

impl Hub {
    /// The grant of a device: signed anew, since its time of issue starts the lease; its keys; and the policy.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such device, or its role comes to more than a device may hold.
    pub fn grant_for(&self, device: DeviceId) -> Result<GrantBundle, HubError> {
        let (mut grant, keys) = self.current_grant(device)?;
        grant.issued = self.now();
        let policy = policy::current_signed(&self.conn()?)?;
        Ok(GrantBundle {
            grant: self.keys()?.grant.sign(DocKind::Grant, &grant)?,
            keys,
            policy,
            wipe_orders: Vec::new(),
        })
    }

    /// The grant without its time, and its keys.
    pub(crate) fn current_grant(&self, device: DeviceId) -> Result<(Grant, Vec<CompartmentKey>), HubError> {
        for _ in 0..MAX_ROUNDS {
            let mut conn = self.conn()?;
            let tx = conn.transaction()?;
            let (policy, mut offer) = (policy::current(&tx)?, offer(&tx)?);
            let device = self.device(&tx, device)?.ok_or_else(|| HubError::Refused(format!("no device {device}")))?;
            let (before, grant) = next_grant(&tx, &policy, &offer, &device)?;
            if before.as_ref().is_some_and(|b| same(b, &grant)) {
                let keys =
                    grant.compartments.iter().flat_map(|c| offer.keys.remove(&c.id).unwrap_or_default()).collect();
                return Ok((grant, keys));
            }
            drop(tx);
            drop(conn);
            self.refresh_grants()?;
        }
        Err(HubError::Refused("the grants keep changing: try again".into()))
    }

    /// Brings every device's grant up to date and rotates the keys of what any of them lost.
    ///
    /// Rotation comes first: if the process dies between the two, the loss is still to be seen, and rotating twice
    /// does no harm.
    pub(crate) fn refresh_grants(&self) -> Result<(), HubError> {
        let mut rotated = BTreeSet::new();
        for _ in 0..MAX_ROUNDS {
            let mut conn = self.conn()?;
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let (policy, offer) = (policy::current(&tx)?, offer(&tx)?);
            let (lost, grants) = self.changed_grants(&tx, &policy, &offer)?;
            let new: Vec<CompartmentId> = lost.difference(&rotated).copied().collect();
            if new.is_empty() {
                for grant in grants {
                    let content = postcard::to_allocvec(&grant).map_err(|_| WireError::Malformed("grant"))?;
                    tx.execute(
                        "UPDATE device SET grant_version = ?2, grant_content = ?3 WHERE id = ?1",
                        params![grant.device.0, grant.grant_version, content],
                    )?;
                }
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
        }
        Err(HubError::Refused("the grants keep changing: try again".into()))
    }

    /// The grants that say something new, and the compartments that any of them lacks of the one before.
    fn changed_grants(
        &self,
        conn: &Connection,
        policy: &Policy,
        offer: &Offer,
    ) -> Result<(BTreeSet<CompartmentId>, Vec<Grant>), HubError> {
        let (mut lost, mut grants) = (BTreeSet::new(), Vec::new());
        let mut ids = conn.prepare("SELECT id FROM device ORDER BY id")?;
        let ids: Vec<[u8; 16]> = ids.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
        for id in ids {
            let Some(device) = self.device(conn, CompartmentId(id))? else { continue };
            let (before, grant) = match next_grant(conn, policy, offer, &device) {
                // One device with too many compartments must not hold up the others.
                Err(HubError::Refused(why)) => {
                    tracing::warn!(device = %device.id, "no grant: {why}");
                    continue;
                }
                other => other?,
            };
            if before.as_ref().is_some_and(|b| same(b, &grant)) {
                continue;
            }
            let kept: BTreeSet<CompartmentId> = grant.compartments.iter().map(|c| c.id).collect();
            lost.extend(before.iter().flat_map(|b| &b.compartments).map(|c| c.id).filter(|c| !kept.contains(c)));
            grants.push(grant);
        }
        Ok((lost, grants))
    }
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

fn same(a: &Grant, b: &Grant) -> bool {
    a.grant_version == b.grant_version
}

/// The grant before, if any, and the one now: with the version of the one before if it says the same.
fn next_grant(
    conn: &Connection,
    policy: &Policy,
    offer: &Offer,
    device: &Device,
) -> Result<(Option<Grant>, Grant), HubError> {
    let (version, content): (u64, Option<Vec<u8>>) =
        conn.query_row("SELECT grant_version, grant_content FROM device WHERE id = ?1", [device.id.0], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })?;
    let before: Option<Grant> = content.and_then(|c| postcard::from_bytes(&c).ok());
    let mut withdrawn = conn.prepare_cached("SELECT compartment FROM withdrawal WHERE device = ?1")?;
    let withdrawn: Vec<String> = withdrawn.query_map([device.id.0], |r| r.get(0))?.collect::<Result<_, _>>()?;
    let role = policy.roles.get(&device.role).filter(|_| !device.revoked && !device.wipe && !device.suspended);
    let named = |name: &String| {
        role.is_some_and(|r| r.compartments.iter().any(|c| c == "*" || c == name)) && !withdrawn.contains(name)
    };
    let compartments: Vec<GrantedCompartment> = offer.compartments.iter().filter(|c| named(&c.name)).cloned().collect();
    if compartments.len() > MAX_COMPARTMENTS {
        return Err(HubError::Refused(format!(
            "role '{}' comes to {} compartments; a device holds at most {MAX_COMPARTMENTS}",
            device.role,
            compartments.len()
        )));
    }
    let mut grant = Grant {
        grant_version: version,
        device: device.id,
        officer: device.officer.clone(),
        role: device.role.clone(),
        issued: Timestamp(0),
        policy_version: policy.policy_version,
        compartments,
        wipe: device.wipe,
        purges: Vec::new(),
        // Logged out: it keeps what it holds, which opens again with the next shift.
        suspended: device.suspended || (device.logged_out && policy.has_shifts()),
    };
    if before.as_ref() != Some(&grant) {
        grant.grant_version = version + 1;
    }
    Ok((before, grant))
}
