//! What the hub's word is checked for: documents of the real hub, given to the sync's machine in the wrong order.

use crate::support::{List, TestHub, now};
use beatcheck_hub::Hub;
use beatcheck_sync::{Do, Event, Held, Limits, Machine, SyncFault, Trust, Want};
use beatcheck_wire::envelope::OVERHEAD;
use beatcheck_wire::{DeviceId, Hash32, Head, ManifestSet, Root};

fn trust(hub: &Hub) -> (Trust, Root) {
    let root: Root = postcard::from_bytes(&hub.root_document().unwrap()[OVERHEAD..]).unwrap();
    (Trust::of(&root), root)
}

struct Published {
    head: Vec<u8>,
    set: Vec<u8>,
    manifest: Vec<u8>,
    set_hash: Hash32,
    version: u64,
}

fn published(hub: &Hub) -> Published {
    let (head, bytes): (Head, _) = hub.current_head().unwrap().unwrap();
    let set = hub.set_bytes(&head.set_hash).unwrap().unwrap();
    let inside: ManifestSet = postcard::from_bytes(&set[OVERHEAD..]).unwrap();
    let manifest = hub.manifest_bytes(&inside.manifests[0].1).unwrap().unwrap();
    Published { head: bytes, set, manifest, set_hash: head.set_hash, version: head.head_version }
}

/// Two published states of one hub, and a device that knows neither.
fn two_weeks() -> (TestHub, Published, Published, DeviceId) {
    let hub = TestHub::start();
    let list = List::vehicles("cars", "cars").car("AA11AAA", "Red");
    hub.publish(&list);
    let old = published(&hub.hub);
    hub.publish(&list.car("BB22BBB", "Blue"));
    let new = published(&hub.hub);
    let device = hub.enrol("phone").status().unwrap().device;
    (hub, old, new, DeviceId::from_hex(&device).unwrap())
}

fn fault(todo: Vec<Do>) -> SyncFault {
    match todo.into_iter().next() {
        Some(Do::Done(outcome)) => outcome.fault.unwrap(),
        other => panic!("went on with {other:?}"),
    }
}

/// A machine that has taken the new head and the grant, and now wants the set.
fn at_the_set(hub: &TestHub, held: Held, head: &[u8], hash: Hash32) -> Machine {
    let mut m = Machine::new(held.clone(), trust(&hub.hub).0, Limits::default());
    m.on(Event::JournalDone, now());
    m.on(Event::Head { bytes: head.to_vec(), grant_hint: None, roots: Vec::new() }, now());
    let adopt = m.on(Event::Grant(hub.hub.grant_for(held.device).unwrap()), now());
    assert!(matches!(adopt[0], Do::AdoptGrant { .. }), "{adopt:?}");
    let next = m.on(Event::GrantAdopted, now());
    assert!(matches!(&next[0], Do::Fetch(Want::Set(h)) if *h == hash), "{next:?}");
    m
}

#[test]
fn nothing_that_no_valid_head_names_is_taken() {
    let (hub, old, new, device) = two_weeks();
    let held = Held { device, ..Held::default() };
    let mut m = at_the_set(&hub, held.clone(), &new.head, new.set_hash);
    let f = fault(m.on(Event::Set(old.set.clone()), now()));
    assert_eq!((f.code(), f.to_string().contains("not the one that the head names")), ("not_named_by_head", true));

    let mut m = at_the_set(&hub, held, &new.head, new.set_hash);
    let next = m.on(Event::Set(new.set), now());
    let Do::Fetch(Want::Manifest(id, _)) = &next[0] else { panic!("{next:?}") };
    let mut done = m.on(Event::Manifest(*id, old.manifest), now());
    // The compartment fails, the rest goes on, and no set is committed.
    assert!(matches!(&done[0], Do::Commit { set_hash: None, .. }), "{done:?}");
    done = m.on(Event::JournalDone, now());
    let Do::Done(outcome) = &done[0] else { panic!("{done:?}") };
    assert_eq!((outcome.failed[0].0, outcome.failed[0].1.code()), (*id, "not_named_by_head"));
}

#[test]
fn what_is_older_or_forged_is_refused() {
    let (hub, old, new, device) = two_weeks();
    let (trust, _) = trust(&hub.hub);
    let head = |held: &Held, bytes: Vec<u8>| {
        let mut m = Machine::new(held.clone(), trust.clone(), Limits::default());
        m.on(Event::JournalDone, now());
        m.on(Event::Head { bytes, grant_hint: None, roots: Vec::new() }, now())
    };
    let held = Held { device, head_version: new.version, ..Held::default() };
    let f = fault(head(&held, old.head.clone()));
    assert_eq!(f.code(), "replayed");
    assert!(f.to_string().contains("older state") && f.to_string().contains("replay"), "{f}");
    assert!(matches!(head(&held, new.head.clone())[0], Do::Contact));

    let other = TestHub::start();
    other.publish(&List::vehicles("cars", "cars").car("AA11AAA", "Red"));
    assert_eq!(fault(head(&Held { device, ..Held::default() }, published(&other.hub).head)).code(), "bad_signature");
    let mut flipped = new.head.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(fault(head(&held, flipped)).code(), "bad_signature");
    assert_eq!(fault(head(&held, new.head[..20].to_vec())).code(), "malformed");
    // A manifest in a head's place: signed by the same key, but not as a head.
    assert_eq!(fault(head(&held, new.manifest.clone())).code(), "malformed");

    // A grant that is older than the one in force, and one for somebody else.
    let mut m = Machine::new(held.clone(), trust.clone(), Limits::default());
    m.on(Event::JournalDone, now());
    m.on(Event::Head { bytes: new.head.clone(), grant_hint: None, roots: Vec::new() }, now());
    let grant = hub.hub.grant_for(device).unwrap();
    let another = DeviceId::from_hex(&hub.enrol("tablet").status().unwrap().device).unwrap();
    let f = fault(m.on(Event::Grant(hub.hub.grant_for(another).unwrap()), now()));
    assert_eq!(f.code(), "wrong_device");
    let mut m = Machine::new(Held { policy_version: 9, ..held }, trust, Limits::default());
    m.on(Event::JournalDone, now());
    m.on(Event::Head { bytes: new.head, grant_hint: None, roots: Vec::new() }, now());
    let f = fault(m.on(Event::Grant(grant), now()));
    assert_eq!((f.code(), f.to_string().contains("older policy")), ("replayed", true));
}
