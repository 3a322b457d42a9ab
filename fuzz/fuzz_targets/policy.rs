//! Policies: JSON written by people.
#![no_main]

use beatcheck_wire::policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(policy) = Policy::from_canonical(bytes) else { return };
    let again = policy.to_canonical().expect("what was decoded can be encoded");
    assert_eq!(Policy::from_canonical(&again).as_ref(), Ok(&policy));
});
