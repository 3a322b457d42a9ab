//! The command line of who officers are, and of what phones must show: `hub officer`, `hub identity`, `hub attestation`.

use crate::hub_args::DataArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `hub officer`.
#[derive(Debug, Subcommand)]
pub(crate) enum OfficerCommand {
    /// Suspend an officer, or one who has left: their devices lose their grants with their next contact
    Suspend(SuspendArgs),
    /// Lift an officer's suspension
    #[command(after_help = "Example:\n  beatcheck hub officer restore 1234 --data hub --by sgt.miller")]
    Restore(OfficerArgs),
    /// Show officers with a device, a code or a suspension
    #[command(after_help = "Example:\n  beatcheck hub officer list --data hub --json")]
    List(DataArgs),
}

/// An officer, and who acts.
#[derive(Debug, Args)]
pub(crate) struct OfficerArgs {
    /// The officer's id, as their code was made for it
    #[arg(value_name = "OFFICER")]
    pub(crate) officer: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Who does this
    #[arg(long, value_name = "WHO", default_value = "operator")]
    pub(crate) by: String,
}

/// `hub officer suspend`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    beatcheck hub officer suspend 1234 --data hub --by sgt.miller --why 'left the force'\n\n\
    What their devices held is closed to what is written later: its keys are changed. The devices keep their certificates, \
    to hear of it and to hand in their account. `hub wipe` erases one; `hub revoke` puts one out for good.")]
pub(crate) struct SuspendArgs {
    #[command(flatten)]
    pub(crate) officer: OfficerArgs,
    /// Why, for those who read it later
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) why: String,
}

/// `hub identity`.
#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// Set the identity provider (OpenID Connect)
    Set(IdentitySetArgs),
    /// Show it
    #[command(after_help = "Example:\n  beatcheck hub identity show --data hub")]
    Show(DataArgs),
    /// Ask it for its keys, now
    #[command(after_help = "Example:\n  beatcheck hub identity test --data hub")]
    Test(DataArgs),
    /// Do without one: enrolment needs the code alone
    #[command(after_help = "Example:\n  beatcheck hub identity clear --data hub")]
    Clear(DataArgs),
    /// Show the shifts that devices started, the newest first
    #[command(after_help = "Example:\n  beatcheck hub identity shifts --data hub --json")]
    Shifts(ShiftsArgs),
}

/// `hub identity set`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    beatcheck hub identity set --data hub --issuer https://login.force.example --client-id beatcheck \\\n    \
    --claim employee_number --ca force-ca.pem\n\n\
    The claim of the ID token must hold the id that codes are made for. Register the client as a public one with PKCE, and \
    https://HUB:PORT/oidc/logout as its back-channel logout address (docs/identity.md).")]
pub(crate) struct IdentitySetArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The issuer, exactly as the provider writes it
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: String,
    /// Our name at the provider
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: String,
    /// The claim that holds an officer's id
    #[arg(long, value_name = "NAME", default_value = "sub")]
    pub(crate) claim: String,
    /// The certificate authority of the provider, PEM; needed unless it is on this machine
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Need no ID token at enrolment (at the start of a shift policy decides)
    #[arg(long)]
    pub(crate) not_at_enrolment: bool,
}

/// `hub identity shifts`.
#[derive(Debug, Args)]
pub(crate) struct ShiftsArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
}

/// `hub attestation`.
#[derive(Debug, Subcommand)]
pub(crate) enum AttestationCommand {
    /// Show what is asked of phones
    #[command(after_help = "Example:\n  beatcheck hub attestation show --data hub")]
    Show(DataArgs),
    /// Set what is asked of phones; what is left out stays as it is
    Set(AttestationSetArgs),
}

/// `hub attestation set`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    beatcheck hub attestation set --data hub --android-roots google-roots.pem --android-package uk.police.force.beatcheck \\\n    \
    --android-signer 5f2c... --android-level strongbox\n  \
    beatcheck hub attestation set --data hub --apple-roots apple-app-attest-root.pem --apple-app TEAMID.uk.police.force.beatcheck\n\n\
    The roots are those that Google and Apple publish (docs/attestation.md says where). Without roots phones of that kind are \
    refused. With --unverified they are let in on their word, and `hub attestation show` says so.")]
pub(crate) struct AttestationSetArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Root certificates of Android's key attestation, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) android_roots: Option<PathBuf>,
    /// The app's package name
    #[arg(long, value_name = "NAME")]
    pub(crate) android_package: Option<String>,
    /// SHA-256 of the certificate that the app is signed with, in hexadecimal
    #[arg(long, value_name = "HEX")]
    pub(crate) android_signer: Option<String>,
    /// Where keys must live at least: `tee` or `strongbox`
    #[arg(long, value_name = "LEVEL")]
    pub(crate) android_level: Option<String>,
    /// Oldest security patch of the phone that is let in, as YYYYMM
    #[arg(long, value_name = "YYYYMM")]
    pub(crate) android_patch: Option<u32>,
    /// Google's list of revoked certificates, as it publishes it (JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) android_revoked: Option<PathBuf>,
    /// Root certificate of Apple's App Attest, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) apple_roots: Option<PathBuf>,
    /// The app's identifier: team, a dot, bundle
    #[arg(long, value_name = "ID")]
    pub(crate) apple_app: Option<String>,
    /// Take attestations of Apple's development environment too (`true` or `false`)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) apple_development: Option<bool>,
    /// Whether phones are let in on their word, where nothing else is set (`true` or `false`)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) unverified: Option<bool>,
}

/// `device login-nonce`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  beatcheck device login-nonce --code CODE\n\n\
    Log in at the force's identity provider with it, and give the ID token to `device enrol --id-token-file`.")]
pub(crate) struct LoginNonceArgs {
    /// The one-time code from `hub enrol`
    #[arg(long)]
    pub(crate) code: String,
}
