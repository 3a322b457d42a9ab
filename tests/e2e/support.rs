//! A hub on loopback in a thread of its own, extracts made of a few cells, and devices enrolled with it.

use beatcheck::{Answer, EnrolOptions, SyncReport, VehicleQuery};
use beatcheck_client as client;
use beatcheck_hub::{Clock, Hub, IngestOptions, IngestReport, InitOptions, ServeOptions, Server, SystemClock};
use beatcheck_model::Timestamp;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub const PURPOSE: &str = "traffic_stop";

/// A hub in a directory, and whether it is being served.
pub struct TestHub {
    pub dir: tempfile::TempDir,
    pub hub: Hub,
    pub addr: SocketAddr,
    /// Connections that it takes, from the next time that it is served.
    pub connections: Option<usize>,
    running: Option<(tokio::sync::oneshot::Sender<()>, std::thread::JoinHandle<()>)>,
}

impl TestHub {
    pub fn start() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let hub = Hub::init(&dir.path().join("hub"), &InitOptions::default(), clock).unwrap();
        let mut out = Self { dir, hub, addr: "127.0.0.1:0".parse().unwrap(), connections: None, running: None };
        out.serve();
        out
    }

    /// Serves on the port that it had, if it had one; until it is stopped or dropped.
    pub fn serve(&mut self) {
        assert!(self.running.is_none());
        let (hub, listen, connections) = (self.hub.clone(), self.addr, self.connections);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind(hub, ServeOptions { listen, names: vec![], connections }).await.unwrap();
                tell.send(server.local_addr()).unwrap();
                server
                    .run(async {
                        let _ = stopped.await;
                    })
                    .await;
            });
        });
        self.addr = told.recv().unwrap();
        self.running = Some((stop, thread));
    }

    pub fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.addr.port())
    }

    pub fn ca(&self) -> String {
        std::fs::read_to_string(self.hub.dir().join("ca.pem")).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes an extract and its mapping, takes it in as of now, and publishes.
    pub fn publish(&self, list: &List) -> IngestReport {
        let report = self.ingest(list).unwrap();
        self.hub.publish(&mut |_| {}).unwrap();
        report
    }

    pub fn ingest(&self, list: &List) -> Result<IngestReport, beatcheck_hub::HubError> {
        let (mapping, extract) = list.write(self.dir.path());
        self.ingest_files(&mapping, &extract)
    }

    pub fn ingest_files(&self, mapping: &Path, extract: &Path) -> Result<IngestReport, beatcheck_hub::HubError> {
        let as_of = Some(self.hub.now());
        self.hub.ingest(&IngestOptions { mapping, extract, as_of, force: true }, &mut |_| {})
    }

    pub fn options(&self, name: &str) -> EnrolOptions {
        self.options_for(name, &format!("officer-{name}"), "patrol")
    }

    pub fn options_for(&self, name: &str, officer: &str, role: &str) -> EnrolOptions {
        EnrolOptions {
            home: self.path(name).to_string_lossy().into_owned(),
            hub: self.url(),
            code: self.hub.enrol_code(officer, role).unwrap().code,
            ca_pem: self.ca(),
            pin: None,
            app_version: "e2e".into(),
            asset: String::new(),
            id_token: String::new(),
        }
    }

    /// Enrols through the shipped surface; home and vault are named after the device.
    pub fn enrol(&self, name: &str) -> Arc<beatcheck::Device> {
        beatcheck::Device::enrol(self.options(name), self.vault(name)).unwrap()
    }

    pub fn vault(&self, name: &str) -> Arc<dyn beatcheck::KeyVault> {
        beatcheck::desk_vault(self.path(name).join("vault").to_string_lossy().into_owned()).unwrap()
    }

    pub fn reopen(&self, name: &str) -> Result<Arc<beatcheck::Device>, beatcheck::ApiError> {
        beatcheck::Device::open(self.path(name).to_string_lossy().into_owned(), self.vault(name), None)
    }

    pub fn core_vault(&self, name: &str) -> Arc<client::FileVault> {
        Arc::new(client::FileVault::open(self.path(name).join("vault")).unwrap())
    }

    /// Enrols the core itself, with a clock.
    pub fn enrol_core(&self, name: &str, clock: &Arc<client::FixedClock>) -> client::Device {
        self.enrol_core_at(name, self.url(), clock)
    }

    /// The same, at an address that leads to the hub.
    pub fn enrol_core_at(&self, name: &str, hub: String, clock: &Arc<client::FixedClock>) -> client::Device {
        let o = self.options(name);
        let options = client::EnrolOptions {
            home: o.home.into(),
            hub,
            code: o.code,
            ca_pem: o.ca_pem,
            pin: None,
            app_version: o.app_version,
            asset: o.asset,
            id_token: o.id_token,
        };
        client::Device::enrol(&options, self.core_vault(name), client::Env::with_clock(clock.clone())).unwrap()
    }

    pub fn open_core(&self, name: &str, clock: &Arc<client::FixedClock>) -> client::Device {
        let env = client::Env::with_clock(clock.clone());
        client::Device::open(&self.path(name), self.core_vault(name), env, None).unwrap()
    }

    /// Every entry of a device as the hub holds it, in order; the chain must be unbroken.
    pub fn account(&self, device: &str) -> Vec<serde_json::Value> {
        let check = self.hub.verify_journal().unwrap();
        let check = check.iter().find(|c| c.device == device).unwrap();
        assert!(check.unbroken, "{check:?}");
        let id = beatcheck_wire::DeviceId::from_hex(device);
        let rows = self.hub.journal(&beatcheck_hub::JournalFilter { device: id, ..Default::default() }).unwrap();
        assert_eq!(rows.len() as u64, check.entries);
        for (i, r) in rows.iter().enumerate() {
            assert_eq!((r.seq, &r.problem), (i as u64 + 1, &None));
        }
        rows.iter().map(|r| serde_json::to_value(r.entry.as_ref().unwrap()).unwrap()).collect()
    }
}

/// Enrols the core with a vault and a clock of one's own.
pub fn enrol_with(
    hub: &TestHub,
    name: &str,
    vault: Arc<dyn client::KeyVault>,
    env: client::Env,
    pin: Option<&str>,
) -> client::Device {
    let o = hub.options(name);
    let options = client::EnrolOptions {
        home: o.home.into(),
        hub: o.hub,
        code: o.code,
        ca_pem: o.ca_pem,
        pin: pin.map(str::to_owned),
        app_version: o.app_version,
        asset: o.asset,
        id_token: o.id_token,
    };
    client::Device::enrol(&options, vault, env).unwrap()
}

/// Does it when dropped, whether the test has passed by then or has failed: in a scope, a thread that waits for what nobody
/// does any more would hang the run where an assertion should have ended it.
pub struct AtLast<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for AtLast<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Raises a flag at last.
pub fn raise_at_last(flag: &AtomicBool) -> AtLast<impl FnMut()> {
    AtLast(|| flag.store(true, Ordering::SeqCst))
}

/// Says past the capture of a test that passes: what was not tested must be seen.
pub fn not_tested(what: &str) {
    let _ = writeln!(std::io::stderr(), "\n*** NOT TESTED: {what} ***\n");
}

pub fn now() -> Timestamp {
    SystemClock.now()
}

/// The entries of one kind.
pub fn events<'a>(account: &'a [serde_json::Value], event: &str) -> Vec<&'a serde_json::Value> {
    account.iter().filter(|e| e["event"] == event).collect()
}

pub fn repo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A small extract: a source and its rows, each a list of named cells.
#[derive(Clone)]
pub struct List {
    pub kind: &'static str,
    pub source: String,
    pub compartment: String,
    /// More lines of the mapping's `[source]`.
    pub extra: &'static str,
    pub rows: Vec<Vec<(&'static str, String)>>,
}

const VEHICLE: &[&str] = &["vrm", "vin", "make", "model", "colour", "body_type", "year", "area"];
const PERSON: &[&str] =
    &["given", "surname", "dob", "sex", "height_band", "summary", "photo_ref", "address", "postcode"];

impl List {
    pub fn vehicles(source: &str, compartment: &str) -> Self {
        Self { kind: "vehicle", source: source.into(), compartment: compartment.into(), extra: "", rows: vec![] }
    }

    pub fn persons(source: &str, compartment: &str) -> Self {
        Self { kind: "person", ..Self::vehicles(source, compartment) }
    }

    pub fn row(mut self, cells: &[(&'static str, &str)]) -> Self {
        self.rows.push(cells.iter().map(|(n, v)| (*n, (*v).to_owned())).collect());
        self
    }

    /// A vehicle whose id is its mark.
    pub fn car(self, vrm: &str, colour: &str) -> Self {
        self.row(&[("id", vrm), ("vrm", vrm), ("make", "Ford"), ("model", "Focus"), ("colour", colour)])
    }

    pub fn without(mut self, id: &str) -> Self {
        self.rows.retain(|r| !r.contains(&("id", id.to_owned())));
        self
    }

    fn columns(&self) -> Vec<&'static str> {
        let own = if self.kind == "vehicle" { VEHICLE } else { PERSON };
        let mut out = vec!["id"];
        out.extend(own);
        out.extend(["markers", "expires", "links"]);
        if self.kind == "person" {
            out.extend(["identifiers", "aliases"]);
        }
        out
    }

    pub fn mapping(&self) -> String {
        let mut t = format!(
            "format = 1\n[source]\nname = '{}'\nkind = '{}'\ncompartment = '{}'\noffline_allowed = true\nkey = ['id']\n{}\n\
             [source.as_of]\ningest_time = true\n[dates]\nformats = ['%Y-%m-%d', '%Y-%m', '%Y']\n[fields]\n",
            self.source, self.kind, self.compartment, self.extra
        );
        for c in if self.kind == "vehicle" { VEHICLE } else { PERSON } {
            t += &format!("{c} = '{c}'\n");
        }
        t += "expires = 'expires'\n";
        t += "markers = { column = 'markers', split = ';', part_split = '|', \
              parts = ['code', 'text', 'action', 'disclosure', 'since'] }\n";
        t += "links = { column = 'links', split = ';', part_split = '|', parts = ['kind', 'target_key', 'text'] }\n";
        if self.kind == "person" {
            t += "identifiers = { column = 'identifiers', split = ';', part_split = '|', parts = ['kind', 'value'] }\n\
                  aliases = { column = 'aliases', split = ';', part_split = '|', parts = ['given', 'surname', 'kind'] }\n";
        }
        t
    }

    pub fn csv(&self) -> Vec<u8> {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(self.columns()).unwrap();
        for row in &self.rows {
            assert!(row.iter().all(|(n, _)| self.columns().contains(n)), "{row:?}");
            let cell = |c: &&str| row.iter().find(|(n, _)| n == c).map_or("", |(_, v)| v.as_str());
            out.write_record(self.columns().iter().map(cell)).unwrap();
        }
        out.into_inner().unwrap()
    }

    pub fn write(&self, dir: &Path) -> (PathBuf, PathBuf) {
        let (mapping, extract) = (dir.join(format!("{}.toml", self.source)), dir.join(format!("{}.csv", self.source)));
        std::fs::write(&mapping, self.mapping()).unwrap();
        std::fs::write(&extract, self.csv()).unwrap();
        (mapping, extract)
    }
}

pub fn vrm(mark: &str) -> VehicleQuery {
    VehicleQuery { vrm: Some(mark.into()), ..VehicleQuery::default() }
}

pub fn check(device: &beatcheck::Device, mark: &str) -> Answer {
    device.check_vehicle(vrm(mark), PURPOSE.into()).unwrap()
}

pub fn core_check(device: &client::Device, mark: &str) -> Answer {
    device.check(&client::CheckRequest::vehicle(mark, PURPOSE)).unwrap()
}

/// A sync that must bring everything.
pub fn sync(device: &beatcheck::Device) -> SyncReport {
    let report = device.sync().unwrap();
    assert!(report.complete && report.journal_pending == 0, "{report:?}");
    report
}

pub fn core_sync(device: &client::Device) -> SyncReport {
    device.sync(&|_| {}).unwrap()
}

/// A small generator of which the seed is the whole state.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// The code of the fault that ended a sync, and its words.
pub fn fault(report: &SyncReport) -> (&str, &str) {
    let f = report.fault.as_ref().unwrap_or_else(|| panic!("no fault: {report:?}"));
    (&f.code, &f.text)
}
