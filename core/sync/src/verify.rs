//! Every check that a document must pass before anything follows from it.

use crate::{Held, SyncFault, Trust};
use beatcheck_model::Timestamp;
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{
    CompartmentId, CompartmentKey, Grant, GrantBundle, Hash32, Head, MAX_COMPARTMENTS, MAX_PURGES, Manifest,
    ManifestSet, WireError,
};

/// Signature, not expired, never backwards; of one version there is only one content.
pub(crate) fn head(bytes: &[u8], held: &Held, trust: &Trust, now: Timestamp) -> Result<Head, SyncFault> {
    let head: Head = envelope::open(DocKind::Head, bytes, &[trust.publish])?;
    let other = head.head_version == held.head_version && held.head_hash.is_some_and(|h| h != Hash32::of(bytes));
    if head.head_version < held.head_version || other {
        return Err(SyncFault::HeadReplayed { found: head.head_version, known: held.head_version });
    }
    if head.expires <= now {
        return Err(SyncFault::HeadExpired(head.expires));
    }
    Ok(head)
}

/// Signatures of grant and policy, this device, never backwards (a grant signed again under its number is the hub's
/// to decide: its signature and the keys it names are what counts), every key present and the one that is named.
pub(crate) fn grant(bundle: &GrantBundle, held: &Held, trust: &Trust) -> Result<(Grant, Policy), SyncFault> {
    let grant: Grant = envelope::open(DocKind::Grant, &bundle.grant, &[trust.grant])?;
    if grant.device != held.device {
        return Err(SyncFault::WrongDevice);
    }
    let known = held.grant.as_ref().map_or(0, |g| g.grant_version);
    if grant.grant_version < known {
        return Err(SyncFault::Replayed { what: "grant", found: grant.grant_version, known });
    }
    if grant.compartments.len() > MAX_COMPARTMENTS {
        return Err(WireError::OverLimit("number of compartments").into());
    }
    if grant.purges.len() > MAX_PURGES {
        return Err(WireError::OverLimit("number of purges").into());
    }
    let policy = Policy::from_canonical(envelope::open_bytes(DocKind::Policy, &bundle.policy, &[trust.policy])?)?;
    if policy.policy_version < held.policy_version || policy.policy_version != grant.policy_version {
        let (found, known) = (policy.policy_version, held.policy_version.max(grant.policy_version));
        return Err(SyncFault::Replayed { what: "policy", found, known });
    }
    // A number can be raised by who has an old key only if time can be turned back too.
    if policy.policy_version > held.policy_version && policy.issued < held.policy_issued {
        return Err(SyncFault::Replayed { what: "policy", found: policy.policy_version, known: held.policy_version });
    }
    for c in &grant.compartments {
        for (epoch, hash) in &c.epochs {
            let named =
                bundle.keys.iter().any(|k| k.compartment == c.id && k.epoch == *epoch && Hash32::of(&k.key) == *hash);
            if !named {
                return Err(SyncFault::KeyMissing(c.id));
            }
        }
    }
    Ok((grant, policy))
}

/// Whether a key that came beside the grant is one of those that it names.
pub(crate) fn names(grant: &Grant, key: &CompartmentKey) -> bool {
    let named = (key.epoch, Hash32::of(&key.key));
    grant.compartments.iter().any(|c| c.id == key.compartment && c.epochs.contains(&named))
}

/// The hash that the head names, and a signature.
pub(crate) fn set(bytes: &[u8], hash: &Hash32, trust: &Trust) -> Result<ManifestSet, SyncFault> {
    if Hash32::of(bytes) != *hash {
        return Err(SyncFault::NotNamed("manifest set"));
    }
    Ok(envelope::open(DocKind::ManifestSet, bytes, &[trust.publish])?)
}

/// The hash that the set names, a signature, its own compartment, inner consistency, never backwards.
pub(crate) fn manifest(
    bytes: &[u8],
    id: &CompartmentId,
    hash: &Hash32,
    held: &Held,
    trust: &Trust,
) -> Result<Manifest, SyncFault> {
    if Hash32::of(bytes) != *hash {
        return Err(SyncFault::NotNamed("manifest"));
    }
    let m: Manifest = envelope::open(DocKind::Manifest, bytes, &[trust.publish])?;
    m.validate()?;
    if m.compartment != *id {
        return Err(SyncFault::NotNamed("manifest"));
    }
    if m.schema > beatcheck_wire::RECORD_SCHEMA {
        let known = beatcheck_wire::RECORD_SCHEMA;
        return Err(WireError::UnknownVersion { what: "record schema", found: m.schema, known }.into());
    }
    let known = held.compartments.get(id).map_or(0, |h| h.manifest_version);
    if m.manifest_version < known {
        return Err(SyncFault::Replayed { what: "manifest", found: m.manifest_version, known });
    }
    Ok(m)
}
