//! Each check of a document, refused with its code; and what ends a sync, and when.
#![allow(clippy::unwrap_used, missing_docs)]

use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_sync::{
    Do, Event, FetchFault, Held, HeldCompartment, Limits, MAX_RESTARTS, MAX_TRIES, Machine, Outcome, Trust, Want,
};
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{
    Catalogue, CatalogueRef, CompartmentId, CompartmentKey, Delta, Grant, GrantBundle, GrantedCompartment, Hash32,
    Head, Manifest, ManifestSet, PurgeOrder, Root, RootStep, WipeOrder,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const ID: CompartmentId = CompartmentId([7; 16]);
const DEVICE: CompartmentId = CompartmentId([0xDE; 16]);

fn key_of(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn trust() -> Trust {
    Trust {
        root_version: 1,
        root: key_of(10).verify_key(),
        publish: key_of(1).verify_key(),
        grant: key_of(2).verify_key(),
        policy: key_of(3).verify_key(),
        wipe: vec![key_of(4).verify_key(), key_of(5).verify_key()],
    }
}

/// One consistent hub, whose parts a test spoils.
struct Case {
    held: Held,
    head: Head,
    set: ManifestSet,
    manifest: Manifest,
    catalogue: Catalogue,
    grant: Grant,
    policy: Policy,
    keys: Vec<CompartmentKey>,
    /// Who signs: head and set and manifest, grant, policy.
    signers: [u8; 3],
    /// Whether the hashes are left as they are.
    as_named: bool,
    /// What comes beside the grant.
    wipe_orders: Vec<Vec<u8>>,
    /// What comes before the head.
    roots: Vec<RootStep>,
    /// Times that the set is asked for and is not there.
    gone: u32,
}

impl Default for Case {
    fn default() -> Self {
        let key = CompartmentKey { compartment: ID, epoch: 1, key: [5; 32] };
        Self {
            held: Held { device: DEVICE, head_version: 5, policy_version: 2, ..Held::default() },
            head: Head {
                head_version: 6,
                issued: NOW,
                expires: NOW.plus_secs(60),
                set_hash: Hash32::default(),
                ask_again_s: 77,
            },
            set: ManifestSet { manifests: vec![(ID, Hash32::default())] },
            manifest: Manifest {
                compartment: ID,
                manifest_version: 3,
                previous: Hash32::default(),
                key_epoch: 1,
                schema: 1,
                source: "test".into(),
                kind: RecordKind::Vehicle,
                as_of: NOW,
                due_by: None,
                last_refused: false,
                warnings: false,
                watermark: 0,
                rows: 0,
                unsearchable: 0,
                digest: Hash32::default(),
                dictionary: None,
                recent: Vec::new(),
                catalogue: CatalogueRef {
                    hash: Hash32::of(&Catalogue::default().encode().unwrap()),
                    ..CatalogueRef::default()
                },
            },
            catalogue: Catalogue::default(),
            grant: Grant {
                grant_version: 4,
                device: DEVICE,
                officer: "officer-1".into(),
                role: "patrol".into(),
                issued: NOW,
                policy_version: 2,
                compartments: vec![GrantedCompartment {
                    id: ID,
                    name: "stolen".into(),
                    source: "test".into(),
                    kind: RecordKind::Vehicle,
                    warnings: false,
                    epochs: vec![(1, Hash32::of(&key.key))],
                }],
                wipe: false,
                purges: Vec::new(),
                suspended: false,
            },
            policy: Policy { policy_version: 2, ..Policy::initial(NOW) },
            keys: vec![key],
            signers: [1, 2, 3],
            as_named: false,
            wipe_orders: Vec::new(),
            roots: Vec::new(),
            gone: 0,
        }
    }
}

impl Case {
    /// Runs a sync in which every document is at hand and there is nothing to fetch; the outcome and what was done.
    fn run(mut self) -> (Outcome, Vec<&'static str>) {
        let publish = key_of(self.signers[0]);
        let manifest = publish.sign(DocKind::Manifest, &self.manifest).unwrap();
        if !self.as_named {
            self.set.manifests[0].1 = Hash32::of(&manifest);
        }
        let set = publish.sign(DocKind::ManifestSet, &self.set).unwrap();
        if self.head.set_hash == Hash32::default() {
            self.head.set_hash = Hash32::of(&set);
        }
        let head = publish.sign(DocKind::Head, &self.head).unwrap();
        let bundle = GrantBundle {
            grant: key_of(self.signers[1]).sign(DocKind::Grant, &self.grant).unwrap(),
            keys: self.keys,
            policy: key_of(self.signers[2]).sign_bytes(DocKind::Policy, &self.policy.to_canonical().unwrap()),
            wipe_orders: self.wipe_orders,
        };
        let mut machine = Machine::new(self.held, trust(), Limits::default());
        let mut todo = machine.start();
        let mut done = Vec::new();
        while !todo.is_empty() {
            let (event, word) = match todo.remove(0) {
                Do::Fetch(Want::Head) => {
                    let roots = self.roots.clone();
                    (Event::Head { bytes: head.clone(), grant_hint: Some(9), roots }, "head")
                }
                Do::Fetch(Want::Grant) => (Event::Grant(bundle.clone()), "grant"),
                Do::Fetch(want @ Want::Set(_)) if self.gone > 0 => {
                    self.gone -= 1;
                    (Event::Failed(want, FetchFault::NotFound), "gone")
                }
                Do::Fetch(Want::Set(_)) => (Event::Set(set.clone()), "set"),
                Do::Fetch(Want::Manifest(id, _)) => (Event::Manifest(id, manifest.clone()), "manifest"),
                Do::Fetch(Want::Catalogue(id, _)) => {
                    (Event::Catalogue(id, self.catalogue.encode().unwrap()), "catalogue")
                }
                Do::AdoptGrant { .. } => (Event::GrantAdopted, "adopt"),
                Do::Apply { .. } => (Event::Applied(ID), "apply"),
                Do::SendJournal => (Event::JournalDone, "journal"),
                Do::Done(outcome) => return (outcome, done),
                other => {
                    done.push(match other {
                        Do::Commit { set_hash: Some(_), .. } => "commit",
                        Do::Commit { set_hash: None, .. } => "commit without the set",
                        Do::Contact => "contact",
                        Do::Wipe(_) => "wipe",
                        Do::Hold { .. } => "hold",
                        Do::AdoptRoot(_) => "root",
                        Do::Planned { .. } => "planned",
                        _ => "other",
                    });
                    continue;
                }
            };
            done.push(word);
            todo.extend(machine.on(event, NOW));
        }
        (Outcome::default(), done)
    }

    /// The code with which the whole sync ended, and the last thing that was done.
    fn fault(self) -> (&'static str, &'static str) {
        let (outcome, done) = self.run();
        assert!(!done.iter().any(|d| d.starts_with("commit")), "the trust state stays: {done:?}");
        (outcome.fault.unwrap().code(), done[done.len() - 1])
    }

    /// The code with which the compartment failed; everything else went on.
    fn failure(self) -> &'static str {
        let (outcome, done) = self.run();
        assert_eq!(outcome.fault, None);
        assert!(done.contains(&"commit without the set") && !done.contains(&"apply"), "{done:?}");
        outcome.failed[0].1.code()
    }
}

macro_rules! case {
    (|$c:ident| $spoil:expr) => {{
        let mut $c = Case::default();
        $spoil;
        $c
    }};
}

#[test]
fn unspoilt_it_goes_through_in_order() {
    let (outcome, done) = Case::default().run();
    assert_eq!((outcome.fault, outcome.failed, outcome.applied), (None, vec![], vec![ID]));
    assert_eq!(outcome.ask_again_s, 77);
    let asked = ["journal", "head", "contact", "grant", "adopt", "set", "manifest", "catalogue"];
    let done_then = ["planned", "apply", "commit", "journal"];
    assert_eq!(done, [asked.as_slice(), &done_then].concat());
}

#[test]
fn heads() {
    assert_eq!(case!(|c| c.signers[0] = 2).fault(), ("bad_signature", "head"));
    assert_eq!(case!(|c| c.head.head_version = 4).fault(), ("replayed", "head"));
    assert_eq!(case!(|c| c.head.expires = NOW).fault(), ("head_expired", "head"));
    // The same head again is a poll without change, not a replay.
    assert_eq!(case!(|c| c.head.head_version = 5).run().0.fault, None);
}

#[test]
fn grants_and_policies() {
    let known = Case::default().grant;
    assert_eq!(case!(|c| c.signers[1] = 1).fault(), ("bad_signature", "grant"));
    assert_eq!(case!(|c| c.signers[2] = 1).fault(), ("bad_signature", "grant"));
    assert_eq!(case!(|c| c.grant.device = ID).fault(), ("wrong_device", "grant"));
    let older = Grant { grant_version: 5, ..known };
    assert_eq!(case!(|c| c.held.grant = Some(older)).fault(), ("replayed", "grant"));
    assert_eq!(case!(|c| c.held.policy_version = 3).fault(), ("replayed", "grant"));
    assert_eq!(case!(|c| c.grant.policy_version = 3).fault(), ("replayed", "grant"));
    assert_eq!(case!(|c| c.policy.policy_version = 3).fault(), ("replayed", "grant"));
    assert_eq!(case!(|c| c.keys.clear()).fault(), ("key_missing", "grant"));
    assert_eq!(case!(|c| c.keys[0].key = [6; 32]).fault(), ("key_missing", "grant"));
    assert_eq!(case!(|c| c.keys[0].epoch = 2).fault(), ("key_missing", "grant"));
    assert_eq!(case!(|c| c.keys[0].compartment = DEVICE).fault(), ("key_missing", "grant"));
    let many = vec![Case::default().grant.compartments[0].clone(); 65];
    assert_eq!(case!(|c| c.grant.compartments = many).fault(), ("malformed", "grant"));
    assert_eq!(case!(|c| c.policy.format = 2).fault(), ("unknown_version", "grant"));
}

#[test]
fn keys_that_the_grant_does_not_name_are_not_kept() {
    let case = Case::default();
    let right = case.keys[0].clone();
    let key = |compartment, epoch, byte| CompartmentKey { compartment, epoch, key: [byte; 32] };
    let bundle = GrantBundle {
        grant: key_of(2).sign(DocKind::Grant, &case.grant).unwrap(),
        // A wrong one under the right name first: it must not be the one that is found.
        keys: vec![key(ID, 1, 6), key(DEVICE, 1, 5), right.clone(), key(ID, 2, 5)],
        policy: key_of(3).sign_bytes(DocKind::Policy, &case.policy.to_canonical().unwrap()),
        wipe_orders: Vec::new(),
    };
    let mut machine = Machine::new(case.held, trust(), Limits::default());
    match machine.on(Event::Grant(bundle), NOW).as_slice() {
        [Do::AdoptGrant { bundle, .. }] => assert_eq!(bundle.keys, [right]),
        other => panic!("{other:?}"),
    }
}

fn order(device: Option<CompartmentId>) -> WipeOrder {
    WipeOrder { order: CompartmentId([8; 16]), device, issued: NOW.plus_secs(-60), expires: NOW.plus_secs(60) }
}

/// What a device does that is asked to erase itself with these orders, each with the key that signs it.
fn ordered(orders: &[(u8, WipeOrder)]) -> &'static str {
    let orders = orders.iter().map(|(key, o)| key_of(*key).sign(DocKind::WipeOrder, o).unwrap()).collect();
    let case = case!(|c| {
        c.grant.wipe = true;
        c.held.enrolled = NOW.plus_secs(-3600);
        c.wipe_orders = orders;
    });
    let (outcome, done) = case.run();
    assert_eq!(done[..4], ["journal", "head", "contact", "grant"], "before anything else");
    assert_eq!(done.len(), 5, "and after it nothing: {done:?}");
    if let Some(fault) = outcome.fault {
        assert_eq!((fault.code(), done[4]), ("wipe_unsigned", "hold"));
    }
    done[4]
}

#[test]
fn an_order_to_wipe_is_obeyed_before_anything_else_and_only_if_it_is_sound() {
    assert_eq!(ordered(&[(4, order(Some(DEVICE)))]), "wipe");
    assert_eq!(ordered(&[(5, order(Some(DEVICE)))]), "wipe", "either key will do for one device");
    assert_eq!(ordered(&[]), "hold", "the grant key alone erases nothing");
    assert_eq!(ordered(&[(2, order(Some(DEVICE)))]), "hold", "nor does it sign orders");
    assert_eq!(ordered(&[(4, order(Some(ID)))]), "hold", "another device's");
    let over = WipeOrder { expires: NOW, ..order(Some(DEVICE)) };
    assert_eq!(ordered(&[(4, over)]), "hold", "its time is over");

    assert_eq!(ordered(&[(4, order(None)), (5, order(None))]), "wipe", "two persons");
    assert_eq!(ordered(&[(4, order(None))]), "hold", "one person");
    assert_eq!(ordered(&[(4, order(None)), (4, order(None))]), "hold", "one person twice");
    assert_eq!(ordered(&[(4, order(None)), (2, order(None))]), "hold", "a key that is no wipe key");
    let other = WipeOrder { order: CompartmentId([9; 16]), ..order(None) };
    assert_eq!(ordered(&[(4, order(None)), (5, other)]), "hold", "two orders of one person each");
    let before = WipeOrder { issued: NOW.plus_secs(-7200), ..order(None) };
    assert_eq!(ordered(&[(4, before.clone()), (5, before)]), "hold", "older than the enrolment");
}

#[test]
fn a_wipe_without_an_order_is_asked_about_again() {
    let waiting = Grant { wipe: true, grant_version: 9, ..Case::default().grant };
    // The hub's hint is the version that is held: without the question open, the grant would not be asked for.
    let (_, done) = case!(|c| {
        c.held.grant = Some(waiting);
        c.grant.grant_version = 9;
    })
    .run();
    assert!(done.contains(&"grant") && done.contains(&"apply"), "{done:?}");
}

/// Root `version` with root key `key`, signed by the key before it and by its own.
fn step(version: u64, old: u8, key: u8, publish: u8) -> RootStep {
    let root = Root {
        root_version: version,
        root_key: key_of(key).verify_key(),
        publish_key: key_of(publish).verify_key(),
        grant_key: key_of(2).verify_key(),
        policy_key: key_of(3).verify_key(),
        audit_key: [0; 32],
        ca_sha256: [0; 32],
        issued: NOW,
        wipe_keys: Vec::new(),
    };
    let sign = |key: u8| key_of(key).sign(DocKind::Root, &root).unwrap();
    RootStep { by_old: sign(old), by_new: sign(key) }
}

#[test]
fn roots_are_followed_step_by_step_before_the_head() {
    // The head is signed by a key that only the second step brings.
    let steps = vec![step(2, 10, 11, 1), step(3, 11, 12, 6)];
    let (outcome, done) = case!(|c| {
        c.roots = steps.clone();
        c.signers[0] = 6;
    })
    .run();
    assert_eq!((outcome.fault, outcome.applied), (None, vec![ID]));
    assert_eq!(done[..5], ["journal", "head", "root", "root", "contact"]);
    // What was trusted before is trusted no more.
    let (outcome, done) = case!(|c| c.roots = steps.clone()).run();
    assert_eq!(outcome.fault.unwrap().code(), "bad_signature");
    assert_eq!(done, ["journal", "head", "root", "root"], "the roots stand by themselves");
    // Steps that were taken before do no harm.
    let again = [step(1, 10, 10, 1), step(2, 10, 11, 6)];
    assert_eq!(
        case!(|c| {
            c.roots = again.to_vec();
            c.signers[0] = 6;
        })
        .run()
        .0
        .fault,
        None
    );
}

#[test]
fn roots_that_do_not_follow_are_refused() {
    let with = |roots: Vec<RootStep>| case!(|c| c.roots = roots).fault();
    assert_eq!(with(vec![step(3, 10, 11, 1)]), ("root_gap", "head"));
    assert_eq!(with(vec![step(2, 9, 11, 1)]), ("bad_signature", "head"), "not by the old key");
    assert_eq!(with(vec![step(2, 10, 11, 1), step(3, 10, 12, 1)]), ("bad_signature", "root"), "by one before the old");
    let (mine, theirs) = (step(2, 10, 11, 1), step(2, 10, 11, 6));
    let mixed = RootStep { by_old: mine.by_old.clone(), by_new: theirs.by_new };
    assert_eq!(with(vec![mixed]), ("malformed", "head"), "two contents");
    let unheld = RootStep { by_new: mine.by_old.clone(), by_old: mine.by_old.clone() };
    assert_eq!(with(vec![unheld]), ("bad_signature", "head"), "the new key is not held by who claims it");
    let cut = RootStep { by_old: mine.by_old, by_new: vec![0; 20] };
    assert_eq!(with(vec![cut]), ("malformed", "head"));
    assert_eq!(with(vec![step(2, 10, 11, 1); 17]), ("malformed", "head"), "more than one sync follows");
}

#[test]
fn what_is_purged_is_fetched_again_once() {
    let manifest_hash = |case: &Case| Hash32::of(&key_of(1).sign(DocKind::Manifest, &case.manifest).unwrap());
    let purge = PurgeOrder { order: CompartmentId([3; 16]), compartment: ID };
    let with = |done_before: bool| {
        let mut case = Case::default();
        let held = HeldCompartment { manifest_hash: manifest_hash(&case), ..HeldCompartment::default() };
        case.held.compartments = [(ID, held)].into();
        case.grant.purges = vec![purge.clone()];
        if done_before {
            case.held.purged.insert(purge.order);
        }
        case.run().1.contains(&"apply")
    };
    assert_eq!((with(false), with(true)), (true, false));
    let many = vec![purge.clone(); beatcheck_wire::MAX_PURGES + 1];
    assert_eq!(case!(|c| c.grant.purges = many).fault(), ("malformed", "grant"));
}

#[test]
fn sets() {
    assert_eq!(case!(|c| c.head.set_hash = Hash32::of(b"another")).fault(), ("not_named_by_head", "set"));
}

#[test]
fn what_is_gone_is_looked_for_from_the_head_again_but_not_for_ever() {
    const { assert!(MAX_RESTARTS > 0, "a hub that moves on is no fault") };
    let (outcome, done) = case!(|c| c.gone = MAX_RESTARTS).run();
    assert_eq!((outcome.fault, outcome.applied), (None, vec![ID]));
    let count = |word| done.iter().filter(|d| **d == word).count() as u32;
    assert_eq!((count("head"), count("gone"), count("set")), (MAX_RESTARTS + 1, MAX_RESTARTS, 1));
    assert_eq!(case!(|c| c.gone = MAX_RESTARTS + 1).fault(), ("hub_refused", "gone"));
}

#[test]
fn manifests() {
    assert_eq!(case!(|c| c.as_named = true).failure(), "not_named_by_head");
    assert_eq!(case!(|c| c.manifest.compartment = DEVICE).failure(), "not_named_by_head");
    assert_eq!(case!(|c| c.manifest.schema = 2).failure(), "unknown_version");
    let other = Delta { from: 0, to: 1, segments: Vec::new() };
    assert_eq!(case!(|c| c.manifest.recent.push(other)).failure(), "malformed");
    let newer = HeldCompartment { manifest_version: 4, ..HeldCompartment::default() };
    let held = [(ID, newer)].into();
    assert_eq!(case!(|c| c.held.compartments = held).failure(), "replayed");
    let (outcome, done) = case!(|c| c.grant.compartments.clear()).run();
    assert!(outcome.applied.is_empty() && !done.contains(&"manifest"), "what is not granted is not asked for");
}

#[test]
fn catalogues() {
    assert_eq!(case!(|c| c.manifest.catalogue.hash = Hash32::default()).failure(), "malformed");
    // No way from its snapshot to the manifest's watermark.
    assert_eq!(case!(|c| c.manifest.watermark = 1).failure(), "malformed");
}

/// Feeds the same fault to every fetch of the head: how the sync ends, after how many tries and which waits.
fn always(fault: &FetchFault) -> (&'static str, u32, Vec<u64>) {
    let mut machine = Machine::new(Held { device: DEVICE, ..Held::default() }, trust(), Limits::default());
    let (mut todo, mut tries, mut waits) = (machine.start(), 0, Vec::new());
    loop {
        let event = match todo.remove(0) {
            Do::SendJournal => Event::JournalDone,
            Do::Fetch(want) => {
                tries += 1;
                Event::Failed(want, fault.clone())
            }
            Do::Wait { ms } => {
                waits.push(ms);
                Event::Woke
            }
            Do::Done(outcome) => return (outcome.fault.unwrap().code(), tries, waits),
            other => panic!("{other:?}"),
        };
        todo.extend(machine.on(event, NOW));
    }
}

#[test]
fn a_hub_out_of_reach_is_tried_a_few_times_with_growing_waits() {
    let (code, tries, waits) = always(&FetchFault::Transient("no route".into()));
    assert_eq!((code, tries, waits), ("hub_unreachable", MAX_TRIES, vec![500, 1000, 2000, 4000]));
}

#[test]
fn a_busy_hub_is_obeyed_and_a_refusal_is_not_argued_with() {
    assert_eq!(always(&FetchFault::Busy(3)), ("hub_busy", MAX_TRIES, vec![3000; 4]));
    assert_eq!(always(&FetchFault::Busy(61)), ("hub_busy", 1, vec![]));
    let revoked = FetchFault::Refused { code: "revoked".into(), text: "revoked".into() };
    assert_eq!(always(&revoked), ("hub_refused", 1, vec![]));
    assert_eq!(always(&FetchFault::NotFound), ("hub_refused", 1, vec![]));
}

#[test]
fn of_one_head_version_there_is_one_head() {
    let at = |head_hash| {
        let mut case = Case::default();
        case.held.head_version = case.head.head_version;
        case.held.head_hash = head_hash;
        case
    };
    assert_eq!(at(Some(Hash32([7; 32]))).fault(), ("replayed", "head"), "same version, other bytes");
    let (outcome, _) = at(None).run();
    assert_eq!(outcome.fault, None, "nothing is known of the bytes: only the version counts");
}
