//! Compartments as the rest of the hub sees them, and their keys.

use crate::{Hub, HubError, keys};
use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_wire::digest::RowDigest;
use beatcheck_wire::{CompartmentId, CompartmentKey, Hash32};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;

/// One compartment and its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CompartmentInfo {
    /// Opaque name, on the wire.
    pub id: CompartmentId,
    /// Name in policy and to officers.
    pub name: String,
    /// Source.
    pub source: String,
    /// The source's name for people.
    pub title: String,
    /// Kind of its records.
    pub kind: RecordKind,
    /// Whether it carries warnings.
    pub warnings: bool,
    /// Whether it may go to phones.
    pub offline_allowed: bool,
    /// Newest key epoch; 0 if it has no key because it was never published.
    pub current_epoch: u32,
    /// The time of its last extract.
    pub as_of: Timestamp,
    /// When the next one is overdue, if the source has an interval.
    pub due_by: Option<Timestamp>,
    /// Whether the last extract offered was refused.
    pub last_refused: bool,
    /// Records held.
    pub rows: u64,
    /// Of these, records without a usable mark.
    pub unsearchable: u64,
    /// Highest sequence ingested.
    pub watermark: u64,
    /// Highest sequence published; `None` if never.
    pub published_watermark: Option<u64>,
    /// Version of its current manifest; 0 if never published.
    pub manifest_version: u64,
}

/// A compartment as publishing needs it.
pub(super) struct State {
    pub(super) id: CompartmentId,
    pub(super) name: String,
    pub(super) source: String,
    pub(super) title: String,
    pub(super) kind: RecordKind,
    pub(super) offline_allowed: bool,
    pub(super) warnings: bool,
    due_every_hours: Option<u32>,
    pub(super) as_of: Timestamp,
    pub(super) last_refused: bool,
    pub(super) rows: u64,
    pub(super) unsearchable: u64,
    pub(super) watermark: u64,
    pub(super) digest: Hash32,
    pub(super) epoch: u32,
}

impl State {
    pub(super) fn due_by(&self) -> Option<Timestamp> {
        self.due_every_hours.map(|h| self.as_of.plus_secs(i64::from(h) * 3600))
    }
}

/// All compartments, with their numbers in the database, by name.
pub(super) fn read_all(conn: &Connection) -> Result<Vec<(i64, State)>, HubError> {
    let mut stmt = conn.prepare(
        "SELECT n, id, name, source, title, kind, offline_allowed, warnings, due_every_hours, as_of, last_refused, rows,
                unsearchable, watermark, digest,
                COALESCE((SELECT MAX(epoch) FROM compartment_key k WHERE k.compartment = n), 0)
         FROM compartment ORDER BY name",
    )?;
    let mut rows = stmt.query([])?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let kind: String = r.get(5)?;
        let digest = RowDigest::from_bytes(&r.get::<_, Vec<u8>>(14)?)?.finish();
        let state = State {
            id: CompartmentId(r.get(1)?),
            name: r.get(2)?,
            source: r.get(3)?,
            title: r.get(4)?,
            kind: RecordKind::parse(&kind).unwrap_or(RecordKind::Vehicle),
            offline_allowed: r.get(6)?,
            warnings: r.get(7)?,
            due_every_hours: r.get(8)?,
            as_of: Timestamp(r.get(9)?),
            last_refused: r.get(10)?,
            rows: r.get(11)?,
            unsearchable: r.get(12)?,
            watermark: r.get(13)?,
            digest,
            epoch: r.get(15)?,
        };
        out.push((r.get(0)?, state));
    }
    Ok(out)
}

impl Hub {
    /// All compartments, by name.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn compartments(&self) -> Result<Vec<CompartmentInfo>, HubError> {
        let mut conn = self.conn()?;
        let tx = conn.transaction()?;
        let all = read_all(&tx)?;
        all.into_iter()
            .map(|(n, s)| {
                let last = super::last_manifest(&tx, n)?;
                Ok(CompartmentInfo {
                    due_by: s.due_by(),
                    id: s.id,
                    name: s.name,
                    source: s.source,
                    title: s.title,
                    kind: s.kind,
                    warnings: s.warnings,
                    offline_allowed: s.offline_allowed,
                    current_epoch: s.epoch,
                    as_of: s.as_of,
                    last_refused: s.last_refused,
                    rows: s.rows,
                    unsearchable: s.unsearchable,
                    watermark: s.watermark,
                    published_watermark: last.as_ref().and_then(|l| l.manifest.as_ref()).map(|m| m.watermark),
                    manifest_version: last.map_or(0, |l| l.version),
                })
            })
            .collect()
    }

    /// The keys of a compartment, oldest epoch first; none if it was never published.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn compartment_keys(&self, id: &CompartmentId) -> Result<Vec<CompartmentKey>, HubError> {
        let conn = self.conn()?;
        let mut stmt = conn.prepare(
            "SELECT k.epoch, k.key FROM compartment_key k JOIN compartment c ON c.n = k.compartment
             WHERE c.id = ?1 ORDER BY k.epoch",
        )?;
        let keys =
            stmt.query_map([id.0], |r| Ok(CompartmentKey { compartment: *id, epoch: r.get(0)?, key: r.get(1)? }))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    /// Begins a new key epoch: segments cut from now on open only with its key. A no-op before the first publish.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn rotate_epoch(&self, id: &CompartmentId) -> Result<(), HubError> {
        self.conn()?.execute(
            "INSERT INTO compartment_key (compartment, epoch, key, made_at)
             SELECT k.compartment, MAX(k.epoch) + 1, ?2, ?3 FROM compartment_key k JOIN compartment c ON c.n = k.compartment
             WHERE c.id = ?1 GROUP BY k.compartment",
            params![id.0, keys::random::<32>()?, self.now().0],
        )?;
        Ok(())
    }

    /// The compartment to which a segment belongs; `None` if there is no such segment.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn compartment_of_segment(&self, hash: &Hash32) -> Result<Option<CompartmentId>, HubError> {
        super::owner(&*self.conn()?, hash)
    }

    /// Names the sources that may not go to phones.
    pub(super) fn refuse_what_is_not_allowed(&self) -> Result<(), HubError> {
        let all = read_all(&*self.conn()?)?;
        let kept: Vec<String> =
            all.iter().filter(|(_, s)| !s.offline_allowed).map(|(_, s)| format!("'{}'", s.source)).collect();
        if kept.is_empty() {
            return Ok(());
        }
        Err(HubError::Refused(format!(
            "may not go to phones: source {}. Its mapping does not say `offline_allowed = true`. If its owner allows it, \
             say so there and ingest it again; nothing was published",
            kept.join(", ")
        )))
    }

    /// Gives every compartment that has none its first key.
    pub(super) fn make_first_keys(&self, now: Timestamp) -> Result<(), HubError> {
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (n, s) in read_all(&tx)? {
            if s.epoch == 0 {
                tx.execute(
                    "INSERT INTO compartment_key (compartment, epoch, key, made_at) VALUES (?1, 1, ?2, ?3)",
                    params![n, keys::random::<32>()?, now.0],
                )?;
            }
        }
        tx.commit()?;
        Ok(())
    }
}

/// One key of a compartment.
pub(super) fn key(conn: &Connection, n: i64, epoch: u32) -> Result<zeroize::Zeroizing<[u8; 32]>, HubError> {
    conn.query_row("SELECT key FROM compartment_key WHERE compartment = ?1 AND epoch = ?2", params![n, epoch], |r| {
        r.get(0)
    })
    .optional()?
    .map(zeroize::Zeroizing::new)
    .ok_or_else(|| HubError::Refused("a compartment has no key: publish again".into()))
}
