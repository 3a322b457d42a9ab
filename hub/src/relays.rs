//! Relays: caches in a patrol car or a station that fetch segments for devices. They are not trusted.
//!
//! A relay gets two certificates. One it shows to devices (`serverAuth`), one to the hub (`clientAuth`), whose name no
//! device can have, so that the hub knows what asks: it is given segments, which are ciphertext, and nothing else.
//! Only the second can be taken back at once. Devices ask nobody whether the first still stands, so what a revoked relay
//! can do to them until it ends is what any relay can: be silent, or send what does not bear its name.

use crate::ca;
use crate::init::make_private_dir;
use crate::{Hub, HubError, keys, policy};
use beatcheck_model::Timestamp;
use rusqlite::params;
use std::path::{Path, PathBuf};

/// Longest name of a relay, in bytes.
const MAX_NAME: usize = 64;
/// The files that a relay needs. The keys come first: they are not overwritten.
const FILES: [&str; 5] = ["server.key", "client.key", "server.pem", "client.pem", "ca.pem"];

/// What was made for a relay.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RelayAdded {
    /// Its name.
    pub name: String,
    /// The directory with its keys and certificates.
    pub identity: PathBuf,
    /// Names and addresses under which devices may reach it.
    pub names: Vec<String>,
    /// When both certificates end.
    pub expires: Timestamp,
}

/// A certificate of a relay, as the hub sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RelayStatus {
    /// Its name.
    pub name: String,
    /// Serial number of the certificate that it shows to the hub, in hexadecimal.
    pub serial: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// `active`, `ended` or `revoked`.
    pub state: &'static str,
}

impl Hub {
    /// Issues what a relay needs, into files in `out`: keys and certificates for both sides, and the CA's certificate.
    /// `names` are names and addresses by which devices reach it, beside `localhost` and the loopback addresses. A relay
    /// that is there already gets a further pair, and keeps the one it has until that ends or is revoked.
    ///
    /// # Errors
    /// [`HubError::Refused`] for a name that is none, for one of the hub's own host names, and if `out` holds such files
    /// already; [`HubError::Tls`] for a name that cannot stand in a certificate; [`HubError::Io`].
    pub fn relay_add(&self, name: &str, names: &[String], out: &Path) -> Result<RelayAdded, HubError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(fits) {
            let text = format!("a relay's name has 1 to {MAX_NAME} letters, digits, dots, hyphens and underscores");
            return Err(HubError::Refused(text));
        }
        let own = self.names()?;
        if let Some(taken) = names.iter().find(|n| own.iter().any(|o| o.eq_ignore_ascii_case(n))) {
            // With such a certificate it could stand in for the hub, and be told enrolment codes.
            return Err(HubError::Refused(format!("{taken} is the hub's own name: a relay needs another")));
        }
        make_private_dir(out)?;
        if let Some(there) = FILES.iter().find(|f| out.join(f).exists()) {
            let text = format!("{} holds a {there} already: choose another directory", out.display());
            return Err(HubError::Refused(text));
        }
        let authority = self.ca()?;
        let ca_pem = std::fs::read(self.dir().join("ca.pem")).map_err(HubError::io("reading the hub's ca.pem"))?;
        let mut all: Vec<String> = ca::LOOPBACK.map(str::to_owned).into();
        names.iter().filter(|n| !ca::LOOPBACK.contains(&n.as_str())).for_each(|n| all.push(n.clone()));
        let pair = authority.issue_relay(name, &all)?;
        let mut conn = self.conn()?;
        let tx = conn.transaction()?;
        tx.execute(
            "INSERT INTO relay (serial, name, issued, expires) VALUES (?1, ?2, ?3, ?4)",
            params![pair.serial, name, pair.issued.0, pair.expires.0],
        )?;
        keys::write_secret(&out.join("server.key"), &pair.server_key)?;
        keys::write_secret(&out.join("client.key"), &pair.client_key)?;
        policy::write_file(&out.join("server.pem"), pair.server_pem.as_bytes())?;
        policy::write_file(&out.join("client.pem"), pair.client_pem.as_bytes())?;
        policy::write_file(&out.join("ca.pem"), &ca_pem)?;
        // Last: what was not written down completely is admitted nowhere.
        tx.commit()?;
        tracing::info!(relay = name, "a relay's certificates were issued");
        Ok(RelayAdded { name: name.into(), identity: out.into(), names: all, expires: pair.expires })
    }

    /// Every certificate that was issued to a relay, by name, the oldest first.
    ///
    /// # Errors
    /// [`HubError::Db`].
    pub fn relays(&self) -> Result<Vec<RelayStatus>, HubError> {
        let conn = self.conn()?;
        let mut statement =
            conn.prepare("SELECT name, serial, issued, expires, revoked IS NOT NULL FROM relay ORDER BY name, issued")?;
        let now = self.now();
        let rows = statement.query_map([], |r| {
            let (serial, expires): ([u8; 16], i64) = (r.get(1)?, r.get(3)?);
            Ok(RelayStatus {
                name: r.get(0)?,
                serial: serial.iter().map(|b| format!("{b:02x}")).collect(),
                issued: Timestamp(r.get(2)?),
                expires: Timestamp(expires),
                state: match (r.get(4)?, now.0 > expires) {
                    (true, _) => "revoked",
                    (false, true) => "ended",
                    (false, false) => "active",
                },
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Puts a relay out: every certificate that it has is refused from now on.
    ///
    /// # Errors
    /// [`HubError::Refused`] if there is no such relay.
    pub fn relay_revoke(&self, name: &str) -> Result<(), HubError> {
        let changed = self
            .conn()?
            .execute("UPDATE relay SET revoked = COALESCE(revoked, ?2) WHERE name = ?1", params![name, self.now().0])?;
        if changed == 0 {
            return Err(HubError::Refused(format!("no relay '{name}': `hub relay list` shows them")));
        }
        tracing::info!(relay = name, "a relay was revoked");
        Ok(())
    }

    /// Whether this certificate was issued to a relay, and is not revoked: none if it is not known.
    pub(crate) fn relay_stands(&self, serial: &[u8; 16]) -> Result<Option<bool>, HubError> {
        use rusqlite::OptionalExtension;
        let conn = self.conn()?;
        Ok(conn.query_row("SELECT revoked IS NULL FROM relay WHERE serial = ?1", [serial], |r| r.get(0)).optional()?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{InitOptions, SystemClock};
    use std::sync::Arc;

    #[test]
    fn a_relay_has_a_name_of_its_own_and_keys_that_only_its_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let options = InitOptions { names: vec!["hub.force.example".into()] };
        let hub = Hub::init(&dir.path().join("hub"), &options, Arc::new(SystemClock)).unwrap();
        let out = dir.path().join("car");
        for name in ["", "a b", "car/7", &"x".repeat(65)] {
            assert!(hub.relay_add(name, &[], &out).is_err(), "{name}");
        }
        let taken = hub.relay_add("car", &["HUB.force.example".into()], &out).unwrap_err().to_string();
        assert!(taken.contains("the hub's own name"), "{taken}");
        assert!(hub.relays().unwrap().is_empty() && !out.exists(), "nothing was made");

        let added = hub.relay_add("car", &["car.force.example".into()], &out).unwrap();
        assert_eq!(added.names, ["localhost", "127.0.0.1", "::1", "car.force.example"]);
        assert!(FILES.iter().all(|f| out.join(f).is_file()));
        #[cfg(unix)]
        for key in ["server.key", "client.key"] {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(out.join(key)).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
        hub.relay_add("car", &[], &dir.path().join("next")).unwrap();
        let states = || hub.relays().unwrap().iter().map(|r| r.state).collect::<Vec<_>>();
        assert_eq!(states(), ["active", "active"], "the old pair stands until it ends");
        hub.relay_revoke("car").unwrap();
        assert_eq!(states(), ["revoked", "revoked"]);
        assert!(hub.relay_revoke("van").is_err());
    }
}
