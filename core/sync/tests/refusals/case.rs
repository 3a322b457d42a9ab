//! One consistent hub whose parts a test spoils, and what a sync makes of it.

use beatcheck_model::{RecordKind, Timestamp};
use beatcheck_sync::{Do, Event, FetchFault, Held, Limits, Machine, Outcome, Trust, Want};
use beatcheck_wire::envelope::{DocKind, SigningKey};
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{
    Catalogue, CatalogueRef, CompartmentId, CompartmentKey, Grant, GrantBundle, GrantedCompartment, Hash32, Head,
    Manifest, ManifestSet, RootStep,
};

pub const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub const ID: CompartmentId = CompartmentId([7; 16]);
pub const DEVICE: CompartmentId = CompartmentId([0xDE; 16]);

pub fn key_of(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

pub fn trust() -> Trust {
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
pub struct Case {
    pub held: Held,
    pub head: Head,
    pub set: ManifestSet,
    pub manifest: Manifest,
    pub catalogue: Catalogue,
    pub grant: Grant,
    pub policy: Policy,
    pub keys: Vec<CompartmentKey>,
    /// Who signs: head and set and manifest, grant, policy.
    pub signers: [u8; 3],
    /// Whether the hashes are left as they are.
    pub as_named: bool,
    /// What comes beside the grant.
    pub wipe_orders: Vec<Vec<u8>>,
    /// What comes before the head.
    pub roots: Vec<RootStep>,
    /// Times that the set is asked for and is not there.
    pub gone: u32,
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
    pub fn run(mut self) -> (Outcome, Vec<&'static str>) {
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
    pub fn fault(self) -> (&'static str, &'static str) {
        let (outcome, done) = self.run();
        assert!(!done.iter().any(|d| d.starts_with("commit")), "the trust state stays: {done:?}");
        (outcome.fault.unwrap().code(), done[done.len() - 1])
    }

    /// The code with which the compartment failed; everything else went on.
    pub fn failure(self) -> &'static str {
        let (outcome, done) = self.run();
        assert_eq!(outcome.fault, None);
        assert!(done.contains(&"commit without the set") && !done.contains(&"apply"), "{done:?}");
        outcome.failed[0].1.code()
    }
}

macro_rules! case {
    (|$c:ident| $spoil:expr) => {{
        let mut $c = $crate::case::Case::default();
        $spoil;
        $c
    }};
}
