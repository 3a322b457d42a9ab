//! Enrolment: the code as typed, and the bodies of both ways.
#![no_main]

use beatcheck_wire::enrol::{EnrolCode, EnrolRequest, EnrolResponse, RenewRequest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(code) = EnrolCode::parse(text)
    {
        let again = EnrolCode::parse(&code.to_text()).expect("what was read can be written");
        assert!(again == code);
    }
    if let Some((secret, print)) = bytes.get(..26).map(|b| b.split_at(10)) {
        let mut code = EnrolCode { secret: [0; 10], root_fingerprint: [0; 16] };
        code.secret.copy_from_slice(secret);
        code.root_fingerprint.copy_from_slice(print);
        assert!(EnrolCode::parse(&code.to_text().to_lowercase()).is_ok_and(|c| c == code));
    }
    let _ = postcard::from_bytes::<EnrolRequest>(bytes);
    let _ = postcard::from_bytes::<EnrolResponse>(bytes);
    let _ = postcard::from_bytes::<RenewRequest>(bytes);
});
