//! Forms that must be refused.

use super::*;
use beatcheck_wire::segment::{self, Content, SealAs};
use beatcheck_wire::{batch, digest};

fn with(bytes: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut b = bytes.to_vec();
    b[at] = value;
    b
}

fn cut(bytes: &[u8], n: usize) -> Vec<u8> {
    bytes[..bytes.len() - n].to_vec()
}

fn altered_manifest(alter: impl Fn(&mut Manifest)) -> Vec<u8> {
    let mut m = manifest();
    alter(&mut m);
    key(2).sign(DocKind::Manifest, &m).unwrap()
}

fn altered_catalogue(alter: impl Fn(&mut Catalogue)) -> Vec<u8> {
    let mut c = catalogue();
    alter(&mut c);
    c.encode().unwrap()
}

/// Name and bytes: the first part of a name says what it claims to be.
pub(crate) fn invalid() -> Vec<(&'static str, Vec<u8>)> {
    [documents(), segments(), batches_and_records(), indexes(), codes()].concat()
}

fn documents() -> Vec<(&'static str, Vec<u8>)> {
    let publish = key(2);
    let signed = publish.sign(DocKind::Head, &head()).unwrap();
    let policy = policy().to_canonical().unwrap();
    let newer_policy = String::from_utf8(policy.clone()).unwrap().replace("\"format\":1", "\"format\":2");
    vec![
        ("head-empty", Vec::new()),
        ("head-cut_in_signature", signed[..70].to_vec()),
        ("head-is_a_manifest", publish.sign(DocKind::Manifest, &manifest()).unwrap()),
        ("head-newer_version", with(&signed, 3, 2)),
        ("head-unknown_key", key(9).sign(DocKind::Head, &head()).unwrap()),
        ("head-altered", with(&signed, signed.len() - 1, 0)),
        ("head-signed_but_short", publish.sign_bytes(DocKind::Head, &[1, 2])),
        ("manifest-version_1", include_bytes!("../golden/invalid/manifest-version_1.bin").to_vec()),
        ("manifest-newer_version", with(&publish.sign(DocKind::Manifest, &manifest()).unwrap(), 3, 3)),
        ("manifest-gap_between_deltas", altered_manifest(|m| m.recent[1].from = 5101)),
        ("manifest-recent_ends_before_the_watermark", altered_manifest(|m| m.watermark = 5201)),
        ("manifest-step_back", altered_manifest(|m| m.recent[0].from = 5100)),
        (
            "manifest-too_many_recent",
            altered_manifest(|m| {
                m.recent = (5191..5200).map(|w| Delta { from: w, to: w + 1, segments: Vec::new() }).collect();
            }),
        ),
        ("manifest-dictionary_without_frames", altered_manifest(|m| m.dictionary.as_mut().unwrap().frames = 0)),
        ("catalogue-another_hash", altered_catalogue(|c| c.snapshot.watermark = 4001)),
        ("catalogue-cut", cut(&catalogue().encode().unwrap(), 1)),
        ("catalogue-step_back", altered_catalogue(|c| c.deltas[2].to = c.deltas[2].from)),
        ("catalogue-step_beyond_the_watermark", altered_catalogue(|c| c.deltas[3].to = 5201)),
        (
            "catalogue-no_way_from_the_snapshot",
            altered_catalogue(|c| {
                c.deltas.truncate(1);
                c.snapshot.watermark = 2999;
            }),
        ),
        ("catalogue-segment_over_its_limit", altered_catalogue(|c| c.index[0].bytes = 262_145)),
        ("catalogue-too_many_deltas", altered_catalogue(|c| c.deltas = vec![c.deltas[0].clone(); 97])),
        ("policy-newer_format", newer_policy.into_bytes()),
        ("policy-cut", cut(&policy, 1)),
    ]
}

fn segments() -> Vec<(&'static str, Vec<u8>)> {
    let (_, kind, changes, salt) = batches()[0].clone();
    let how = SealAs { context: context(kind), prefix: PREFIX, dictionary: None, key: &COMPARTMENT_KEY };
    let sealed = segment::seal(&how, &changes, &mut || salt).unwrap().remove(0).bytes;
    let dictionary =
        segment::seal_bytes(Content::Dictionary, DICTIONARY, 0, &COMPARTMENT_KEY, &mut || salt).unwrap().remove(0);
    vec![
        ("segment-empty", Vec::new()),
        ("segment-not_one", with(&sealed, 0, b'X')),
        ("segment-version_1", include_bytes!("../golden/invalid/segment-version_1.bin").to_vec()),
        ("segment-newer_version", with(&sealed, 4, 3)),
        ("segment-another_salt", with(&sealed, 5, 0)),
        ("segment-frame_missing", with(&sealed, 21, 2)),
        ("segment-altered", with(&sealed, 40, sealed[40] ^ 1)),
        ("segment-cut", cut(&sealed, 1)),
        ("segment-is_a_dictionary", dictionary.bytes),
    ]
}

fn batches_and_records() -> Vec<(&'static str, Vec<u8>)> {
    let (_, kind, changes, _) = batches()[0].clone();
    let batch = batch::encode(&context(kind), PREFIX, &changes).unwrap();
    let record = digest::canonical(&vehicle(1)).unwrap();
    // A batch of one patch of no field: head, n 1, u 0, p 1, op 2, sequence 1, version 1, row, fields.
    let patch = |fields: &[u8]| [&[2, 1, 0, 4, 1, 0, 1, 2, 1, 1, 7, 7, 7, 7], fields].concat();
    // A batch of one upsert of nothing whose id is to follow from no key.
    let nothing = [&[2, 1, 2, 4, 1, 1, 0, 0, 1, 1, 1][..], &[0; 7], &[0]].concat();
    vec![
        ("batch-empty", Vec::new()),
        ("batch-version_1", include_bytes!("../golden/invalid/batch-version_1.bin").to_vec()),
        ("batch-newer_version", with(&batch, 0, 3)),
        ("batch-newer_schema", with(&batch, 1, 2)),
        ("batch-unknown_kind", with(&batch, 2, 3)),
        ("batch-another_kind", with(&batch, 2, 1)),
        ("batch-prefix_of_3", with(&batch, 3, 3)),
        ("batch-prefix_of_17", with(&batch, 3, 17)),
        ("batch-more_upserts_than_changes", with(&batch, 5, 6)),
        ("batch-more_patches_than_changes", with(&batch, 6, 4)),
        ("batch-one_upsert_is_called_a_deletion", with(&batch, 7, 1)),
        ("batch-unknown_change", with(&batch, 7, 7)),
        ("batch-field_of_no_vehicle", patch(&[0x80, 0x80, 0x10])),
        ("batch-id_from_no_key", nothing),
        ("batch-cut", cut(&batch, 1)),
        ("batch-too_long", [batch.clone(), vec![0]].concat()),
        ("batch-endless_varint", [&batch[..4], &[0xFF; 11]].concat()),
        ("batch-varint_beyond_64_bits", [&batch[..4], &[0xFF; 9], &[2]].concat()),
        ("record-empty", Vec::new()),
        ("record-newer_schema", with(&record, 0, 2)),
        ("record-cut", cut(&record, 1)),
        ("record-too_long", [record.clone(), vec![0]].concat()),
    ]
}

fn indexes() -> Vec<(&'static str, Vec<u8>)> {
    let index = mark_index().encode();
    // One shape of one digit: `1` mark, k 0, one byte of bits.
    let digit = |bits: u8| vec![1, 1, 1, 0, 0, 1, 0, 1, bits, 0];
    vec![
        ("index-empty", Vec::new()),
        ("index-newer_version", with(&index, 0, 2)),
        ("index-cut", cut(&index, 1)),
        ("index-too_long", [index.clone(), vec![0]].concat()),
        ("index-absurd_number_of_shapes", [&[1][..], &[0xFF; 9], &[1]].concat()),
        ("index-absurd_number_of_marks", [&[1, 1, 2, 1, 0][..], &[0xFF; 9], &[1], &[0, 1, 0]].concat()),
        ("index-more_marks_than_bits", vec![1, 1, 2, 1, 0, 9, 0, 1, 0, 0]),
        ("index-absurd_number_written_out", [&[1, 0][..], &[0xFF; 9], &[1]].concat()),
        ("index-shape_of_no_character", vec![1, 1, 0, 0, 0, 1, 0, 1, 0, 0]),
        ("index-letter_beyond_the_length", vec![1, 1, 1, 2, 0, 1, 0, 1, 0, 0]),
        ("index-shape_twice", vec![1, 2, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0]),
        ("index-shape_without_marks", vec![1, 1, 1, 0, 0, 0, 0, 0, 0]),
        // Ten digits there are: nine ones lead to 9, ten beyond.
        ("index-number_beyond_its_shape", vec![1, 1, 1, 0, 0, 1, 0, 2, 0xFF, 0x03, 0]),
        ("index-no_end_of_ones", digit(0xFF)),
        ("index-bits_after_the_last_step", digit(0b10)),
        ("index-byte_after_the_last_step", vec![1, 1, 1, 0, 0, 1, 0, 2, 0, 0, 0]),
        ("index-parameter_of_53", vec![1, 1, 1, 0, 0, 1, 53, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("index-written_out_twice", vec![1, 0, 2, 1, b'7', 1, b'7']),
        ("index-written_out_falling", vec![1, 0, 2, 1, b'8', 1, b'7']),
        ("index-written_out_though_of_a_shape", vec![1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, b'7']),
        ("index-written_out_empty", vec![1, 0, 1, 0]),
        ("index-written_out_of_33_characters", [&[1, 0, 1, 33][..], &[b'A'; 33]].concat()),
        ("index-written_out_no_text", vec![1, 0, 1, 1, 0xFF]),
    ]
}

fn codes() -> Vec<(&'static str, Vec<u8>)> {
    let text = enrol_code().to_text();
    vec![
        ("code-letter_u", text.replacen(|c: char| c.is_ascii_alphanumeric(), "U", 1).into_bytes()),
        ("code-short", text.as_bytes()[..47].to_vec()),
        ("code-long", format!("{text}0").into_bytes()),
        ("code-nonzero_padding", format!("{}1", &text[..47]).into_bytes()),
    ]
}
