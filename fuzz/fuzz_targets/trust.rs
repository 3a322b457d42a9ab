//! A sync that is given any roots, any head and any grant: no stranger's word is obeyed.
#![no_main]

use beatcheck_model::Timestamp;
use beatcheck_sync::{Do, Event, Held, Limits, Machine, Trust};
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{CompartmentId, Grant, GrantBundle, RootStep};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DEVICE: CompartmentId = CompartmentId([0xDE; 16]);

/// Keys of the hub: root, publish, grant, policy, and two that sign wipes. The input holds none of them.
static KEYS: LazyLock<Vec<SigningKey>> =
    LazyLock::new(|| (1..=6).map(|n| SigningKey::from_seed(&[n; 32]).expect("32 bytes")).collect());

fn trust() -> Trust {
    let key = |n: usize| KEYS[n].verify_key();
    Trust { root_version: 1, root: key(0), publish: key(1), grant: key(2), policy: key(3), wipe: vec![key(4), key(5)] }
}

/// A grant that asks for a wipe, signed as it must be, beside whatever orders come.
fn bundle(wipe_orders: Vec<Vec<u8>>) -> GrantBundle {
    let policy = Policy::initial(NOW);
    let grant = Grant {
        grant_version: 1,
        device: DEVICE,
        officer: String::new(),
        role: "patrol".into(),
        issued: NOW,
        policy_version: policy.policy_version,
        compartments: Vec::new(),
        wipe: true,
        purges: Vec::new(),
        suspended: false,
    };
    GrantBundle {
        grant: KEYS[2].sign(DocKind::Grant, &grant).expect("it encodes"),
        keys: Vec::new(),
        policy: KEYS[3].sign_bytes(DocKind::Policy, &policy.to_canonical().expect("it encodes")),
        wipe_orders,
    }
}

fuzz_target!(|given: (Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>, Vec<Vec<u8>>)| {
    let (steps, head, orders) = given;
    let held = Held { device: DEVICE, ..Held::default() };
    let mut machine = Machine::new(held.clone(), trust(), Limits::default());
    let roots: Vec<RootStep> = steps.into_iter().map(|(by_old, by_new)| RootStep { by_old, by_new }).collect();
    let out = machine.on(Event::Head { bytes: head, grant_hint: None, roots }, NOW);
    assert!(!out.iter().any(|d| matches!(d, Do::AdoptRoot(_) | Do::Contact)), "nobody can guess a signature");

    let mut machine = Machine::new(held, trust(), Limits::default());
    let out = machine.on(Event::Grant(bundle(orders)), NOW);
    assert!(matches!(out.first(), Some(Do::Hold { .. })), "what no wipe key ordered erases nothing: {out:?}");
});
