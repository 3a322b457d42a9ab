//! Break-glass: an officer opens warnings and stolen vehicles on their own word, after the lease has ended, if policy has it.
//!
//! It is put on record before it opens anything, it is bounded in time and in number until the hub is heard again, and every
//! answer under it says so.

use crate::account::Line;
use crate::device::{Device, doc, encode};
use crate::{ClientError, Env};
use beatcheck_audit::EntryKind;
use beatcheck_model::Timestamp;
use beatcheck_policy::Denied;
use serde::{Deserialize, Serialize};

/// Longest reason that is kept, in bytes.
const MAX_REASON: usize = 1024;

/// What was broken open since the last contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Glass {
    /// Until when it holds.
    pub until: Option<Timestamp>,
    /// How often it was used.
    pub times: u32,
}

/// What a break-glass opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlassBroken {
    /// Until when.
    pub until: Timestamp,
    /// The compartments, by name.
    pub compartments: Vec<String>,
    /// Times that it can be used again before the hub is heard.
    pub times_left: u32,
}

impl Device {
    /// Opens what policy's `break_glass` names, for as long as it says, although the lease has ended. `reason` is the
    /// officer's own, and goes into the account before anything is opened.
    ///
    /// # Errors
    /// [`ClientError::BreakGlass`] if policy has none, the lease has not ended, it was used as often as policy allows, or no
    /// reason was given; [`ClientError::Account`] if it could not be put on record.
    pub fn break_glass(&self, reason: &str) -> Result<GlassBroken, ClientError> {
        let refused = |why: &str| Err(ClientError::BreakGlass(why.into()));
        let (view, now) = (self.view(), self.now());
        let Some(rule) = view.policy.as_ref().and_then(|p| p.break_glass.clone()) else {
            return refused("your force's policy has no break-glass: ask control by radio");
        };
        if view.glass.times >= rule.times {
            return refused("it was used as often as policy allows: connect and sync, or ask control by radio");
        }
        let why = crate::device::Why { purpose: &self.any_purpose(&view), ..Default::default() };
        match self.permit(&view, &why, now) {
            Err(crate::device::Refusal::Denied(Denied::LeaseEnded { .. })) => {}
            Err(crate::device::Refusal::Denied(d)) => return refused(&d.to_string()),
            _ => return refused("the lease has not ended: check as usual"),
        }
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > MAX_REASON {
            return refused("a reason in your own words is needed, of at most 1,024 bytes");
        }
        let until = now.plus_secs(i64::from(rule.minutes) * 60);
        let kind = EntryKind::BreakGlass { reason: reason.into(), until };
        self.account(&view, now, vec![Line::of(kind)])?;
        let glass = Glass { until: Some(until), times: view.glass.times + 1 };
        self.state.put_all(&[(doc::GLASS, Some(&encode(&glass)?))])?;
        self.reload()?;
        Ok(GlassBroken { until, compartments: rule.compartments, times_left: rule.times - glass.times })
    }

    /// Some purpose of the role: to ask what does not depend on one.
    pub(crate) fn any_purpose(&self, view: &crate::device::View) -> String {
        let both = view.grant.as_ref().zip(view.policy.as_ref());
        both.and_then(|(g, p)| p.roles.get(&g.role)?.purposes.first().cloned()).unwrap_or_default()
    }

    /// The app's version: as the app says now, else as it was at enrolment.
    pub(crate) fn app_version(&self) -> Result<String, ClientError> {
        app_version(&self.env, self.state.get(doc::APP_VERSION)?)
    }
}

fn app_version(env: &Env, kept: Option<Vec<u8>>) -> Result<String, ClientError> {
    Ok(env.app_version().unwrap_or_else(|| kept.map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()))
}
