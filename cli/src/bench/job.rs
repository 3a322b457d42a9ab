//! The main job, step by step: a hub, a server, a device, each by the command that a person would type.

use super::step::{self, Cost, Running, io, memory_kb};
use super::{doing, sizes};
use crate::exit::Failure;
use beatcheck_client::SyncReport;
use beatcheck_fixtures::{Spec, generate};
use beatcheck_model::Answer;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// How long a server may take to stop before it is ended.
const STOP: Duration = Duration::from_secs(15);

/// A hub and a device in one directory.
pub(super) struct Job {
    pub(super) hub: PathBuf,
    pub(super) home: PathBuf,
}

/// Makes up records in a folder, and says how far it is.
pub(super) fn make_up(spec: &Spec, dir: &Path) -> Result<(), Failure> {
    let bar = doing("making up records");
    let made = generate(spec, dir, &mut |done, total| bar.rows("making up records", done, total));
    made.map(drop).map_err(|e| Failure::new("fixtures", e.to_string()))
}

/// A hub that serves; it is stopped when this goes.
pub(super) struct Serving {
    url: String,
    step: Running,
}

impl Job {
    /// Makes the hub.
    pub(super) fn begin(dir: &Path) -> Result<Self, Failure> {
        let job = Self { hub: dir.join("hub"), home: dir.join("device") };
        step::run(&[text("hub"), text("init"), text("--data"), job.hub.as_os_str()])?;
        Ok(job)
    }

    /// Takes an extract in.
    pub(super) fn ingest(&self, mapping: &Path, extract: &Path) -> Result<(Value, Cost), Failure> {
        let _bar = doing(&format!("ingesting {}", extract.display()));
        let (out, cost) = step::run(&[
            text("hub"),
            text("ingest"),
            text("--data"),
            self.hub.as_os_str(),
            text("--mapping"),
            mapping.as_os_str(),
            text("--as-of"),
            text("now"),
            extract.as_os_str(),
        ])?;
        Ok((parse(&out)?, cost))
    }

    /// Publishes; the bytes of the segments cut, with the rest of the report.
    pub(super) fn publish(&self) -> Result<(Value, Cost), Failure> {
        let _bar = doing("publishing");
        let (out, cost) = step::run(&[text("hub"), text("publish"), text("--data"), self.hub.as_os_str()])?;
        Ok((parse(&out)?, cost))
    }

    /// Begins to serve on a free port of the loopback.
    pub(super) fn serve(&self) -> Result<Serving, Failure> {
        let line =
            [text("hub"), text("serve"), text("--data"), self.hub.as_os_str(), text("--listen"), text("127.0.0.1:0")];
        let mut step = step::start(&line, false)?;
        let mut said = String::new();
        if let Some(out) = step.child.stdout.as_mut() {
            // One line is all that a server says on stdout.
            BufReader::new(out).read_line(&mut said).map_err(io("hearing from the server"))?;
        }
        let url = parse(&said).ok().and_then(|v| v["listening"].as_str().map(str::to_owned));
        let Some(url) = url else {
            end(&mut step.child);
            return Err(Failure::new("io", "the server did not start"));
        };
        Ok(Serving { url, step })
    }

    /// Enrols the device.
    pub(super) fn enrol(&self, server: &Serving) -> Result<Cost, Failure> {
        self.enrol_at(&server.url)
    }

    /// Another device of the same hub, with a home of its own.
    pub(super) fn beside(&self, home: PathBuf) -> Self {
        Self { hub: self.hub.clone(), home }
    }

    /// Enrols the device at an address that leads to the hub.
    pub(super) fn enrol_at(&self, url: &str) -> Result<Cost, Failure> {
        let officer = ["--officer", "bench", "--role", "patrol"].map(text);
        let data = [text("hub"), text("enrol"), text("--data"), self.hub.as_os_str()];
        let (ticket, _) = step::run(&[&data[..], &officer[..]].concat())?;
        let ticket = parse(&ticket)?;
        let ca = self.hub.join("ca.pem");
        let (_, cost) = step::run(&[
            text("device"),
            text("enrol"),
            text("--home"),
            self.home.as_os_str(),
            text("--hub"),
            text(url),
            text("--code"),
            text(ticket["code"].as_str().unwrap_or_default()),
            text("--ca"),
            ca.as_os_str(),
        ])?;
        Ok(cost)
    }

    /// Syncs the device.
    pub(super) fn sync(&self) -> Result<(SyncReport, Cost), Failure> {
        let _bar = doing("syncing");
        let (out, cost) = step::run(&[text("device"), text("sync"), text("--home"), self.home.as_os_str()])?;
        let report = serde_json::from_str(&out).map_err(|e| Failure::new("io", format!("what the sync said: {e}")))?;
        Ok((report, cost))
    }

    /// Starts a batch of checks, to be fed.
    pub(super) fn batch(&self) -> Result<Running, Failure> {
        let line = ["device", "batch", "--purpose", "traffic_stop", "--home"].map(text);
        step::start(&[&line[..], &[self.home.as_os_str()]].concat(), true)
    }

    /// Asks all questions of one process; the answers in order, and the most memory that the process held, in kB.
    pub(super) fn ask(&self, lines: impl Iterator<Item = String>) -> Result<(Vec<Answer>, u64), Failure> {
        let lines: Vec<String> = lines.map(|l| l + "\n").collect();
        let asked = lines.len();
        let _bar = doing(&format!("asking {asked} questions"));
        let mut step = self.batch()?;
        let (Some(mut to), Some(from)) = (step.child.stdin.take(), step.child.stdout.take()) else {
            return Err(Failure::new("io", "a step has no pipes"));
        };
        let mut answers = Vec::with_capacity(asked);
        std::thread::scope(|s| {
            // Fed from a thread: with nobody reading, both pipes would fill.
            s.spawn(move || lines.iter().try_for_each(|l| to.write_all(l.as_bytes())));
            for line in BufReader::new(from).lines() {
                let line = line.map_err(io("reading an answer"))?;
                let answer = serde_json::from_str(&line).map_err(|e| Failure::new("io", format!("an answer: {e}")))?;
                answers.push(answer);
            }
            Ok::<(), Failure>(())
        })?;
        let (_, cost) = step.finish()?;
        if answers.len() != asked {
            return Err(Failure::new("io", format!("{} of {asked} questions were answered", answers.len())));
        }
        Ok((answers, cost.peak_kb))
    }

    /// One source from its extract to the device: ingest, publish, and, the first time, serve and enrol; then a sync.
    pub(super) fn bring(
        &self,
        mapping: &Path,
        extract: &Path,
        server: &mut Option<Serving>,
    ) -> Result<(SyncReport, Cost), Failure> {
        self.ingest(mapping, extract)?;
        self.publish()?;
        if server.is_none() {
            let serving = self.serve()?;
            self.enrol(&serving)?;
            *server = Some(serving);
        }
        let (report, cost) = self.sync()?;
        super::main_job::synced(&report)?;
        Ok((report, cost))
    }

    /// Bytes of the device's record files.
    pub(super) fn store_bytes(&self) -> u64 {
        sizes::on_disk(&self.home.join("records"))
    }
}

impl Serving {
    /// Port of the loopback at which it listens.
    pub(super) fn port(&self) -> Result<u16, Failure> {
        let port = self.url.rsplit_once(':').and_then(|(_, p)| p.parse().ok());
        port.ok_or_else(|| Failure::new("io", "the server named no port"))
    }

    /// Most memory the server has held so far, in kB.
    pub(super) fn peak_kb(&self) -> u64 {
        memory_kb(self.step.child.id(), "VmHWM").unwrap_or(0)
    }

    /// Memory that the server holds now, in kB.
    pub(super) fn now_kb(&self) -> u64 {
        memory_kb(self.step.child.id(), "VmRSS").unwrap_or(0)
    }

    /// Processor time of the server so far, in seconds.
    pub(super) fn cpu_s(&self) -> f64 {
        step::cpu_s(self.step.child.id()).unwrap_or(0.0)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        end(&mut self.step.child);
    }
}

/// Asks a child of ours to stop; ends it if it does not.
pub(super) fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < STOP {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn text(s: &str) -> &OsStr {
    OsStr::new(s)
}

fn parse(out: &str) -> Result<Value, Failure> {
    serde_json::from_str(out).map_err(|e| Failure::new("io", format!("what a step said: {e}")))
}
