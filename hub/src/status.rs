//! What an operator sees of the hub: how fresh each source is, and what each device holds.

use crate::policy::Ladder;
use crate::{Hub, HubError};
use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::{CompartmentId, Hash32, Manifest, ManifestSet, WireError};
use rusqlite::Connection;
use serde::Serialize;
use std::collections::BTreeMap;

/// The hub at a glance.
#[derive(Clone, Debug, Serialize)]
pub struct HubStatus {
    /// When this was put together.
    pub at: Timestamp,
    /// The head in force; none before the first `publish`.
    pub head: Option<HeadStatus>,
    /// The policy in force.
    pub policy_version: u64,
    /// The root that devices are to trust.
    pub root_version: u64,
    /// Names of key files of the root that are kept elsewhere.
    pub keys_elsewhere: Vec<String>,
    /// Compartments and the sources they come from.
    pub compartments: Vec<CompartmentStatus>,
    /// Enrolled devices, in the order in which they came.
    pub devices: Vec<DeviceStatus>,
    /// Rows that were kept aside at ingest and wait to be looked at.
    pub rejects: u64,
}

/// The head.
#[derive(Clone, Debug, Serialize)]
pub struct HeadStatus {
    /// Its version.
    pub version: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
    /// Whether it has.
    pub expired: bool,
}

/// One compartment: as it was last taken in, and what is published of it.
#[derive(Clone, Debug, Serialize)]
pub struct CompartmentStatus {
    /// Opaque id, in hexadecimal.
    pub id: String,
    /// Name in policy.
    pub name: String,
    /// Source.
    pub source: String,
    /// Kind of its records.
    pub kind: RecordKind,
    /// Whether it carries warnings.
    pub warnings: bool,
    /// Whether it may go to phones.
    pub offline_allowed: bool,
    /// Whether it is published.
    pub published: bool,
    /// Version of its manifest, 0 if it is not published.
    pub manifest_version: u64,
    /// Key epoch in which its segments are written now, 0 if it is not published.
    pub key_epoch: u32,
    /// The extract's own time.
    pub as_of: Option<Timestamp>,
    /// When the next extract is due, if the source has an interval.
    pub due_by: Option<Timestamp>,
    /// Whether it is overdue.
    pub overdue: bool,
    /// Whether the last extract was refused.
    pub last_refused: bool,
    /// Records.
    pub rows: u64,
    /// Records that cannot be found by their mark.
    pub unsearchable: u64,
    /// Highest hub sequence taken in.
    pub watermark: u64,
    /// Highest hub sequence published; lower than `watermark` while changes wait to be published.
    pub published_watermark: Option<u64>,
    /// Digest of the records as published.
    pub digest: Option<String>,
}

/// One device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceStatus {
    /// Its id, in hexadecimal.
    pub id: String,
    /// Whose it is.
    pub officer: String,
    /// Role in policy.
    pub role: String,
    /// Kind of vault.
    pub vault: String,
    /// Version of its app at enrolment.
    pub app_version: String,
    /// What device management calls it, where it told; empty if not.
    pub asset: String,
    /// Where its keys live by its attestation: `file` (a desk), `tee`, `strongbox`, `app` (Apple vouches for the app), or
    /// `unverified` (it was let in on its word); empty for one enrolled before the hub looked.
    pub attested: String,
    /// `active`, `suspended` (its officer), `revoked`, `wipe_ordered` or `wiped`.
    pub state: &'static str,
    /// When it was enrolled.
    pub enrolled: Timestamp,
    /// When its newest certificate ends.
    pub certificate_expires: Option<Timestamp>,
    /// When it was last heard of, to the minute.
    pub last_seen: Option<Timestamp>,
    /// Version of its grant.
    pub grant_version: u64,
    /// Grant version that it last reported.
    pub reported_grant: Option<u64>,
    /// Policy version that it last reported.
    pub reported_policy: Option<u64>,
    /// Version of the policy that it is meant to have.
    pub meant_policy: u64,
    /// Version of the app that it last reported.
    pub reported_app_version: Option<String>,
    /// Version of the root that it last reported to trust.
    pub reported_root: Option<u64>,
    /// Whether it could read records when it last reported.
    pub unlocked: Option<bool>,
    /// Journal entries that waited behind its last report.
    pub pending: Option<u64>,
    /// Stable codes of what it last reported as not as it should be.
    pub problems: Vec<String>,
    /// Orders that mean it alone and were not obeyed yet.
    pub open_orders: u64,
    /// Journal entries received.
    pub acked_seq: u64,
    /// The last upload that was refused, and why.
    pub journal_fault: Option<String>,
    /// What it last reported to hold: evidence from an unbroken client, not proof.
    pub held: Vec<HeldStatus>,
}

/// What a device says it holds of one compartment.
#[derive(Clone, Debug, Serialize)]
pub struct HeldStatus {
    /// Compartment, in hexadecimal.
    pub compartment: String,
    /// Its name, if it is known.
    pub name: Option<String>,
    /// Manifest version applied.
    pub manifest_version: u64,
    /// Watermark.
    pub watermark: u64,
    /// `agrees`, `differs`, `behind` (of an older manifest) or `unknown`.
    pub digest: &'static str,
}

impl Hub {
    /// Everything an operator asks first.
    ///
    /// # Errors
    /// Any [`HubError`] of reading what is published.
    pub fn status(&self) -> Result<HubStatus, HubError> {
        let now = self.now();
        let manifests = self.current_manifests()?;
        let conn = self.conn()?;
        let mut compartments = Vec::new();
        let mut names = BTreeMap::new();
        for c in self.compartments()? {
            names.insert(c.id, c.name.clone());
            let m = manifests.get(&c.id);
            compartments.push(CompartmentStatus {
                id: c.id.to_string(),
                name: c.name,
                source: c.source,
                kind: c.kind,
                warnings: c.warnings,
                offline_allowed: c.offline_allowed,
                published: m.is_some(),
                manifest_version: m.map_or(0, |m| m.manifest_version),
                key_epoch: c.current_epoch,
                as_of: Some(c.as_of),
                due_by: c.due_by,
                overdue: c.due_by.is_some_and(|due| now > due),
                last_refused: c.last_refused,
                rows: c.rows,
                unsearchable: c.unsearchable,
                watermark: c.watermark,
                published_watermark: m.map(|m| m.watermark),
                digest: m.map(|m| m.digest.to_string()),
            });
        }
        let head = self.current_head()?.map(|(h, _)| HeadStatus {
            version: h.head_version,
            issued: h.issued,
            expires: h.expires,
            expired: now > h.expires,
        });
        let (ladder, root) = (Ladder::read(&conn)?, self.root_status()?);
        Ok(HubStatus {
            at: now,
            head,
            policy_version: ladder.in_force().policy.policy_version,
            root_version: root.version,
            keys_elsewhere: root.keys.into_iter().filter(|k| !k.here).map(|k| k.name).collect(),
            compartments,
            devices: devices(&conn, &ladder, &manifests, &names)?,
            rejects: conn.query_row("SELECT COUNT(*) FROM reject", [], |r| r.get(0))?,
        })
    }

    /// The manifests that the current head names.
    pub(crate) fn current_manifests(&self) -> Result<BTreeMap<CompartmentId, Manifest>, HubError> {
        let mut out = BTreeMap::new();
        let Some((head, _)) = self.current_head()? else { return Ok(out) };
        let trusted = [self.keys()?.publish.verify_key()];
        let Some(set) = self.set_bytes(&head.set_hash)? else { return Ok(out) };
        let set: ManifestSet = envelope::open(DocKind::ManifestSet, &set, &trusted)?;
        for (id, hash) in set.manifests {
            if let Some(bytes) = self.manifest_bytes(&hash)? {
                match envelope::open(DocKind::Manifest, &bytes, &trusted) {
                    // Written by an older version of the hub: the next publish replaces it.
                    Err(WireError::UnknownVersion { .. }) => {}
                    manifest => drop(out.insert(id, manifest?)),
                }
            }
        }
        Ok(out)
    }
}

fn devices(
    conn: &Connection,
    ladder: &Ladder,
    manifests: &BTreeMap<CompartmentId, Manifest>,
    names: &BTreeMap<CompartmentId, String>,
) -> Result<Vec<DeviceStatus>, HubError> {
    let mut held = conn.prepare(
        "SELECT compartment, manifest_version, watermark, digest FROM held WHERE device = ?1 ORDER BY compartment",
    )?;
    let mut all = conn.prepare(
        "SELECT d.id, officer, role, vault, app_version, enrolled, revoked, wipe_ordered, wiped, last_seen,
                grant_version, reported_grant, reported_policy, acked_seq, journal_fault,
                (SELECT MAX(expires) FROM certificate c WHERE c.device = d.id),
                MAX(policy_floor, COALESCE(reported_policy, 0)), reported_app, reported_root, reported_unlocked,
                reported_pending, reported_problems,
                (SELECT COUNT(*) FROM device_order o WHERE o.device = d.id AND o.obeyed IS NULL AND o.cancelled IS NULL),
                asset, CASE attested WHEN '' THEN '' ELSE COALESCE(json_extract(attested, '$.level'), '') END,
                officer IN (SELECT officer FROM suspension WHERE ended IS NULL)
         FROM device d ORDER BY enrolled, d.id",
    )?;
    let mut rows = all.query([])?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let id: [u8; 16] = r.get(0)?;
        let (revoked, ordered, wiped): (Option<i64>, Option<i64>, Option<i64>) = (r.get(6)?, r.get(7)?, r.get(8)?);
        let state = match (wiped, revoked, ordered) {
            (Some(_), _, _) => "wiped",
            (_, Some(_), _) => "revoked",
            (_, _, Some(_)) => "wipe_ordered",
            _ if r.get(25)? => "suspended",
            _ => "active",
        };
        let held: Vec<HeldStatus> = held
            .query_map([id], |h| {
                let compartment = CompartmentId(h.get(0)?);
                let (manifest_version, digest) = (h.get(1)?, Hash32(h.get(3)?));
                Ok(HeldStatus {
                    compartment: compartment.to_string(),
                    name: names.get(&compartment).cloned(),
                    manifest_version,
                    watermark: h.get(2)?,
                    digest: agreement(manifests.get(&compartment), manifest_version, digest),
                })
            })?
            .collect::<Result<_, _>>()?;
        out.push(DeviceStatus {
            id: CompartmentId(id).to_string(),
            officer: r.get(1)?,
            role: r.get(2)?,
            vault: r.get(3)?,
            app_version: r.get(4)?,
            asset: r.get(23)?,
            attested: r.get(24)?,
            state,
            enrolled: Timestamp(r.get(5)?),
            last_seen: r.get::<_, Option<i64>>(9)?.map(Timestamp),
            grant_version: r.get(10)?,
            reported_grant: r.get(11)?,
            reported_policy: r.get(12)?,
            meant_policy: ladder.meant_for(CompartmentId(id), r.get(16)?).policy.policy_version,
            reported_app_version: r.get(17)?,
            reported_root: r.get(18)?,
            unlocked: r.get(19)?,
            pending: r.get(20)?,
            problems: r
                .get::<_, Option<String>>(21)?
                .and_then(|codes| serde_json::from_str(&codes).ok())
                .unwrap_or_default(),
            open_orders: r.get(22)?,
            acked_seq: r.get(13)?,
            journal_fault: r.get(14)?,
            certificate_expires: r.get::<_, Option<i64>>(15)?.map(Timestamp),
            held,
        });
    }
    Ok(out)
}

fn agreement(manifest: Option<&Manifest>, version: u64, digest: Hash32) -> &'static str {
    match manifest {
        Some(m) if m.manifest_version == version => {
            if m.digest == digest {
                "agrees"
            } else {
                "differs"
            }
        }
        Some(m) if m.manifest_version > version => "behind",
        _ => "unknown",
    }
}
