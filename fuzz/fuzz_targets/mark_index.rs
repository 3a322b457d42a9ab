//! Mark indexes: as they come, and the input as marks.
#![no_main]

use beatcheck_wire::mark_index::{MAX_MARK, MAX_MARKS, MarkIndex};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = MarkIndex::decode(bytes) {
        assert!(index.len() <= MAX_MARKS && index.len() <= bytes.len() * 8, "a mark takes a bit at least");
        let again = MarkIndex::decode(&index.encode());
        assert_eq!(again.as_ref(), Ok(&index), "what was decoded comes back");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let marks: BTreeSet<&str> = text.split('\n').filter(|m| (1..=MAX_MARK).contains(&m.len())).collect();
    let index = MarkIndex::of(text.split('\n'));
    assert_eq!(index.len(), marks.len());
    assert!(marks.iter().all(|m| index.contains(m)), "what is listed is found");
    assert_eq!(MarkIndex::decode(&index.encode()), Ok(index));
});
