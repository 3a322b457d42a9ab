//! The alternative: what a good team would otherwise ship. The same records, as JSON, one object a line, zstd'd, over
//! HTTPS with a device certificate, into the same encrypted store with the same keys and indexes.
//!
//! It is given every kindness: an id is one string and a date of the record one word, a page is large enough for zstd to
//! learn the field names, a change is one request that needs no manifest, nothing is signed and no account goes up. What
//! it lacks is what it is held against. The store still proves its digest, as for ours: the difference is the wire.

pub(super) mod certs;
pub(super) mod client;
pub(super) mod server;

use crate::bench::step::io;
use crate::exit::Failure;
use beatcheck_model::{Body, PartialDate, Record, RecordId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Level of compression: what can be afforded once for all devices.
const LEVEL: i32 = 15;
/// Records of one page of a first sync.
pub(super) const PAGE: usize = 10_000;
/// Longest page once decompressed.
const MAX_PAGE: usize = 256 * 1024 * 1024;

/// A record as a line of JSON.
#[derive(Serialize, Deserialize)]
struct Row {
    id: String,
    version: u32,
    source_key: String,
    #[serde(with = "word")]
    created: Option<PartialDate>,
    #[serde(with = "word")]
    updated: Option<PartialDate>,
    #[serde(with = "word")]
    review: Option<PartialDate>,
    #[serde(with = "word")]
    expires: Option<PartialDate>,
    handling: String,
    flags: Vec<String>,
    body: Body,
}

/// A date as people write it in JSON.
mod word {
    use beatcheck_model::PartialDate;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(v: &Option<PartialDate>, s: S) -> Result<S::Ok, S::Error> {
        match v {
            None => s.serialize_none(),
            Some(d) => s.collect_str(d),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<PartialDate>, D::Error> {
        Option::<String>::deserialize(d)?.map(|t| t.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

fn json(e: &serde_json::Error) -> Failure {
    // Its place, not its text: that would hold a record.
    Failure::new("io", format!("a line of JSON, column {}: {:?}", e.column(), e.classify()))
}

impl Row {
    fn of(r: &Record) -> Self {
        let Record { id, version, source_key, created, updated, review, expires, handling, flags, body } = r.clone();
        Self { id: id.to_string(), version, source_key, created, updated, review, expires, handling, flags, body }
    }

    fn into_record(self) -> Result<Record, Failure> {
        let Self { id, version, source_key, created, updated, review, expires, handling, flags, body } = self;
        let id = u128::from_str_radix(&id, 16).map_err(|_| Failure::new("io", "a line of JSON has no id"))?;
        let id = RecordId(id.to_be_bytes());
        Ok(Record { id, version, source_key, created, updated, review, expires, handling, flags, body })
    }
}

/// A record as one line, with its end.
pub(super) fn line(record: &Record) -> Result<Vec<u8>, Failure> {
    let mut out = serde_json::to_vec(&Row::of(record)).map_err(|e| json(&e))?;
    out.push(b'\n');
    Ok(out)
}

/// The record that a line holds.
pub(super) fn record(line: &[u8]) -> Result<Record, Failure> {
    serde_json::from_slice::<Row>(line).map_err(|e| json(&e))?.into_record()
}

/// What changed as a JSON merge patch (RFC 7396) with the id, as one line: the kinder form of a field change.
pub(super) fn patch_line(old: &Record, new: &Record) -> Result<Vec<u8>, Failure> {
    let value = |r| serde_json::to_value(Row::of(r)).map_err(|e| json(&e));
    let (old, new) = (value(old)?, value(new)?);
    let mut patch = match merge_patch(&old, &new) {
        Some(Value::Object(patch)) => patch,
        _ => Map::new(),
    };
    patch.insert("id".to_owned(), new["id"].clone());
    let mut out = serde_json::to_vec(&patch).map_err(|e| json(&e))?;
    out.push(b'\n');
    Ok(out)
}

/// The merge patch from one value to another; none if they are the same. Lists go whole: the standard knows no other way.
fn merge_patch(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(before), Value::Object(after)) = (old, new) else { return Some(new.clone()) };
    let mut out = Map::new();
    for (key, value) in after {
        let patch = before.get(key).map_or_else(|| Some(value.clone()), |b| merge_patch(b, value));
        out.extend(patch.map(|p| (key.clone(), p)));
    }
    for gone in before.keys().filter(|k| !after.contains_key(*k)) {
        out.insert(gone.clone(), Value::Null);
    }
    Some(Value::Object(out))
}

/// Lines as they travel.
pub(super) fn pack(lines: &[u8]) -> Result<Vec<u8>, Failure> {
    zstd::bulk::compress(lines, LEVEL).map_err(io("compressing"))
}

/// Lines as they came.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let decoder = zstd::Decoder::new(bytes).map_err(io("decompressing"))?;
    std::io::Read::read_to_end(&mut std::io::Read::take(decoder, MAX_PAGE as u64), &mut out)
        .map_err(io("decompressing"))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use beatcheck_model::Vehicle;

    fn sample(colour: &str) -> Record {
        Record {
            id: RecordId([0x0a; 16]),
            version: 2,
            source_key: "V1".into(),
            created: "2024-01-02".parse().ok(),
            updated: None,
            review: None,
            expires: None,
            handling: String::new(),
            flags: vec![],
            body: Body::Vehicle(Vehicle { colour: colour.into(), vrm: Some("AB12CDE".into()), ..Vehicle::default() }),
        }
    }

    #[test]
    fn a_record_comes_back_from_its_line() {
        let lines = [line(&sample("Red")).unwrap(), line(&sample("Blue")).unwrap()].concat();
        let back: Vec<Record> = unpack(&pack(&lines).unwrap())
            .unwrap()
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| record(l).unwrap())
            .collect();
        assert_eq!(back, [sample("Red"), sample("Blue")]);
        assert!(record(b"{\"id\":\"x\"}").is_err());
    }

    #[test]
    fn a_patch_names_the_field_and_nothing_else() {
        let patch = patch_line(&sample("Red"), &sample("Blue")).unwrap();
        let expected = format!("{{\"body\":{{\"Vehicle\":{{\"colour\":\"Blue\"}}}},\"id\":\"{}\"}}\n", "0a".repeat(16));
        assert_eq!(String::from_utf8(patch).unwrap(), expected);
        let gone = merge_patch(&serde_json::json!({"a": 1, "b": [1]}), &serde_json::json!({"b": [1, 2]}));
        assert_eq!(gone, Some(serde_json::json!({"a": null, "b": [1, 2]})));
    }
}
