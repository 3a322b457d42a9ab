//! Patches: decoded, applied to a record and to each other, and encoded again.
#![no_main]

use beatcheck_model::{Body, Person, Record, RecordId, RecordKind, Variant, Vehicle};
use beatcheck_wire::batch::{self, Change, Context, Op};
use beatcheck_wire::patch::Patch;
use libfuzzer_sys::fuzz_target;

fn held(kind: RecordKind, id: RecordId) -> Record {
    let body = match kind {
        RecordKind::Vehicle => Body::Vehicle(Vehicle { make: "FORD".into(), ..Vehicle::default() }),
        RecordKind::Person => Body::Person(Person { summary: "somebody".into(), ..Person::default() }),
        RecordKind::Variant => Body::Variant(Variant { forms: vec!["Bob".into()] }),
    };
    let (source_key, handling) = ("key".to_owned(), "H2".to_owned());
    let (created, updated, review, expires) = (None, None, None, None);
    Record { id, version: 1, source_key, created, updated, review, expires, handling, flags: Vec::new(), body }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(&kind) = bytes.get(2).and_then(|code| RecordKind::ALL.get(usize::from(*code))) else { return };
    let context = Context { kind, source: "stolen_vehicles" };
    let Ok(changes) = batch::decode(&context, bytes) else { return };
    let patches: Vec<&Patch> =
        changes.iter().filter_map(|c| if let Op::Patch(p) = &c.op { Some(p) } else { None }).collect();
    let mut one_by_one: Option<(Record, Patch)> = None;
    for patch in patches {
        let mut record = held(kind, patch.row.range().0);
        let before = record.clone();
        patch.apply(&mut record).expect("it names the record");
        assert_eq!((record.id, record.version), (before.id, patch.version));
        let changed = Patch::diff(&before, &record).expect("of one kind");
        assert_eq!(changed & !patch.fields, 0, "no other field is touched");
        // Made anew from what came out, it does the same, and its bytes come back.
        let again = Patch { row: patch.row, ..Patch::of(&record, patch.fields) };
        assert_eq!(&again, patch);
        let change = Change { seq: 1, op: Op::Patch(again) };
        let one = batch::encode(&context, bytes[3], std::slice::from_ref(&change)).expect("it can be encoded");
        assert_eq!(batch::decode(&context, &one), Ok(vec![change]));

        // All in turn on one record, against all absorbed into the first.
        match &mut one_by_one {
            None => one_by_one = Some((record, patch.clone())),
            Some((record, all)) => {
                let later = Patch { row: all.row, ..patch.clone() };
                later.apply(record).expect("it names the record");
                all.absorb(&later);
            }
        }
    }
    if let Some((in_turn, all)) = one_by_one {
        let mut at_once = held(kind, all.row.range().0);
        all.apply(&mut at_once).expect("it names the record");
        assert_eq!(at_once, in_turn, "absorbing is applying in turn");
    }
});
