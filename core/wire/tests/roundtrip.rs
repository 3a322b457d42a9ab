//! Every form survives its own encoding, and refuses what is not it.
#![allow(clippy::unwrap_used)]

use beatcheck_model::*;
use beatcheck_wire::batch::{self, Change, Context, Op};
use beatcheck_wire::enrol::EnrolCode;
use beatcheck_wire::envelope::{self, DocKind, SigningKey};
use beatcheck_wire::journal::{self, SealedEntry};
use beatcheck_wire::patch::{MIN_PREFIX, RowRef};
use beatcheck_wire::segment::{self, OpenAs, SealAs, Sealed};
use beatcheck_wire::{Hash32, Head, WireError};
use proptest::prelude::*;

const KEY: [u8; 32] = [7; 32];

const fn context(kind: RecordKind) -> Context<'static> {
    Context { kind, source: "list" }
}

fn seal(kind: RecordKind, dictionary: Option<&[u8]>, changes: &[Change]) -> Vec<Sealed> {
    let how = SealAs { context: context(kind), prefix: MIN_PREFIX, dictionary, key: &KEY };
    segment::seal(&how, changes, &mut || [1; 16]).unwrap()
}

fn open(kind: RecordKind, bytes: &[u8], hash: &Hash32, key: &[u8; 32]) -> Result<Vec<Change>, WireError> {
    segment::open(bytes, hash, &OpenAs { context: context(kind), dictionary: None, key })
}

fn record(n: u64) -> Record {
    let marker =
        Marker { code: "LOS".into(), text: format!("lost {n}"), since: "2024-03".parse().ok(), ..Marker::default() };
    let body = if n.is_multiple_of(2) {
        Body::Vehicle(Vehicle {
            vrm: Some(format!("AB{n:05}")),
            make: "Ford".into(),
            markers: vec![marker],
            ..Vehicle::default()
        })
    } else {
        Body::Person(Person {
            names: vec![Name { given: format!("Given{n}"), surname: "Szczęsny".into(), kind: "primary".into() }],
            dobs: vec![PartialDate::new(1984, 2, 30)],
            sex: Sex::Female,
            markers: vec![marker.clone(), marker],
            ..Person::default()
        })
    };
    Record {
        id: RecordId(Hash32::of(&n.to_le_bytes()).0[..16].try_into().unwrap()),
        version: n as u32,
        source_key: format!("k{n}"),
        created: None,
        updated: Some(PartialDate::new(2024, 1, 0)),
        review: None,
        expires: None,
        handling: String::new(),
        flags: vec![FLAG_SYNTHETIC.into()],
        body,
    }
}

fn changes(kind: RecordKind, n: u64) -> Vec<Change> {
    (0..n)
        .map(|i| {
            let r = record(i * 2 + u64::from(kind == RecordKind::Person));
            let op = if i % 5 == 4 {
                Op::Delete { row: RowRef::new(r.id, MIN_PREFIX), version: 3, at: Timestamp(1_700_000_000_000) }
            } else {
                Op::Upsert(Box::new(r))
            };
            Change { seq: 10 + i * 3, op }
        })
        .collect()
}

#[test]
fn batches_and_segments_come_back_as_they_were() {
    for kind in [RecordKind::Vehicle, RecordKind::Person] {
        for n in [0, 1, 7, 3000] {
            let c = changes(kind, n);
            let encoded = batch::encode(&context(kind), MIN_PREFIX, &c).unwrap();
            assert_eq!(batch::decode(&context(kind), &encoded).unwrap(), c);
            let back: Vec<Change> =
                seal(kind, None, &c).iter().flat_map(|s| open(kind, &s.bytes, &s.hash, &KEY).unwrap()).collect();
            assert_eq!(back, c);
        }
    }
}

#[test]
fn many_changes_fill_several_segments_none_too_large() {
    let c: Vec<Change> = (0..60_000)
        .map(|i: u64| {
            let mut r = record(i * 2);
            if let Body::Vehicle(v) = &mut r.body {
                v.vin = Hash32::of(&i.to_le_bytes()).to_string();
            }
            Change { seq: i, op: Op::Upsert(Box::new(r)) }
        })
        .collect();
    let sealed = seal(RecordKind::Vehicle, None, &c);
    assert!(sealed.len() > 3);
    assert!(sealed.iter().all(|s| s.bytes.len() <= segment::MAX_SEGMENT));
    assert_eq!(sealed.iter().map(|s| s.rows as usize).sum::<usize>(), c.len());
    for s in &sealed {
        let covered: u32 = (0..s.frames).map(|i| segment::frame_range(s.bytes.len() as u32, i).len() as u32).sum();
        assert_eq!(covered as usize, s.bytes.len());
    }
}

#[test]
fn a_flipped_byte_anywhere_is_refused() {
    let kind = RecordKind::Vehicle;
    let sealed = &seal(kind, None, &changes(kind, 40))[0];
    for i in 0..sealed.bytes.len() {
        let mut b = sealed.bytes.clone();
        b[i] ^= 1;
        assert_eq!(open(kind, &b, &sealed.hash, &KEY), Err(WireError::HashMismatch));
        // Even for who could make the hash agree, the frames do not open.
        assert!(open(kind, &b, &Hash32::of(&b), &KEY).is_err());
    }
    assert_eq!(open(kind, &sealed.bytes, &sealed.hash, &[8; 32]), Err(WireError::BadFrame));
    let cut = &sealed.bytes[..sealed.bytes.len() - 1];
    assert!(open(kind, cut, &Hash32::of(cut), &KEY).is_err());
}

#[test]
fn a_signature_holds_for_its_kind_key_and_bytes_only() {
    let key = SigningKey::from_seed(&[3; 32]).unwrap();
    let other = SigningKey::from_seed(&[4; 32]).unwrap();
    let head = Head {
        head_version: 9,
        issued: Timestamp(1),
        expires: Timestamp(2),
        set_hash: Hash32::of(b"x"),
        ask_again_s: 60,
    };
    let bytes = key.sign(DocKind::Head, &head).unwrap();
    assert!(bytes.len() <= 400, "a head is small: {}", bytes.len());
    assert_eq!(envelope::open::<Head>(DocKind::Head, &bytes, &[key.verify_key()]).unwrap(), head);
    assert_eq!(
        envelope::open::<Head>(DocKind::Head, &bytes, &[other.verify_key()]),
        Err(WireError::BadSignature("head"))
    );
    assert_eq!(
        envelope::open::<Head>(DocKind::Manifest, &bytes, &[key.verify_key()]),
        Err(WireError::WrongKind("manifest"))
    );
    for i in 0..bytes.len() {
        let mut b = bytes.clone();
        b[i] ^= 0x40;
        assert!(envelope::open::<Head>(DocKind::Head, &b, &[key.verify_key()]).is_err(), "byte {i}");
    }
    let mut newer = bytes.clone();
    newer[3] = 2;
    assert!(matches!(
        envelope::open::<Head>(DocKind::Head, &newer, &[key.verify_key()]),
        Err(WireError::UnknownVersion { found: 2, .. })
    ));
}

#[test]
fn codes_can_be_read_aloud() {
    let code = EnrolCode { secret: [0xA5; 16], root_fingerprint: [0x3C; 16] };
    let text = code.to_text();
    assert_eq!(text.len(), 52 + 8);
    assert!(EnrolCode::parse(&text).unwrap() == code);
    assert!(EnrolCode::parse(&text.to_lowercase().replace('-', " ")).unwrap() == code);
    assert!(EnrolCode::parse(&text[..50]).is_err());
    assert!(EnrolCode::parse(&format!("{text}0")).is_err());
    assert!(EnrolCode::parse("").is_err());
}

#[test]
fn the_chain_shows_a_removed_or_altered_entry() {
    let start = (0, journal::genesis(beatcheck_wire::CompartmentId([1; 16])));
    let mut last = start;
    let mut entries = Vec::new();
    for seq in 1..=5 {
        let sealed = vec![seq as u8; 20];
        let hash = journal::link(&last.1, seq, &sealed);
        last = (seq, hash);
        entries.push(SealedEntry { seq, hash, sealed });
    }
    assert_eq!(journal::verify_chain(start, &entries), Ok(last));
    let mut gone = entries.clone();
    gone.remove(2);
    assert_eq!(journal::verify_chain(start, &gone), Err(journal::ChainError::Gap { expected: 3, found: 4 }));
    entries[3].sealed[0] ^= 1;
    assert_eq!(journal::verify_chain(start, &entries), Err(journal::ChainError::Broken(4)));
}

proptest! {
    #[test]
    fn decoders_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let kind = RecordKind::Vehicle;
        let _ = batch::decode(&context(kind), &bytes);
        let mut with_head = vec![2, 1, 0, 4];
        with_head.extend_from_slice(&bytes);
        let _ = batch::decode(&context(kind), &with_head);
        let _ = open(kind, &bytes, &Hash32::of(&bytes), &[0; 32]);
        let _ = beatcheck_wire::digest::from_canonical(&bytes);
        let _ = beatcheck_wire::policy::Policy::from_canonical(&bytes);
        let _ = EnrolCode::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_damaged_batch_never_panics(at in 0_usize..4000, bit in 0_u8..8) {
        let context = context(RecordKind::Person);
        let mut b = batch::encode(&context, MIN_PREFIX, &changes(RecordKind::Person, 40)).unwrap();
        let n = b.len();
        b[at % n] ^= 1 << bit;
        let _ = batch::decode(&context, &b);
    }
}
