//! Making a new hub: its directory, keys, certificate authority, root document and first policy.
//!
//! The keys are written to `keys.partial` and renamed to `keys` last of all. A directory without `keys` is therefore
//! no hub, and what an interrupted attempt left behind has never been used: the next attempt clears it away. What
//! nobody but an attempt can have made is never touched.

use crate::ca::Ca;
use crate::orders::BY_HUB;
use crate::{Clock, Hub, HubError, Keys, keys, policy};
use beatcheck_model::Timestamp;
use beatcheck_wire::Root;
use beatcheck_wire::envelope::DocKind;
use beatcheck_wire::policy::Policy;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

const PARTIAL: &str = "keys.partial";
/// The files that `init` makes beside the keys, and SQLite's.
const OURS: [&str; 5] = ["hub.db", "hub.db-wal", "hub.db-shm", "ca.pem", "policy.json"];

/// What a new hub is to know from the start.
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// Names and addresses beside `localhost` by which devices reach it; `serve` can be given more.
    pub names: Vec<String>,
}

impl Hub {
    /// Makes a hub in `dir`, which may be missing or empty.
    ///
    /// # Errors
    /// [`HubError::AlreadyAHub`] if one is there; [`HubError::Refused`] if another `init` runs or files of a hub
    /// without its keys are there; [`HubError::Io`].
    pub fn init(dir: &Path, options: &InitOptions, clock: Arc<dyn Clock>) -> Result<Self, HubError> {
        make_private_dir(dir)?;
        let lock = File::open(dir).map_err(HubError::io(format!("opening {}", dir.display())))?;
        if lock.try_lock().is_err() {
            return Err(HubError::Refused(format!("another `hub init` is at work in {}", dir.display())));
        }
        if dir.join("keys").exists() {
            return Err(HubError::AlreadyAHub { dir: dir.into() });
        }
        clear_unfinished(dir)?;

        let partial = dir.join(PARTIAL);
        make_private_dir(&partial)?;
        for name in keys::KEY_FILES {
            let key = zeroize::Zeroizing::new(keys::random::<32>()?);
            let hex: zeroize::Zeroizing<String> =
                zeroize::Zeroizing::new(key.iter().map(|b| format!("{b:02x}")).collect());
            keys::write_secret(&partial.join(name), &hex)?;
        }
        let (ca_key, ca_pem) = Ca::create()?;
        keys::write_secret(&partial.join("ca.key"), &ca_key)?;
        policy::write_file(&dir.join("ca.pem"), ca_pem.as_bytes())?;

        let ca = Ca::load(&partial.join("ca.key"), &dir.join("ca.pem"))?;
        let keys = Keys::load(&partial)?;
        let root = root_document(&keys, &ca, clock.now())?;
        let db_key = keys::read_key(&partial.join("db.key"))?;
        let hub = Self::with_key(dir, clock, db_key);
        let mut conn = hub.conn()?;
        crate::db::migrate(&mut conn)?;
        let first = Policy::initial(hub.now());
        let tx = conn.transaction()?;
        tx.execute("INSERT INTO root_document (version, signed) VALUES (1, ?1)", [&root])?;
        tx.execute("INSERT INTO setting (name, value) VALUES ('names', ?1)", [options.names.join("\n")])?;
        let signed = keys.policy()?.sign_bytes(DocKind::Policy, &first.to_canonical()?);
        policy::keep(&tx, &first, &signed, policy::ALL, BY_HUB, hub.now())?;
        tx.commit()?;
        // The database is complete in one file before it becomes a hub.
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        drop(conn);
        policy::write_copy(dir, &first)?;

        sync_dir(&partial)?;
        std::fs::rename(&partial, dir.join("keys")).map_err(HubError::io("putting the keys in place"))?;
        sync_dir(dir)?;
        tracing::info!("a new hub was made");
        Ok(hub)
    }

    /// The names given to `init`.
    pub(crate) fn names(&self) -> Result<Vec<String>, HubError> {
        let text: String =
            self.conn()?.query_row("SELECT value FROM setting WHERE name = 'names'", [], |r| r.get(0))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The certificate authority.
    pub(crate) fn ca(&self) -> Result<Ca, HubError> {
        Ca::load(&self.dir.join("keys/ca.key"), &self.dir.join("ca.pem"))
    }
}

fn root_document(keys: &Keys, ca: &Ca, issued: Timestamp) -> Result<Vec<u8>, HubError> {
    let mut ca_sha256 = [0; 32];
    ca_sha256.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, ca.der()).as_ref());
    let root = Root {
        root_version: 1,
        root_key: keys.root()?.verify_key(),
        publish_key: keys.publish.verify_key(),
        grant_key: keys.grant.verify_key(),
        policy_key: keys.policy()?.verify_key(),
        audit_key: keys.audit.public(),
        ca_sha256,
        issued,
        wipe_keys: vec![keys.wipe(0)?.verify_key(), keys.wipe(1)?.verify_key()],
    };
    Ok(keys.root()?.sign(DocKind::Root, &root)?)
}

/// Clears away what an interrupted attempt left; refuses if what is there is not that.
fn clear_unfinished(dir: &Path) -> Result<(), HubError> {
    let partial = dir.join(PARTIAL);
    if partial.exists() {
        tracing::warn!("an earlier `hub init` did not finish: starting again");
        for name in OURS {
            match std::fs::remove_file(dir.join(name)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(HubError::Io { what: format!("removing an unfinished {name}"), source: e });
                }
                _ => {}
            }
        }
        // Last: until it is gone, another attempt still knows what it looks at.
        std::fs::remove_dir_all(&partial).map_err(HubError::io("removing unfinished keys"))?;
    }
    if let Some(name) = OURS.iter().find(|name| dir.join(name).exists()) {
        return Err(HubError::Refused(format!(
            "{} holds a hub's {name} but not its keys: put its directory `keys` back, or choose another directory",
            dir.display()
        )));
    }
    Ok(())
}

/// Makes a directory that only its owner can enter, or makes an existing one so.
pub(crate) fn make_private_dir(dir: &Path) -> Result<(), HubError> {
    let failed = || HubError::io(format!("making {}", dir.display()));
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(failed())?;
    #[cfg(unix)]
    std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(failed())?;
    Ok(())
}

fn sync_dir(dir: &Path) -> Result<(), HubError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(HubError::io(format!("syncing {}", dir.display())))
}
