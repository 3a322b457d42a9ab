//! Officers, the identity provider, and what is asked of phones.

use crate::exit::{Exit, Failure};
use crate::identity_args::{AttestationCommand, AttestationSetArgs, IdentityCommand, IdentitySetArgs, OfficerCommand};
use crate::output::{Context, when};
use beatcheck_hub::{AttestationSetting, Hub, IdentitySetting};
use serde_json::json;
use std::path::Path;

/// An ID token from a file; empty without one.
pub(crate) fn token(file: Option<&Path>) -> Result<String, Failure> {
    let Some(file) = file else { return Ok(String::new()) };
    Ok(std::fs::read_to_string(file).map_err(|e| Failure::input(file, &e))?.trim().to_owned())
}

/// `device login-nonce`: what a log-in for a code must bear as its nonce.
pub(crate) fn login_nonce(code: &str, context: &Context) -> Result<Exit, Failure> {
    let nonce = beatcheck_client::Device::enrolment_nonce(code)?;
    context.emit(&json!({ "nonce": nonce }), |s| s.line(&nonce))?;
    Ok(Exit::Done)
}

fn open(data: &Path, context: &Context) -> Result<Hub, Failure> {
    Ok(Hub::open(data, context.clock())?)
}

pub(crate) fn officer(command: OfficerCommand, context: &Context) -> Result<(), Failure> {
    match command {
        OfficerCommand::Suspend(a) => {
            let o = &a.officer;
            open(&o.data.data, context)?.officer_suspend(&o.officer, &o.by, &a.why)?;
            let text =
                format!("Officer {} is suspended: their devices lose their grants with their next sync.", o.officer);
            context.emit(&json!({"officer": o.officer, "state": "suspended"}), |s| s.line(&text))
        }
        OfficerCommand::Restore(a) => {
            open(&a.data.data, context)?.officer_restore(&a.officer, &a.by)?;
            let text = format!("Officer {} is no longer suspended: their devices get their grants again.", a.officer);
            context.emit(&json!({"officer": a.officer, "state": "active"}), |s| s.line(&text))
        }
        OfficerCommand::List(a) => {
            let officers = open(&a.data, context)?.officers()?;
            context.emit(&json!({ "officers": officers }), |s| {
                let row = |o: &beatcheck_hub::OfficerStatus| {
                    let (by, why) = (o.suspended_by.clone().unwrap_or_default(), o.why.clone().unwrap_or_default());
                    vec![o.officer.clone(), o.devices.to_string(), when(o.suspended), by, why]
                };
                s.table(
                    &["officer", "devices", "suspended", "by", "why"],
                    &officers.iter().map(row).collect::<Vec<_>>(),
                );
                if officers.is_empty() {
                    s.line("none");
                }
            })
        }
    }
}

pub(crate) fn identity(command: IdentityCommand, context: &Context) -> Result<(), Failure> {
    match command {
        IdentityCommand::Set(a) => identity_set(a, context),
        IdentityCommand::Show(a) => {
            let setting = open(&a.data, context)?.identity()?;
            context.emit(&json!({ "identity": setting }), |s| match &setting {
                None => s.line("No identity provider: enrolment needs the code alone."),
                Some(i) => s.fields(&[
                    ("issuer", i.issuer.clone()),
                    ("client id", i.client_id.clone()),
                    ("officer's claim", i.claim.clone()),
                    ("needed at enrolment", if i.at_enrolment { "yes" } else { "no" }.into()),
                ]),
            })
        }
        IdentityCommand::Test(a) => {
            let found = open(&a.data, context)?.identity_test()?;
            context.emit(&found, |s| {
                s.line(&format!(
                    "{} answers, and signs with {} keys: {}.",
                    found.issuer,
                    found.keys.len(),
                    found.keys.join(", ")
                ));
            })
        }
        IdentityCommand::Clear(a) => {
            open(&a.data, context)?.identity_set(None)?;
            context.emit(&json!({"identity": null}), |s| {
                s.line("No identity provider any more: enrolment needs the code alone.");
            })
        }
        IdentityCommand::Shifts(a) => {
            let shifts = open(&a.data.data, context)?.shifts(None, a.limit)?;
            context.emit(&json!({ "shifts": shifts }), |s| {
                let row = |r: &beatcheck_hub::ShiftRow| {
                    let end = r.ended.unwrap_or(r.ends).to_string();
                    let (identified, why) =
                        (if r.identified { "yes" } else { "no" }, r.why.clone().unwrap_or_default());
                    vec![r.officer.clone(), r.started.to_string(), end, why, identified.into(), r.device.clone()]
                };
                s.table(
                    &["officer", "started", "ends", "ended by", "identified", "device"],
                    &shifts.iter().map(row).collect::<Vec<_>>(),
                );
                if shifts.is_empty() {
                    s.line("none");
                }
            })
        }
    }
}

fn identity_set(a: IdentitySetArgs, context: &Context) -> Result<(), Failure> {
    let setting = IdentitySetting {
        issuer: a.issuer,
        client_id: a.client_id,
        claim: a.claim,
        ca_pem: read(a.ca.as_deref())?,
        at_enrolment: !a.not_at_enrolment,
    };
    open(&a.data.data, context)?.identity_set(Some(&setting))?;
    context.emit(&json!({ "identity": setting }), |s| {
        s.line(&format!("{} says who officers are. Next: beatcheck hub identity test", setting.issuer));
    })
}

fn read(file: Option<&Path>) -> Result<Option<String>, Failure> {
    file.map(|f| std::fs::read_to_string(f).map_err(|e| Failure::input(f, &e))).transpose()
}

pub(crate) fn attestation(command: AttestationCommand, context: &Context) -> Result<(), Failure> {
    let setting = match command {
        AttestationCommand::Show(a) => open(&a.data, context)?.attestation()?,
        AttestationCommand::Set(a) => attestation_set(a, context)?,
    };
    context.emit(&setting, |s| {
        s.fields(&[("Android", setting.android_word()), ("Apple", setting.apple_word())]);
        if setting.unverified {
            s.line("UNVERIFIED: phones of a kind for which nothing is set are let in on their word.");
        }
    })
}

fn attestation_set(a: AttestationSetArgs, context: &Context) -> Result<AttestationSetting, Failure> {
    let hub = open(&a.data.data, context)?;
    let mut s = hub.attestation()?;
    s.android_roots_pem = read(a.android_roots.as_deref())?.or(s.android_roots_pem);
    s.android_package = a.android_package.or(s.android_package);
    s.android_signer = a.android_signer.or(s.android_signer);
    s.android_level = a.android_level.unwrap_or(s.android_level);
    s.android_patch = a.android_patch.or(s.android_patch);
    s.android_revoked_json = read(a.android_revoked.as_deref())?.or(s.android_revoked_json);
    s.apple_roots_pem = read(a.apple_roots.as_deref())?.or(s.apple_roots_pem);
    s.apple_app = a.apple_app.or(s.apple_app);
    s.apple_development = a.apple_development.unwrap_or(s.apple_development);
    s.unverified = a.unverified.unwrap_or(s.unverified);
    hub.attestation_set(&s)?;
    Ok(s)
}
