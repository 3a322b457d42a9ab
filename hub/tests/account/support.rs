//! A hub with devices that account straight into its database, as the receiving route would have written it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use crate::serve_common::{START, time};
use beatcheck_audit::{Asked, AuditKeyPair, Entry, EntryKind, seal};
use beatcheck_audit::{Consulted, Shown};
use beatcheck_hub::{FixedClock, Hub, IngestOptions, InitOptions, Look, Noted};
use beatcheck_model::{Outcome, Query, Timestamp, VehicleQuery};
use beatcheck_wire::journal::{genesis, link};
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::sync::Arc;

pub struct World {
    pub dir: tempfile::TempDir,
    pub hub: Hub,
    pub clock: Arc<FixedClock>,
    audit: [u8; 32],
    ends: HashMap<DeviceId, (u64, [u8; 32], String)>,
}

pub fn look<'a>(account: &'a str, officer: &'a str) -> Look<'a> {
    Look { account, role: "auditor", officer, action: "search", subject: "everything", reason: "dip sample" }
}

pub fn check(reference: &str, purpose: &str, vrm: &str) -> EntryKind {
    let query = VehicleQuery { vrm: Some(vrm.into()), ..VehicleQuery::default() };
    EntryKind::Check {
        reference: reference.into(),
        purpose: purpose.into(),
        asked: Asked::Query(Box::new(Query::Vehicle(query))),
        outcome: Outcome::NoTrace,
        error: None,
        reason: None,
        incident: None,
        unusual: vec![],
        break_glass: false,
        shown: vec![],
        consulted: vec![],
    }
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(time(START)));
        let data = dir.path().join("hub");
        let hub = Hub::init(&data, &InitOptions { names: vec![] }, clock.clone()).unwrap();
        let seed = std::fs::read_to_string(data.join("keys/audit.key")).unwrap();
        let seed: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&seed.trim()[2 * i..2 * i + 2], 16).unwrap()).collect();
        let audit = AuditKeyPair::from_seed(&seed.try_into().unwrap()).public();
        Self { dir, hub, clock, audit, ends: HashMap::new() }
    }

    /// The hub's database, as somebody with its key has it.
    pub fn db(&self) -> Connection {
        let key = std::fs::read_to_string(self.hub.dir().join("keys/db.key")).unwrap();
        let conn = Connection::open(self.hub.dir().join("hub.db")).unwrap();
        conn.pragma_update(None, "key", format!("x'{}'", key.trim())).unwrap();
        conn
    }

    pub fn device(&mut self, officer: &str) -> DeviceId {
        let id = CompartmentId([u8::try_from(self.ends.len() + 1).unwrap(); 16]);
        self.db()
            .execute(
                "INSERT INTO device (id, officer, role, vault, attestation, app_version, receipt_key, tls_key, enrolled, chain)
                 VALUES (?1, ?2, 'patrol', 'desk', x'', 'test', x'', x'', ?3, ?4)",
                params![id.0, officer, self.hub.now().0, genesis(id)],
            )
            .unwrap();
        self.ends.insert(id, (0, genesis(id), officer.into()));
        id
    }

    /// Writes an entry as it would have come, at the hub's time.
    pub fn account(&mut self, device: DeviceId, kind: EntryKind) -> u64 {
        self.account_at(device, self.hub.now(), None, kind)
    }

    pub fn account_at(
        &mut self,
        device: DeviceId,
        at: Timestamp,
        not_before: Option<Timestamp>,
        kind: EntryKind,
    ) -> u64 {
        let (seq, previous, officer) = self.ends[&device].clone();
        let entry = Entry {
            format: 1,
            at,
            not_before,
            officer: officer.clone(),
            role: "patrol".into(),
            policy_version: 1,
            grant_version: 1,
            kind,
        };
        let seq = seq + 1;
        let rng = ring::rand::SystemRandom::new();
        let mut random = |b: &mut [u8]| ring::rand::SecureRandom::fill(&rng, b).unwrap();
        let sealed = seal(&entry, &self.audit, device, seq, &mut random).unwrap();
        let hash = link(&previous, seq, &sealed);
        let db = self.db();
        db.execute(
            "INSERT INTO journal (device, seq, hash, sealed, received) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![device.0, seq, hash, sealed, self.hub.now().0],
        )
        .unwrap();
        db.execute("UPDATE device SET acked_seq = ?2, chain = ?3 WHERE id = ?1", params![device.0, seq, hash]).unwrap();
        self.ends.insert(device, (seq, hash, officer));
        seq
    }

    pub fn noted(&self, account: &str, officer: &str) -> Noted {
        self.hub.note_look(&look(account, officer)).unwrap()
    }

    pub fn wait(&self, seconds: i64) {
        self.clock.set(self.hub.now().plus_secs(seconds));
    }

    /// A list of stolen vehicles: mark and make.
    pub fn ingest(&self, rows: &str) {
        let (mapping, extract) = (self.dir.path().join("m.toml"), self.dir.path().join("e.csv"));
        let text = "format = 1\n[source]\nname = 'stolen'\nkind = 'vehicle'\ncompartment = 'stolen'\noffline_allowed = true\n\
                    title = 'Test list'\nkey = ['vrm']\n[fields]\nvrm = 'vrm'\nmake = 'make'\n";
        std::fs::write(&mapping, text).unwrap();
        std::fs::write(&extract, format!("vrm,make\n{rows}")).unwrap();
        let options = IngestOptions { mapping: &mapping, extract: &extract, as_of: Some(self.hub.now()), force: true };
        self.hub.ingest(&options, &mut |_| {}).unwrap();
        self.hub.publish(&mut |_| {}).unwrap();
    }

    /// What an answer that shows the whole list would say of it.
    pub fn shown(&self) -> (Vec<Shown>, Vec<Consulted>) {
        let c = self.hub.compartments().unwrap().remove(0);
        let mut shown = Vec::new();
        self.hub
            .records_at(&c.name, 0, c.watermark, &mut |r| {
                let (id, compartment) = (r.id.to_string(), c.id.to_string());
                shown.push(Shown { compartment, id, version: r.version, outcome: Outcome::Hit });
                Ok(())
            })
            .unwrap();
        let consulted = Consulted {
            compartment: c.id.to_string(),
            name: c.name,
            watermark: c.watermark,
            manifest_version: c.manifest_version,
            state: "current".into(),
        };
        (shown, vec![consulted])
    }
}

/// The same check with what it showed.
pub fn showing(kind: EntryKind, what: &(Vec<Shown>, Vec<Consulted>)) -> EntryKind {
    match kind {
        EntryKind::Check { reference, purpose, asked, error, reason, incident, unusual, break_glass, .. } => {
            EntryKind::Check {
                reference,
                purpose,
                asked,
                outcome: Outcome::Hit,
                error,
                reason,
                incident,
                unusual,
                break_glass,
                shown: what.0.clone(),
                consulted: what.1.clone(),
            }
        }
        other => other,
    }
}
