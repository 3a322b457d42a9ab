//! One of each form, byte for byte, in `golden/`; and forms that must be refused, each beside its error, in
//! `golden/invalid/`.
//!
//! A change that breaks one of these changes the protocol: `docs/protocol.md` says what that asks for. Where it is
//! meant, `BEATCHECK_BLESS=1 cargo test -p beatcheck-wire --test golden` writes the files anew.
//!
//! Segments are compared by what is in them, not by their bytes: another version of zstd may compress better, and
//! what devices depend on is that the file in the repository opens, and to what. The batch inside is compared by bytes.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "golden_samples/mod.rs"]
mod samples;

use beatcheck_model::RecordKind;
use beatcheck_wire::catch_up::{CatchUpAnswer, CatchUpRequest};
use beatcheck_wire::enrol::{
    EnrolCode, EnrolRequest, EnrolResponse, LoginNonce, RenewRequest, ShiftRequest, ShiftStarted,
};
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::journal::{self, JournalAck, JournalBatch, JournalUpload, SealedEntry};
use beatcheck_wire::mark_index::MarkIndex;
use beatcheck_wire::policy::Policy;
use beatcheck_wire::ranges::{RowsAnswer, RowsRequest, SumsAnswer, SumsRequest};
use beatcheck_wire::segment::{self, Content, OpenAs, SealAs};
use beatcheck_wire::{
    Catalogue, Grant, GrantBundle, Hash32, Head, Manifest, ManifestSet, Root, RootStep, WipeOrder, WireError, batch,
    digest,
};
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn bless() -> bool {
    std::env::var_os("BEATCHECK_BLESS").is_some_and(|v| v == "1")
}

/// The golden's bytes, which are `made` unless they are only held to mean the same.
fn golden(name: &str, made: &[u8], exact: bool) -> Vec<u8> {
    let file = path(&format!("{name}.bin"));
    if bless() {
        std::fs::create_dir_all(path("invalid")).unwrap();
        std::fs::write(&file, made).unwrap();
    }
    let kept = std::fs::read(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
    let differs = kept.iter().zip(made).position(|(a, b)| a != b);
    assert!(!exact || kept == made, "{name} is made otherwise than it was, from byte {differs:?} on");
    let text = path(&format!("{name}.txt"));
    assert!(std::fs::read_to_string(&text).is_ok_and(|t| t.len() > 40), "{name}.txt must say what the golden is");
    kept
}

fn postcard_form<T>(name: &str, value: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let kept = golden(name, &postcard::to_allocvec(value).unwrap(), true);
    assert_eq!(postcard::from_bytes::<T>(&kept).as_ref(), Ok(value), "{name}");
}

fn signed<T>(name: &str, kind: DocKind, seed: u8, value: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let key = samples::key(seed);
    let kept = golden(name, &key.sign(kind, value).unwrap(), true);
    assert_eq!(envelope::open::<T>(kind, &kept, &[key.verify_key()]).as_ref(), Ok(value), "{name}");
}

#[test]
fn signed_documents() {
    signed::<Root>("root", DocKind::Root, 1, &samples::root());
    signed::<Head>("head", DocKind::Head, 2, &samples::head());
    signed::<ManifestSet>("manifest_set", DocKind::ManifestSet, 2, &samples::manifest_set());
    signed::<Manifest>("manifest", DocKind::Manifest, 2, &samples::manifest());
    samples::manifest().validate().unwrap();
    signed::<Grant>("grant", DocKind::Grant, 3, &samples::grant());
    signed::<WipeOrder>("wipe_order", DocKind::WipeOrder, 5, &samples::wipe_order());
    postcard_form::<RootStep>("root_step", &samples::root_step());

    let (key, policy) = (samples::key(4), samples::policy());
    let kept = golden("policy", &key.sign_bytes(DocKind::Policy, &policy.to_canonical().unwrap()), true);
    let payload = envelope::open_bytes(DocKind::Policy, &kept, &[key.verify_key()]).unwrap();
    assert_eq!(Policy::from_canonical(payload), Ok(policy));
    postcard_form::<GrantBundle>("grant_bundle", &samples::grant_bundle());
}

#[test]
fn a_head_is_read_by_its_fields_and_what_is_appended_is_ignored() {
    let (key, head) = (samples::key(2), samples::head());
    let mut payload = postcard::to_allocvec(&head).unwrap();
    payload.extend_from_slice(&[1, 2, 3]);
    let newer = key.sign_bytes(DocKind::Head, &payload);
    assert_eq!(envelope::open::<Head>(DocKind::Head, &newer, &[key.verify_key()]), Ok(head));
    // Bytes that are not under the signature are no part of the document.
    let mut longer = golden("head", &key.sign(DocKind::Head, &samples::head()).unwrap(), true);
    longer.push(0);
    let bad = Err(WireError::BadSignature("head"));
    assert_eq!(envelope::open::<Head>(DocKind::Head, &longer, &[key.verify_key()]), bad);
}

const fn open_as<'a>(kind: RecordKind, dictionary: Option<&'a [u8]>, key: &'a [u8; 32]) -> OpenAs<'a> {
    OpenAs { context: samples::context(kind), dictionary, key }
}

#[test]
fn batches_segments_and_records() {
    for (name, kind, changes, salt) in samples::batches() {
        let context = samples::context(kind);
        let made = batch::encode(&context, samples::PREFIX, &changes).unwrap();
        let kept = golden(&format!("{name}_batch"), &made, true);
        assert_eq!(batch::decode(&context, &kept).as_ref(), Ok(&changes), "{name}");

        for (form, dictionary) in [("segment", None), ("segment_with_dictionary", Some(samples::DICTIONARY))] {
            let how = SealAs { context, prefix: samples::PREFIX, dictionary, key: &samples::COMPARTMENT_KEY };
            let sealed = segment::seal(&how, &changes, &mut || salt).unwrap();
            assert_eq!(sealed.len(), 1);
            let kept = golden(&format!("{name}_{form}"), &sealed[0].bytes, false);
            assert_eq!(kept[..segment::HEADER], sealed[0].bytes[..segment::HEADER], "{name}: the header");
            let open = |dictionary, key| segment::open(&kept, &Hash32::of(&kept), &open_as(kind, dictionary, key));
            assert_eq!(open(dictionary, &samples::COMPARTMENT_KEY).as_ref(), Ok(&changes));
            assert_eq!(open(dictionary, &[0; 32]), Err(WireError::BadFrame));
            // A dictionary is there or not; only who was promised one misses it.
            let without = open(None, &samples::COMPARTMENT_KEY);
            let missing = Err(WireError::WrongKind("batch whose dictionary is here"));
            assert_eq!(without, if dictionary.is_some() { missing } else { Ok(changes.clone()) });
        }
    }
    for (name, record) in samples::records() {
        let kept = golden(&format!("{name}_record"), &digest::canonical(&record).unwrap(), true);
        assert_eq!(digest::from_canonical(&kept).as_ref(), Ok(&record), "{name}");
    }
}

#[test]
fn dictionary_mark_index_and_catalogue() {
    let index = samples::mark_index();
    let kept = golden("mark_index", &index.encode(), true);
    assert_eq!(MarkIndex::decode(&kept).as_ref(), Ok(&index));
    let of_bytes = [
        ("dictionary_segment", Content::Dictionary, samples::DICTIONARY, [0x54; 16]),
        ("mark_index_segment", Content::MarkIndex, &kept, [0x55; 16]),
    ];
    for (name, content, bytes, salt) in of_bytes {
        let sealed = segment::seal_bytes(content, bytes, 0, &samples::COMPARTMENT_KEY, &mut || salt).unwrap();
        assert_eq!(sealed.len(), 1);
        let kept = golden(name, &sealed[0].bytes, false);
        assert_eq!(kept[..segment::HEADER], sealed[0].bytes[..segment::HEADER], "{name}: the header");
        let open = |expect| segment::open_bytes(expect, &kept, &Hash32::of(&kept), &samples::COMPARTMENT_KEY);
        assert_eq!(open(content).as_deref(), Ok(bytes), "{name}");
        assert_eq!(open(Content::Batch), Err(WireError::WrongKind("segment of this content")));
    }
    let catalogue = samples::catalogue();
    let kept = golden("catalogue", &catalogue.encode().unwrap(), true);
    assert_eq!(Catalogue::decode(&kept, &samples::manifest()).as_ref(), Ok(&catalogue));
}

#[test]
fn what_is_appended_to_a_manifest_a_catalogue_or_a_question_is_ignored() {
    let (key, manifest, catalogue) = (samples::key(2), samples::manifest(), samples::catalogue());
    let appended = |mut bytes: Vec<u8>| {
        bytes.extend_from_slice(&[1, 2, 3]);
        bytes
    };
    let newer = appended(catalogue.encode().unwrap());
    let mut naming = manifest.clone();
    naming.catalogue.hash = Hash32::of(&newer);
    assert_eq!(Catalogue::decode(&newer, &naming), Ok(catalogue));
    let newer = key.sign_bytes(DocKind::Manifest, &appended(postcard::to_allocvec(&manifest).unwrap()));
    assert_eq!(envelope::open::<Manifest>(DocKind::Manifest, &newer, &[key.verify_key()]), Ok(manifest));
    let question = samples::catch_up_request();
    assert_eq!(postcard::from_bytes(&appended(postcard::to_allocvec(&question).unwrap())), Ok(question));
    let answer = samples::catch_up_answer();
    assert_eq!(postcard::from_bytes(&appended(postcard::to_allocvec(&answer).unwrap())), Ok(answer));
}

#[test]
fn catching_up_and_repair() {
    postcard_form::<CatchUpRequest>("catch_up_request", &samples::catch_up_request());
    postcard_form::<CatchUpAnswer>("catch_up_answer", &samples::catch_up_answer());
    postcard_form::<SumsRequest>("sums_request", &samples::sums_request());
    postcard_form::<SumsAnswer>("sums_answer", &samples::sums_answer());
    postcard_form::<RowsRequest>("rows_request", &samples::rows_request());
    postcard_form::<RowsAnswer>("rows_answer", &samples::rows_answer());
}

#[test]
fn the_digest_of_known_rows() {
    let mut d = digest::RowDigest::default();
    samples::records().iter().for_each(|(_, r)| d.add(&digest::canonical(r).unwrap()));
    golden("row_digest", &d.finish().0, true);
    let state = golden("row_digest_state", &d.to_bytes(), true);
    assert_eq!(digest::RowDigest::from_bytes(&state).unwrap().finish(), d.finish());
}

#[test]
fn the_journal() {
    let batch = samples::journal_batch();
    let start = (0, journal::genesis(samples::DEVICE));
    assert_eq!(batch.previous, start.1);
    assert!(journal::verify_chain(start, &batch.entries).is_ok());
    postcard_form::<SealedEntry>("journal_entry", &batch.entries[0]);
    postcard_form::<JournalBatch>("journal_batch", &batch);
    postcard_form::<JournalUpload>("journal_upload", &samples::journal_upload());
    postcard_form::<JournalAck>("journal_ack", &JournalAck { acked: 300 });
}

#[test]
fn enrolment() {
    let code = samples::enrol_code();
    let kept = golden("enrol_code", code.to_text().as_bytes(), true);
    assert!(EnrolCode::parse(std::str::from_utf8(&kept).unwrap()).is_ok_and(|c| c == code));
    postcard_form::<EnrolRequest>("enrol_request", &samples::enrol_request());
    postcard_form::<EnrolResponse>("enrol_response", &samples::enrol_response());
    postcard_form::<LoginNonce>("login_nonce", &LoginNonce { nonce: "0d".repeat(16) });
    postcard_form::<ShiftRequest>("shift_request", &ShiftRequest { id_token: "a.b.c".into() });
    postcard_form::<ShiftStarted>("shift_started", &samples::shift_started());
    postcard_form::<RenewRequest>("renew_request", &RenewRequest { csr: vec![0x30; 8] });
}

#[test]
fn the_examples_in_the_documentation_are_the_goldens() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    let page = std::fs::read_to_string(page).unwrap();
    let examples = [
        ("### A head, byte by byte", "head", samples::key(2).sign(DocKind::Head, &samples::head()).unwrap()),
        ("### A mark index, byte by byte", "mark_index", samples::mark_index().encode()),
    ];
    for (heading, name, made) in examples {
        let dump = page.split(heading).nth(1).unwrap().split("```").nth(1).unwrap();
        let mut shown = Vec::new();
        for line in dump.lines().filter_map(|l| l.split_once("  ")) {
            assert_eq!(usize::from_str_radix(line.0, 16), Ok(shown.len()), "{line:?}");
            // Two spaces end the bytes of a line; the words after them are no bytes.
            let hex = line.1.split("  ").next().unwrap().split(' ');
            shown.extend(hex.map(|b| u8::from_str_radix(b, 16).unwrap()));
        }
        assert_eq!(shown, golden(name, &made, true), "{name}");
    }
}

/// Decodes what a file in `invalid/` claims to be: the first part of its name says what that is.
fn refuse(name: &str, bytes: &[u8]) -> Result<(), WireError> {
    let publish = [samples::key(2).verify_key()];
    match name.split('-').next().unwrap() {
        "head" => envelope::open::<Head>(DocKind::Head, bytes, &publish).map(drop),
        "manifest" => envelope::open::<Manifest>(DocKind::Manifest, bytes, &publish)?.validate(),
        "policy" => Policy::from_canonical(bytes).map(drop),
        "catalogue" => {
            let mut manifest = samples::manifest();
            if !name.ends_with("another_hash") {
                manifest.catalogue.hash = Hash32::of(bytes);
            }
            Catalogue::decode(bytes, &manifest).map(drop)
        }
        "segment" => {
            let how = open_as(RecordKind::Vehicle, None, &samples::COMPARTMENT_KEY);
            segment::open(bytes, &Hash32::of(bytes), &how).map(drop)
        }
        "index" => MarkIndex::decode(bytes).map(drop),
        "batch" => {
            let kind = if name == "batch-id_from_no_key" { RecordKind::Variant } else { RecordKind::Vehicle };
            batch::decode(&samples::context(kind), bytes).map(drop)
        }
        "record" => digest::from_canonical(bytes).map(drop),
        "code" => EnrolCode::parse(&String::from_utf8_lossy(bytes)).map(drop),
        other => panic!("no decoder for '{other}'"),
    }
}

#[test]
fn invalid_forms_are_refused_with_their_errors() {
    if bless() {
        std::fs::create_dir_all(path("invalid")).unwrap();
        for (name, bytes) in samples::invalid() {
            let error = refuse(name, &bytes).expect_err(name);
            std::fs::write(path(&format!("invalid/{name}.bin")), bytes).unwrap();
            std::fs::write(path(&format!("invalid/{name}.txt")), format!("{error}\n")).unwrap();
        }
    }
    let mut seen = 0;
    for entry in std::fs::read_dir(path("invalid")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|e| e != "bin") {
            continue;
        }
        let name = file.file_stem().unwrap().to_str().unwrap();
        let expected = std::fs::read_to_string(file.with_extension("txt")).unwrap();
        let error = refuse(name, &std::fs::read(&file).unwrap()).expect_err(name);
        assert_eq!(format!("{error}\n"), expected, "{name}");
        seen += 1;
    }
    assert_eq!(seen, samples::invalid().len(), "each sample is in the repository, and none is left over");
}
