//! One device: enrols with a code, and hands in a batch of its account.

use crate::bench::phones::{self, Trust, broken};
use crate::exit::Failure;
use beatcheck_audit::{Asked, Consulted, ENTRY_FORMAT, Entry, EntryKind};
use beatcheck_hub::{CompartmentInfo, Hub};
use beatcheck_model::{Outcome, Query, VehicleQuery};
use beatcheck_wire::journal::{
    BATCH_VERSION, DeviceReport, Held, JournalBatch, JournalUpload, SealedEntry, genesis, link,
};
use beatcheck_wire::{DeviceId, Hash32, Root};
use hyper::Method;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rcgen::SigningKey;

/// Checks in the account that it hands in; with its enrolment and its unlocking, two entries more.
const CHECKS: u64 = 4;

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
    let phone = phones::enrol(hub.clone(), &trust, port, n).await?;
    let batch = account(&hub, &phone.root, phone.id, &phone.officer, n, &compartments)?;
    let batch = postcard::to_stdvec(&batch).map_err(broken)?;
    let signature = phone.receipt.sign(&batch).map_err(broken)?;
    let upload = postcard::to_stdvec(&JournalUpload { batch, signature }).map_err(broken)?;
    let mut own = trust.connect(port, Some((phone.chain, &phone.key))).await?;
    let answer = own.send(Method::POST, "/v1/journal", &[], upload).await?;
    phones::expect(answer.status, "handing in an account", &answer.body)?;
    Ok(Known { id: phone.id, officer: phone.officer, reference: reference(n, CHECKS) })
}

fn reference(n: u32, check: u64) -> String {
    format!("F{n:05}-{check}")
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
