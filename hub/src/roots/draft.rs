//! The next root, before and after it is signed.

use crate::init::make_private_dir;
use crate::keys::{KEY_FILES, WIPE_FILES, random, read_signing_key, write_secret};
use crate::{Hub, HubError};
use beatcheck_wire::envelope::{DocKind, SigningKey, VerifyKey};
use beatcheck_wire::{MAX_WIPE_KEYS, Root, RootStep, WireError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Keys that a root names and that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RootKey {
    /// The root key itself.
    Root,
    /// Signs policy.
    Policy,
    /// Signs grants.
    Grant,
    /// Signs heads, sets and manifests.
    Publish,
    /// Both keys that sign orders to wipe.
    Wipe,
}

impl RootKey {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Root, Self::Policy, Self::Grant, Self::Publish, Self::Wipe];

    /// Its word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Policy => "policy",
            Self::Grant => "grant",
            Self::Publish => "publish",
            Self::Wipe => "wipe",
        }
    }

    /// Reads that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }

    /// The files in which a hub keeps it.
    pub(super) const fn files(self) -> &'static [&'static str] {
        match self {
            Self::Root => &["root.key"],
            Self::Policy => &["policy.key"],
            Self::Grant => &["grant.key"],
            Self::Publish => &["publish.key"],
            Self::Wipe => &WIPE_FILES,
        }
    }
}

/// What is to be other in the next root.
#[derive(Clone, Debug, Default)]
pub struct RootChange {
    /// Keys that the hub is to make anew; they wait in `keys/next` until the step is pushed.
    pub make: BTreeSet<RootKey>,
    /// The public half of a root key that was made elsewhere.
    pub root: Option<VerifyKey>,
    /// The same of a policy key.
    pub policy: Option<VerifyKey>,
    /// The same of the wipe keys: all of them, two or more.
    pub wipe: Vec<VerifyKey>,
}

/// Where keys wait that no pushed root names yet.
pub(super) fn next_dir(hub: &Hub) -> PathBuf {
    hub.dir().join("keys/next")
}

/// The public keys that a root names for one kind of key, in the order of its files.
pub(super) fn named(root: &Root, key: RootKey) -> Vec<VerifyKey> {
    match key {
        RootKey::Root => vec![root.root_key],
        RootKey::Policy => vec![root.policy_key],
        RootKey::Grant => vec![root.grant_key],
        RootKey::Publish => vec![root.publish_key],
        RootKey::Wipe => root.wipe_keys.clone(),
    }
}

/// Makes a signing key in a new file that only its owner can read; returns its public half. No hub is needed.
///
/// # Errors
/// [`HubError::Io`], also if the file is there already.
pub fn generate_key(path: &Path) -> Result<VerifyKey, HubError> {
    let seed = Zeroizing::new(random::<32>()?);
    let text: Zeroizing<String> = Zeroizing::new(seed.iter().map(|b| format!("{b:02x}")).collect());
    write_secret(path, &text)?;
    Ok(SigningKey::from_seed(&*seed)?.verify_key())
}

/// Signs a drafted root, by the root key before it and by its own (the same, if that does not change): a step that
/// devices follow. No hub is needed.
///
/// # Errors
/// [`HubError::Refused`] if it is no draft, or names another root key than `new`.
pub fn sign_root(draft: &[u8], old: &SigningKey, new: &SigningKey) -> Result<Vec<u8>, HubError> {
    let root: Root = postcard::from_bytes(draft)
        .map_err(|_| HubError::Refused("this is no draft of a root: `hub root draft` makes one".into()))?;
    if root.root_key != new.verify_key() {
        return Err(HubError::Refused("the draft names another root key than the new one that was given".into()));
    }
    let step = RootStep { by_old: old.sign_bytes(DocKind::Root, draft), by_new: new.sign_bytes(DocKind::Root, draft) };
    Ok(postcard::to_allocvec(&step).map_err(|_| WireError::Malformed("root step"))?)
}

impl Hub {
    /// Drafts the next root: makes the keys that the hub is to make, and returns the bytes that are to be signed. A draft
    /// before it that was not pushed is void.
    ///
    /// # Errors
    /// [`HubError::Refused`] if nothing would change, or a key is asked for twice.
    pub fn root_draft(&self, change: &RootChange) -> Result<Vec<u8>, HubError> {
        let _lock = self.lock("root.lock")?;
        let mut root = self.trust()?;
        let given = [
            (RootKey::Root, change.root.is_some()),
            (RootKey::Policy, change.policy.is_some()),
            (RootKey::Wipe, !change.wipe.is_empty()),
        ];
        if let Some((key, _)) = given.iter().find(|(key, given)| *given && change.make.contains(key)) {
            return Err(HubError::Refused(format!("the {} key is either made here or given, not both", key.as_str())));
        }
        let distinct: BTreeSet<[u8; 32]> = change.wipe.iter().map(|k| k.0).collect();
        if !change.wipe.is_empty() && !(2..=MAX_WIPE_KEYS).contains(&distinct.len()) {
            return Err(HubError::Refused(format!(
                "give 2 to {MAX_WIPE_KEYS} different wipe keys: two persons need one each"
            )));
        }
        self.clear_draft()?;
        make_private_dir(&next_dir(self))?;
        let made = |key: RootKey| -> Result<Vec<VerifyKey>, HubError> {
            if !change.make.contains(&key) {
                return Ok(named(&root, key));
            }
            key.files().iter().map(|file| generate_key(&next_dir(self).join(file))).collect()
        };
        let one = |keys: Vec<VerifyKey>| keys.first().copied().ok_or(WireError::Malformed("root"));
        let (root_key, policy_key) = (one(made(RootKey::Root)?)?, one(made(RootKey::Policy)?)?);
        let (grant_key, publish_key) = (one(made(RootKey::Grant)?)?, one(made(RootKey::Publish)?)?);
        let wipe_keys = made(RootKey::Wipe)?;
        let before = root.clone();
        root.root_key = change.root.unwrap_or(root_key);
        root.policy_key = change.policy.unwrap_or(policy_key);
        root.wipe_keys = if change.wipe.is_empty() { wipe_keys } else { change.wipe.clone() };
        (root.grant_key, root.publish_key) = (grant_key, publish_key);
        if root == before {
            return Err(HubError::Refused("nothing would change: say which keys are to be new".into()));
        }
        root.root_version += 1;
        root.issued = self.now();
        Ok(postcard::to_allocvec(&root).map_err(|_| WireError::Malformed("root"))?)
    }

    /// A key that waits for the step that names it, if there is one.
    pub(super) fn waiting_key(&self, file: &str) -> Result<Option<SigningKey>, HubError> {
        let path = next_dir(self).join(file);
        if path.exists() { read_signing_key(&path).map(Some) } else { Ok(None) }
    }

    /// Removes keys that no pushed root names.
    pub(super) fn clear_draft(&self) -> Result<(), HubError> {
        self.finish_rotation()?;
        for file in KEY_FILES {
            match std::fs::remove_file(next_dir(self).join(file)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(HubError::Io { what: format!("removing a drafted {file}"), source: e });
                }
                _ => {}
            }
        }
        let _ = std::fs::remove_dir(next_dir(self));
        Ok(())
    }

    /// Puts keys in place that the root in force names and that wait: what a push does last, and what is done at the next
    /// opening if it was interrupted just there.
    pub(crate) fn finish_rotation(&self) -> Result<(), HubError> {
        if !next_dir(self).exists() {
            return Ok(());
        }
        let root = self.trust()?;
        for key in RootKey::ALL {
            for (file, public) in key.files().iter().zip(named(&root, key)) {
                if self.waiting_key(file)?.is_some_and(|waits| waits.verify_key() == public) {
                    let place = self.dir().join("keys").join(file);
                    std::fs::rename(next_dir(self).join(file), place)
                        .map_err(HubError::io(format!("putting the new {file} in place")))?;
                }
            }
        }
        // Stays where a draft waits in it.
        let _ = std::fs::remove_dir(next_dir(self));
        Ok(())
    }
}
