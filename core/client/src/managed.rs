//! What mobile device management may set (Android's managed configuration, Apple's managed app configuration).
//!
//! It tells where the hub is, which root to trust, what this device is called, and it may shorten the lease. It cannot grant
//! anything: who may hold what is the hub's signed word alone. The schemas are `android/mdm` and `ios/mdm`; a test compares
//! them with [`MANAGED_KEYS`].

use crate::account::Line;
use crate::device::{Device, doc, encode};
use crate::{ClientError, Home};
use beatcheck_audit::EntryKind;
use beatcheck_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The settings, and what type each has.
pub const MANAGED_KEYS: [(&str, &str); 5] = [
    ("hub_url", "string"),
    ("hub_ca_pem", "string"),
    ("root_fingerprint", "string"),
    ("asset", "string"),
    ("lease_ceiling_hours", "integer"),
];

/// Keys of the states that MDM is told, in their order.
pub const STATE_KEYS: [&str; 7] =
    ["enrolment", "policy_version", "last_contact", "lease", "clock", "journal_waiting", "break_glass"];

/// Longest text of a setting, in bytes.
const MAX_TEXT: usize = 16 * 1024;

/// The configuration as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Managed {
    pub hub_url: Option<String>,
    pub hub_ca_pem: Option<String>,
    pub root_fingerprint: Option<String>,
    pub asset: Option<String>,
    pub lease_ceiling_hours: Option<u32>,
}

/// What a configuration changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedApplied {
    /// Names of the settings that have another value than before.
    pub changed: Vec<String>,
    /// Names of settings that nobody reads: ignored, so that a newer console can serve an older app.
    pub ignored: Vec<String>,
}

/// How urgent a keyed app state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For information.
    Info,
    /// Somebody must do something.
    Error,
}

/// Feedback to MDM: one keyed app state (Android Enterprise), or one entry of the feedback dictionary (Apple). It names no
/// officer and no record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedState {
    /// Stable key.
    pub key: String,
    /// How urgent.
    pub severity: Severity,
    /// In words, for a console.
    pub message: String,
    /// For a machine.
    pub data: String,
}

impl Managed {
    /// Reads a configuration: a JSON object. What is absent is not set.
    fn read(json: &str) -> Result<(Self, Vec<String>), ClientError> {
        let refused = |why: String| ClientError::Managed(why);
        let value: Value = serde_json::from_str(json).map_err(|_| refused("it is no JSON".into()))?;
        let Value::Object(fields) = value else { return Err(refused("it is no JSON object".into())) };
        let (mut out, mut ignored) = (Self::default(), Vec::new());
        for (name, value) in fields {
            let text = || match &value {
                Value::String(t) if t.len() > MAX_TEXT => Err(refused(format!("'{name}' is too long"))),
                Value::String(t) => Ok(Some(t.trim().to_owned()).filter(|t| !t.is_empty())),
                Value::Null => Ok(None),
                _ => Err(refused(format!("'{name}' is to be a text"))),
            };
            match name.as_str() {
                "hub_url" => out.hub_url = text()?,
                "hub_ca_pem" => out.hub_ca_pem = text()?,
                "root_fingerprint" => out.root_fingerprint = text()?,
                "asset" => out.asset = text()?,
                "lease_ceiling_hours" => out.lease_ceiling_hours = hours(&value).map_err(refused)?,
                _ => ignored.push(name),
            }
        }
        if let Some(url) = out.hub_url.as_ref().filter(|u| !u.starts_with("https://")) {
            return Err(refused(format!("'hub_url' is to begin with https:// ({} bytes were given)", url.len())));
        }
        if out.root_fingerprint.as_ref().is_some_and(|f| f.len() != 32 || !f.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Err(refused("'root_fingerprint' is to have 32 hexadecimal digits".into()));
        }
        Ok((out, ignored))
    }

    fn differences(&self, other: &Self) -> Vec<String> {
        let differ = [
            self.hub_url != other.hub_url,
            self.hub_ca_pem != other.hub_ca_pem,
            self.root_fingerprint != other.root_fingerprint,
            self.asset != other.asset,
            self.lease_ceiling_hours != other.lease_ceiling_hours,
        ];
        MANAGED_KEYS.iter().zip(differ).filter(|(_, d)| *d).map(|((name, _), _)| (*name).to_owned()).collect()
    }
}

fn print_of(key: &beatcheck_wire::envelope::VerifyKey) -> String {
    beatcheck_wire::enrol::fingerprint(key).iter().map(|b| format!("{b:02x}")).collect()
}

/// Hours as a number or, as some consoles write numbers, as a text; 0 is no ceiling.
fn hours(value: &Value) -> Result<Option<u32>, String> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::Number(n) => n.as_u64(),
        Value::String(t) => t.trim().parse().ok(),
        _ => None,
    };
    let hours = number.and_then(|n| u32::try_from(n).ok());
    hours.map(|h| Some(h).filter(|h| *h > 0)).ok_or_else(|| "'lease_ceiling_hours' is to be a whole number".into())
}

impl Device {
    /// Applies the configuration that MDM gives, a JSON object of [`MANAGED_KEYS`]; the whole of it each time, so that what is
    /// no longer in it is no longer set. A root that is not the one this device was enrolled under is refused: that is another
    /// force's hub, and a new enrolment.
    ///
    /// # Errors
    /// [`ClientError::Managed`]; nothing was changed.
    pub fn apply_managed_configuration(&self, json: &str) -> Result<ManagedApplied, ClientError> {
        let (new, ignored) = Managed::read(json)?;
        if let Some(fingerprint) = &new.root_fingerprint {
            // The one that was pinned and those that it led to: a console need not follow a root's steps.
            let own = self.trusted().stored(|r| r.root_key);
            if !own.iter().any(|key| fingerprint.eq_ignore_ascii_case(&print_of(key))) {
                let text =
                    "'root_fingerprint' is not that of the hub this device is enrolled at: wipe it and enrol anew";
                return Err(ClientError::Managed(text.into()));
            }
        }
        let view = self.view();
        let changed = new.differences(&view.managed);
        if !changed.is_empty() {
            let mut documents = vec![(doc::MANAGED, Some(encode(&new)?))];
            if let Some(url) = new.hub_url.as_ref().filter(|_| changed.iter().any(|c| c == "hub_url")) {
                documents.push((doc::HUB, Some(url.as_bytes().to_vec())));
            }
            let documents: Vec<_> = documents.iter().map(|(n, v)| (*n, v.as_deref())).collect();
            self.state.put_all(&documents)?;
            self.reload()?;
            let kind = EntryKind::Managed { changed: changed.clone() };
            self.account(&self.view(), self.now(), vec![Line::of(kind)])?;
        }
        Ok(ManagedApplied { changed, ignored })
    }

    /// What MDM may be told of this device: versions, freshness, what is wrong. No officer, no record, no place.
    ///
    /// # Errors
    /// What the store says.
    pub fn keyed_states(&self) -> Result<Vec<KeyedState>, ClientError> {
        let s = self.status()?;
        let time = |t: Option<Timestamp>| t.map(|t| t.to_string()).unwrap_or_default();
        let (contact, lease) = (time(s.last_contact), time(s.lease_ends));
        let glass = if s.break_glass_until.is_some() { "open" } else { "" };
        let data = [
            ("enrolled".to_owned(), false, "enrolled".to_owned()),
            (s.policy_version.to_string(), s.policy_version == 0, format!("policy {} in force", s.policy_version)),
            (contact.clone(), s.last_contact.is_none(), format!("last contact {contact}")),
            (lease.clone(), s.lease_ended, lease_words(s.lease_ended, &lease)),
            (s.clock.state.clone(), s.clock.state != "sound", format!("clock: {}", s.clock.state)),
            (s.journal.pending.to_string(), s.journal.low, format!("{} entries wait", s.journal.pending)),
            (
                glass.to_owned(),
                !glass.is_empty(),
                format!("break-glass: {}", if glass.is_empty() { "closed" } else { glass }),
            ),
        ];
        let states = STATE_KEYS.into_iter().zip(data).map(|(key, (data, wrong, message))| KeyedState {
            key: key.into(),
            severity: if wrong { Severity::Error } else { Severity::Info },
            message,
            data,
        });
        Ok(states.collect())
    }
}

fn lease_words(ended: bool, until: &str) -> String {
    if ended { "the lease has ended: connect and sync".into() } else { format!("the lease ends {until}") }
}

/// The configuration for a device that is not enrolled yet: what an app needs to enrol. Nothing is kept.
impl Home {
    /// Reads a configuration without a device: the hub's address, its CA and this device's name, where it says them.
    ///
    /// # Errors
    /// [`ClientError::Managed`].
    pub fn read_managed(json: &str) -> Result<(Option<String>, Option<String>, Option<String>), ClientError> {
        let (m, _) = Managed::read(json)?;
        Ok((m.hub_url, m.hub_ca_pem, m.asset))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_mdm_says_is_read_or_refused() {
        let (m, ignored) = Managed::read(
            r#"{"hub_url": "https://hub.example:8443", "lease_ceiling_hours": "8", "roles": ["chief"], "asset": ""}"#,
        )
        .unwrap();
        assert_eq!(
            (m.hub_url.as_deref(), m.lease_ceiling_hours, m.asset),
            (Some("https://hub.example:8443"), Some(8), None)
        );
        assert_eq!(ignored, ["roles"], "nothing that grants is read");
        for bad in [
            "[]",
            "{",
            r#"{"hub_url": 7}"#,
            r#"{"hub_url": "http://hub"}"#,
            r#"{"lease_ceiling_hours": -1}"#,
            r#"{"lease_ceiling_hours": "soon"}"#,
            r#"{"root_fingerprint": "abc"}"#,
        ] {
            assert!(matches!(Managed::read(bad), Err(ClientError::Managed(_))), "{bad}");
        }
    }

    #[test]
    fn the_schemas_name_the_same_settings() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let android = std::fs::read_to_string(format!("{root}/android/mdm/app_restrictions.xml")).unwrap();
        let apple = std::fs::read_to_string(format!("{root}/ios/mdm/appconfig.xml")).unwrap();
        for (name, kind) in MANAGED_KEYS {
            assert!(android.contains(&format!("android:key=\"{name}\"")), "{name} in Android's");
            let element = format!("<{kind} keyName=\"{name}\"");
            assert!(apple.contains(&element), "{element} in Apple's");
        }
        assert_eq!(
            android.matches("<restriction").count() - 1,
            MANAGED_KEYS.len(),
            "the root element, and one for each"
        );
        assert_eq!(apple.matches("keyName=").count(), 2 * MANAGED_KEYS.len(), "the form, and its presentation");
    }
}
