//! Publishing: changes become encrypted segments, signed manifests, a manifest set and a head.
//!
//! Everything is computed once per compartment, named by its hash and never changed again. Cutting only reads; what was
//! cut becomes current in one short transaction at the end, so that a publish that dies half-way has published nothing.
//! A source whose mapping does not say `offline_allowed` is refused by name before anything is cut: nothing leaves
//! the hub by oversight.

mod change;
mod compact;
mod compartments;
mod cut;
mod dictionary;
mod files;
mod gc;
mod next;
mod path;
mod prefix;
mod sign_again;
mod state_at;

pub use compartments::CompartmentInfo;
pub use gc::GC_AFTER_S;

pub(crate) use cut::with_salt;
pub(crate) use path::cheapest;
pub(crate) use sign_again::sign_again;
pub(crate) use state_at::{StateAt, rows_of_ranges, sums_at};

use crate::{Hub, HubError, Progress};
use beatcheck_model::Timestamp;
use beatcheck_wire::envelope::{DocKind, OVERHEAD, SigningKey};
use beatcheck_wire::{CompartmentId, Hash32, Head, Manifest, ManifestSet, WireError};
use next::New;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;

/// Seconds for which a head is good; after that, data under it is stale.
pub const HEAD_LIFETIME_S: i64 = 24 * 3600;
/// Seconds after which devices ask again.
pub const ASK_AGAIN_S: u32 = 300;

/// What a publish did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishReport {
    /// The compartments that have a new manifest.
    pub compartments: Vec<PublishedCompartment>,
    /// Version of the head that is now current.
    pub head_version: u64,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// What was published of one compartment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedCompartment {
    /// Its name.
    pub name: String,
    /// Version of its manifest.
    pub manifest_version: u64,
    /// Whether a snapshot was cut.
    pub snapshot: bool,
    /// Whether a delta was cut.
    pub delta: bool,
    /// Whether a catalogue was cut: snapshot, mark index and older deltas.
    pub catalogue: bool,
    /// Segments written.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of these, bytes of a dictionary.
    pub dictionary_bytes: u64,
    /// Rows in them: records of a snapshot, changes of deltas.
    pub segment_rows: u64,
    /// Of these, changes that say only which fields are other.
    pub patches: u64,
    /// Records in the compartment.
    pub rows: u64,
    /// Highest sequence contained.
    pub watermark: u64,
}

/// The manifest before.
struct Previous {
    version: u64,
    hash: Hash32,
    /// None if an older version of the hub wrote it, in another form: then all is cut anew.
    manifest: Option<Manifest>,
}

impl Hub {
    /// Publishes what has changed since the last time, and signs a new head.
    ///
    /// The first manifest of a compartment has a snapshot; each later one a delta with the net change of every record.
    /// When the way from the snapshot outgrows half of it, or it is a week old, a new one is cut beside the delta, and
    /// older deltas stay listed as long as they are the shorter way. A compartment of which nothing changed keeps its
    /// manifest. Segments that nothing has named for [`GC_AFTER_S`] are deleted.
    ///
    /// # Errors
    /// [`HubError::Refused`] naming the sources that may not go to phones: nothing is published until each of their
    /// mappings says `offline_allowed = true`. [`HubError::Io`], [`HubError::Db`], [`HubError::Wire`].
    pub fn publish(&self, progress: &mut dyn FnMut(Progress)) -> Result<PublishReport, HubError> {
        let _lock = self.lock("publish.lock")?;
        let keys = self.keys()?;
        let now = self.now();
        self.refuse_what_is_not_allowed()?;
        self.make_first_keys(now)?;
        let mut reader = self.own_conn()?;
        let snapshot = reader.transaction()?;
        let (mut new, mut set) = (Vec::new(), ManifestSet { manifests: Vec::new() });
        for (n, state) in compartments::read_all(&snapshot)? {
            let previous = last_manifest(&snapshot, n)?;
            let hash = match self.next_manifest(&snapshot, n, &state, previous.as_ref(), progress)? {
                Some(n) => {
                    let bytes = keys.publish.sign(DocKind::Manifest, &n.manifest)?;
                    let hash = Hash32::of(&bytes);
                    new.push((n, bytes, hash));
                    hash
                }
                None => previous.map(|p| p.hash).unwrap_or_default(),
            };
            set.manifests.push((state.id, hash));
        }
        drop(snapshot);
        set.manifests.sort_unstable();
        let set_bytes = keys.publish.sign(DocKind::ManifestSet, &set)?;
        let set_hash = Hash32::of(&set_bytes);

        let tx = reader.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (n, bytes, hash) in &new {
            n.record(&tx, now)?;
            record_manifest(&tx, n, bytes, hash, now)?;
        }
        tx.execute(
            "INSERT OR IGNORE INTO manifest_set (hash, made_at, bytes) VALUES (?1, ?2, ?3)",
            params![set_hash.0, now.0, set_bytes],
        )?;
        let (head, _) = sign_head(&tx, &keys.publish, set_hash, now)?;
        tx.commit()?;
        self.changed();
        // What is published is published: the next one tries again to delete.
        match self.collect() {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "old segments were deleted"),
            Err(e) => tracing::warn!(error = %e, "old segments could not be deleted"),
        }
        Ok(PublishReport {
            compartments: new.into_iter().map(|(n, ..)| n.report).collect(),
            head_version: head.head_version,
            expires: head.expires,
        })
    }

    /// Signs the current manifest set anew, so that devices know it to be still the latest; the new head's bytes.
    ///
    /// # Errors
    /// [`HubError::Refused`] if nothing was ever published.
    pub fn resign_head(&self) -> Result<Vec<u8>, HubError> {
        let keys = self.keys()?;
        let mut conn = self.conn()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some((head, _)) = read_head(&tx)? else {
            return Err(HubError::Refused("nothing was published yet: run `beatcheck hub publish` first".into()));
        };
        let (_, bytes) = sign_head(&tx, &keys.publish, head.set_hash, self.now())?;
        tx.commit()?;
        self.changed();
        Ok(bytes)
    }

    /// The current head and its signed bytes; `None` before the first publish.
    ///
    /// # Errors
    /// [`HubError::Db`] or [`HubError::Wire`].
    pub fn current_head(&self) -> Result<Option<(Head, Vec<u8>)>, HubError> {
        read_head(&*self.conn()?)
    }

    /// The signed bytes of the manifest set with this hash; `None` if there never was one.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn set_bytes(&self, hash: &Hash32) -> Result<Option<Vec<u8>>, HubError> {
        self.document("SELECT bytes FROM manifest_set WHERE hash = ?1", hash)
    }

    /// The signed bytes of the manifest with this hash; `None` if there never was one.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn manifest_bytes(&self, hash: &Hash32) -> Result<Option<Vec<u8>>, HubError> {
        self.document("SELECT bytes FROM manifest WHERE hash = ?1", hash)
    }

    /// The compartment to which a manifest belongs; `None` if there is no such manifest.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub(crate) fn compartment_of_manifest(&self, hash: &Hash32) -> Result<Option<CompartmentId>, HubError> {
        let sql = "SELECT c.id FROM manifest m JOIN compartment c ON c.n = m.compartment WHERE m.hash = ?1";
        Ok(self.conn()?.query_row(sql, [hash.0], |r| r.get(0).map(CompartmentId)).optional()?)
    }

    /// The bytes of the catalogue with this hash, and whose it is; `None` if there is none, or not any more.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn catalogue_bytes(&self, hash: &Hash32) -> Result<Option<(CompartmentId, Vec<u8>)>, HubError> {
        let sql = "SELECT c.id, k.bytes FROM catalogue k JOIN compartment c ON c.n = k.compartment WHERE k.hash = ?1";
        let read = |r: &rusqlite::Row<'_>| Ok((CompartmentId(r.get(0)?), r.get(1)?));
        Ok(self.conn()?.query_row(sql, [hash.0], read).optional()?)
    }

    fn document(&self, sql: &str, hash: &Hash32) -> Result<Option<Vec<u8>>, HubError> {
        Ok(self.conn()?.query_row(sql, [hash.0], |r| r.get(0)).optional()?)
    }
}

fn record_manifest(conn: &Connection, new: &New, bytes: &[u8], hash: &Hash32, now: Timestamp) -> Result<(), HubError> {
    conn.execute(
        "INSERT INTO manifest (compartment, version, hash, made_at, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![new.n, new.manifest.manifest_version, hash.0, now.0, bytes],
    )?;
    Ok(())
}

fn last_manifest(conn: &Connection, n: i64) -> Result<Option<Previous>, HubError> {
    let sql = "SELECT version, bytes FROM manifest WHERE compartment = ?1 ORDER BY version DESC LIMIT 1";
    let found: Option<(u64, Vec<u8>)> = conn.query_row(sql, [n], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    let Some((version, bytes)) = found else { return Ok(None) };
    let current = bytes.get(3) == Some(&DocKind::Manifest.version());
    let manifest = current.then(|| payload(&bytes, "manifest")).transpose()?;
    Ok(Some(Previous { version, hash: Hash32::of(&bytes), manifest }))
}

/// The content of a document that this hub signed itself and kept in its own encrypted database.
fn payload<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, HubError> {
    let payload = bytes.get(OVERHEAD..).ok_or(WireError::Truncated)?;
    Ok(postcard::from_bytes(payload).map_err(|_| WireError::Malformed(what))?)
}

fn read_head(conn: &Connection) -> Result<Option<(Head, Vec<u8>)>, HubError> {
    let sql = "SELECT bytes FROM head ORDER BY version DESC LIMIT 1";
    let bytes: Option<Vec<u8>> = conn.query_row(sql, [], |r| r.get(0)).optional()?;
    bytes.map(|b| Ok((payload(&b, "head")?, b))).transpose()
}

fn sign_head(
    conn: &Connection,
    key: &SigningKey,
    set_hash: Hash32,
    now: Timestamp,
) -> Result<(Head, Vec<u8>), HubError> {
    let last: u64 = conn.query_row("SELECT COALESCE(MAX(version), 0) FROM head", [], |r| r.get(0))?;
    let head = Head {
        head_version: last + 1,
        issued: now,
        expires: now.plus_secs(HEAD_LIFETIME_S),
        set_hash,
        ask_again_s: ASK_AGAIN_S,
    };
    let bytes = key.sign(DocKind::Head, &head)?;
    conn.execute(
        "INSERT INTO head (version, set_hash, issued, expires, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![head.head_version, set_hash.0, head.issued.0, head.expires.0, bytes],
    )?;
    Ok((head, bytes))
}

/// Which compartment a segment belongs to, by its hash.
pub(crate) fn owner(conn: &Connection, hash: &Hash32) -> Result<Option<CompartmentId>, HubError> {
    let sql = "SELECT c.id FROM segment s JOIN compartment c ON c.n = s.compartment WHERE s.hash = ?1";
    Ok(conn.query_row(sql, [hash.0], |r| r.get(0).map(CompartmentId)).optional()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::{FixedClock, Hub, IngestOptions, InitOptions};
    use std::sync::Arc;

    #[test]
    fn what_an_older_version_published_is_cut_anew_and_counts_on() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new("2024-06-01T12:00:00Z".parse().unwrap()));
        let hub = Hub::init(&dir.path().join("hub"), &InitOptions::default(), clock).unwrap();
        let (mapping, extract) = (dir.path().join("m.toml"), dir.path().join("e.csv"));
        let text = "format = 1\n[source]\nname = 'l'\nkind = 'vehicle'\ncompartment = 'c'\noffline_allowed = true\n\
                    key = ['vrm']\n[fields]\nvrm = 'vrm'\n";
        std::fs::write(&mapping, text).unwrap();
        std::fs::write(&extract, "vrm\nAB12CDE\n").unwrap();
        let options = IngestOptions { mapping: &mapping, extract: &extract, as_of: Some(hub.now()), force: false };
        hub.ingest(&options, &mut |_| {}).unwrap();
        assert!(hub.publish(&mut |_| {}).unwrap().compartments[0].snapshot);
        assert!(hub.publish(&mut |_| {}).unwrap().compartments.is_empty());
        // The fourth byte of a document is the version of its form.
        hub.conn()
            .unwrap()
            .execute("UPDATE manifest SET bytes = CAST(substr(bytes, 1, 3) || x'01' || substr(bytes, 5) AS BLOB)", [])
            .unwrap();
        hub.status().unwrap();
        let again = hub.publish(&mut |_| {}).unwrap().compartments.remove(0);
        assert_eq!((again.snapshot, again.delta, again.manifest_version), (true, false, 2));
        hub.status().unwrap();
    }
}
