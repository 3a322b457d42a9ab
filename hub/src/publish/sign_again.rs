//! Signing what is current with a new publishing key: content stays, every manifest gets its next version.

use super::{payload, read_head, sign_head};
use crate::HubError;
use beatcheck_model::Timestamp;
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::{Hash32, Manifest, ManifestSet};
use rusqlite::{Connection, OptionalExtension, params};

/// Signs the current manifests, their set and a head anew; nothing where nothing was published.
///
/// A manifest of an older form is left as it is: the next publish replaces it.
pub(crate) fn sign_again(conn: &Connection, key: &SigningKey, now: Timestamp) -> Result<(), HubError> {
    let Some((head, _)) = read_head(conn)? else { return Ok(()) };
    let bytes: Option<Vec<u8>> =
        conn.query_row("SELECT bytes FROM manifest_set WHERE hash = ?1", [head.set_hash.0], |r| r.get(0)).optional()?;
    let Some(bytes) = bytes else { return Ok(()) };
    let mut set: ManifestSet = payload(&bytes, "manifest set")?;
    for (_, hash) in &mut set.manifests {
        let found: Option<(i64, Vec<u8>)> = conn
            .query_row("SELECT compartment, bytes FROM manifest WHERE hash = ?1", [hash.0], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })
            .optional()?;
        let Some((n, bytes)) = found.filter(|(_, b)| b.get(3) == Some(&DocKind::Manifest.version())) else { continue };
        let mut manifest: Manifest = payload(&bytes, "manifest")?;
        manifest.previous = *hash;
        manifest.manifest_version += 1;
        let bytes = key.sign(DocKind::Manifest, &manifest)?;
        *hash = Hash32::of(&bytes);
        conn.execute(
            "INSERT INTO manifest (compartment, version, hash, made_at, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![n, manifest.manifest_version, hash.0, now.0, bytes],
        )?;
    }
    let bytes = key.sign(DocKind::ManifestSet, &set)?;
    let hash = Hash32::of(&bytes);
    conn.execute(
        "INSERT OR IGNORE INTO manifest_set (hash, made_at, bytes) VALUES (?1, ?2, ?3)",
        params![hash.0, now.0, bytes],
    )?;
    sign_head(conn, key, hash, now)?;
    Ok(())
}
