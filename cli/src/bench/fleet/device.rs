//! One device: enrols with a code, and hands in a batch of its account.

use super::client::{Trust, broken};
use crate::exit::Failure;
use beatcheck_audit::{Asked, Consulted, ENTRY_FORMAT, Entry, EntryKind};
use beatcheck_hub::{CompartmentInfo, EnrolFor, Hub};
use beatcheck_model::{Outcome, Query, VehicleQuery};
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::journal::{
    BATCH_VERSION, DeviceReport, Held, JournalBatch, JournalUpload, SealedEntry, genesis, link,
};
use beatcheck_wire::{DeviceId, Hash32, Root, enrol};
use hyper::{Method, StatusCode};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rcgen::SigningKey;
use rustls::pki_types::CertificateDer;

/// Checks in the account that it hands in; with its enrolment and its unlocking, two entries more.
const CHECKS: u64 = 4;
/// Devices that one officer has had, so that an officer's page has something to show.
const OF_ONE_OFFICER: u32 = 5;

/// What is known of a device: enough to look at it.
pub(super) struct Known {
    pub(super) id: DeviceId,
    pub(super) officer: String,
    /// Of its last check.
    pub(super) reference: String,
}

/// Enrols the `n`th device and lets it hand in its account.
pub(super) async fn begin(
    hub: Hub,
    trust: Trust,
    port: u16,
    n: u32,
    compartments: Vec<CompartmentInfo>,
) -> Result<Known, Failure> {
    let officer = format!("officer-{}", n / OF_ONE_OFFICER);
    let code = {
        let (hub, officer, asset) = (hub.clone(), officer.clone(), asset(n));
        tokio::task::spawn_blocking(move || {
            hub.enrol_code_for(&EnrolFor { officer: &officer, role: "patrol", asset: Some(&asset) })
        })
        .await
        .map_err(broken)??
        .code
    };
    let secret = enrol::EnrolCode::parse(&code).map_err(broken)?.secret;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(broken)?;
    let receipt = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(broken)?;
    let csr = rcgen::CertificateParams::default().serialize_request(&key).map_err(broken)?;
    let request = enrol::EnrolRequest {
        version: enrol::VERSION,
        secret,
        csr: csr.der().to_vec(),
        receipt_key: receipt.public_key_raw().to_vec(),
        vault: "desk".into(),
        attestation: key.sign(&enrol::attestation_challenge(&secret)).map_err(broken)?,
        app_version: env!("CARGO_PKG_VERSION").into(),
        asset: asset(n),
        id_token: String::new(),
    };
    let mut stranger = trust.connect(port, None).await?;
    let body = postcard::to_stdvec(&request).map_err(broken)?;
    let answer = stranger.send(Method::POST, "/v1/enrol", &[], body).await?;
    expect(answer.status, "enrolling", &answer.body)?;
    let welcome: enrol::EnrolResponse = postcard::from_bytes(&answer.body).map_err(broken)?;

    let unverified: Root = postcard::take_from_bytes(&welcome.root[envelope::OVERHEAD..]).map_err(broken)?.0;
    let root: Root = envelope::open(DocKind::Root, &welcome.root, &[unverified.root_key]).map_err(broken)?;
    let chain: Vec<CertificateDer<'static>> = welcome.certificates.into_iter().map(CertificateDer::from).collect();
    let batch = account(&hub, &root, welcome.device, &officer, n, &compartments)?;
    let batch = postcard::to_stdvec(&batch).map_err(broken)?;
    let signature = receipt.sign(&batch).map_err(broken)?;
    let upload = postcard::to_stdvec(&JournalUpload { batch, signature }).map_err(broken)?;
    let mut own = trust.connect(port, Some((chain, &key))).await?;
    let answer = own.send(Method::POST, "/v1/journal", &[], upload).await?;
    expect(answer.status, "handing in an account", &answer.body)?;
    Ok(Known { id: welcome.device, officer, reference: reference(n, CHECKS) })
}

fn asset(n: u32) -> String {
    format!("BC-{n:05}")
}

fn reference(n: u32, check: u64) -> String {
    format!("F{n:05}-{check}")
}

fn expect(status: StatusCode, what: &str, body: &[u8]) -> Result<(), Failure> {
    if status == StatusCode::OK {
        return Ok(());
    }
    Err(Failure::new("io", format!("{what}: the hub said {status}: {}", String::from_utf8_lossy(body))))
}

/// Its account: enrolled, unlocked, some checks; and what it says of itself, of which one device in fifty has a problem.
fn account(
    hub: &Hub,
    root: &Root,
    device: DeviceId,
    officer: &str,
    n: u32,
    compartments: &[CompartmentInfo],
) -> Result<JournalBatch, Failure> {
    let now = hub.now();
    let consulted: Vec<Consulted> = compartments
        .iter()
        .map(|c| Consulted {
            compartment: c.id.to_string(),
            name: c.name.clone(),
            watermark: c.watermark,
            manifest_version: 1,
            state: "current".into(),
        })
        .collect();
    let mut kinds = vec![EntryKind::Enrolled {}, EntryKind::Unlocked { by: "none".into(), counter: None }];
    for check in 1..=CHECKS {
        let asked = VehicleQuery { vrm: Some(format!("BC{:02}{n:03}", check % 100)), ..VehicleQuery::default() };
        kinds.push(EntryKind::Check {
            reference: reference(n, check),
            purpose: ["traffic_stop", "warrant"][check as usize % 2].into(),
            asked: Asked::Query(Box::new(Query::Vehicle(asked))),
            outcome: Outcome::NoTrace,
            error: None,
            reason: None,
            incident: None,
            unusual: if n.is_multiple_of(50) { vec!["many_checks".into()] } else { Vec::new() },
            break_glass: false,
            shown: Vec::new(),
            consulted: consulted.clone(),
        });
    }
    // Not a secret's randomness: what a bench seals is nobody's.
    let mut rng = ChaCha20Rng::seed_from_u64(u64::from(n));
    let mut previous = genesis(device);
    let mut entries = Vec::new();
    for (seq, kind) in (1..).zip(kinds) {
        let entry = Entry {
            format: ENTRY_FORMAT,
            at: now,
            not_before: None,
            officer: officer.into(),
            role: "patrol".into(),
            policy_version: 1,
            grant_version: 1,
            kind,
        };
        let sealed =
            beatcheck_audit::seal(&entry, &root.audit_key, device, seq, &mut |b| rng.fill_bytes(b)).map_err(broken)?;
        previous = link(&previous, seq, &sealed);
        entries.push(SealedEntry { seq, hash: previous, sealed });
    }
    let held = |c: &CompartmentInfo| Held {
        compartment: c.id,
        manifest_version: 1,
        watermark: c.watermark,
        digest: Hash32([0; 32]),
    };
    Ok(JournalBatch {
        version: BATCH_VERSION,
        device,
        previous: genesis(device),
        entries,
        held: compartments.iter().map(held).collect(),
        policy_version: 1,
        grant_version: 1,
        at: now,
        wiped: false,
        receipts: Vec::new(),
        report: DeviceReport {
            app_version: env!("CARGO_PKG_VERSION").into(),
            pending: 0,
            root_version: 1,
            counter: None,
            unlocked: true,
            problems: if n.is_multiple_of(50) { vec!["clock_behind".into()] } else { Vec::new() },
        },
    })
}
