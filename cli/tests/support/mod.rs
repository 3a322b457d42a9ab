//! What the command's tests share: a directory with a hub and phones, the binary itself, and the goldens.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Set to write the goldens anew from what the commands say, instead of comparing.
const BLESS: &str = "BEATCHECK_BLESS";

/// A file of the repository.
pub(crate) fn repository(path: &str) -> String {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    full.canonicalize().unwrap_or_else(|e| panic!("{path}: {e}")).display().to_string()
}

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { exit: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The JSON that it printed, which must be one line.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{}{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// The code of the error that it printed as JSON.
    pub(crate) fn error_code(&self) -> String {
        let error = &self.json()["error"];
        assert!(!self.err.is_empty(), "nothing on stderr");
        assert!(!error["text"].as_str().unwrap().is_empty());
        error["code"].as_str().unwrap().to_owned()
    }
}

/// A directory in which commands run, so that their paths are relative.
pub(crate) struct World {
    dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_beatcheck"));
        command.args(line).current_dir(self.dir.path());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, line: &[&str]) -> Ran {
        Ran::of(&self.command(line).output().unwrap())
    }

    /// Runs a command that must succeed.
    pub(crate) fn ok(&self, line: &[&str]) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.exit, 0, "{line:?}: {}{}", ran.out, ran.err);
        ran
    }

    /// Runs a command with --json that must succeed.
    pub(crate) fn json(&self, line: &[&str]) -> Value {
        self.ok(&[line, &["--json"]].concat()).json()
    }

    /// Runs a command with --json that must end with this exit code and this error code.
    pub(crate) fn fails(&self, line: &[&str], exit: i32, code: &str) -> Ran {
        let ran = self.run(&[line, &["--json"]].concat());
        assert_eq!((ran.exit, ran.error_code().as_str()), (exit, code), "{line:?}: {}", ran.err);
        ran
    }

    /// Starts a command and leaves its ends open.
    pub(crate) fn start(&self, line: &[&str]) -> Child {
        self.command(line).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// Answers of a batch.
    pub(crate) fn batch(&self, line: &[&str], input: &str) -> Vec<Value> {
        let mut child = self.start(line);
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!(ran.exit, 0, "{}", ran.err);
        ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    /// A hub in `hub` that holds a hot list, published.
    pub(crate) fn hub(&self) {
        self.ok(&["hub", "init", "--data", "hub"]);
        self.ingest("hot-list-a.csv");
        self.ok(&["hub", "publish", "--data", "hub"]);
    }

    /// Takes in one of the small hot lists.
    pub(crate) fn ingest(&self, list: &str) -> Value {
        let mapping = repository("fixtures/mappings/nz-police-stolen-vehicles.toml");
        let list = repository(&format!("fixtures/small/{list}"));
        self.json(&["hub", "ingest", "--data", "hub", "--mapping", &mapping, "--as-of", "now", &list])
    }

    /// A code for a new device.
    pub(crate) fn code(&self) -> String {
        let ticket = self.json(&["hub", "enrol", "--data", "hub", "--officer", "OFFICER-1234", "--role", "patrol"]);
        ticket["code"].as_str().unwrap().to_owned()
    }

    /// Enrols a device with a home of this name.
    pub(crate) fn enrol(&self, home: &str, hub: &str) -> Value {
        let code = self.code();
        self.json(&["device", "enrol", "--home", home, "--hub", hub, "--code", &code, "--ca", "hub/ca.pem"])
    }
}

/// A hub or a relay that serves, until it is dropped.
pub(crate) struct Serving {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
    /// What it said when it was ready.
    pub(crate) said: Value,
}

impl Serving {
    pub(crate) fn start(world: &World, listen: &str) -> Self {
        Self::run(world, &["hub", "serve", "--data", "hub", "--listen", listen])
    }

    /// Starts whatever says where it listens when it is ready.
    pub(crate) fn run(world: &World, line: &[&str]) -> Self {
        let mut child = world.start(&[line, &["--json"]].concat());
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        Self { url: said["listening"].as_str().unwrap().to_owned(), child, said }
    }

    /// Address and port.
    pub(crate) fn address(&self) -> String {
        self.url.trim_start_matches("https://").to_owned()
    }

    /// Ends it with a signal; says with which exit code it went.
    #[cfg(unix)]
    pub(crate) fn stop(mut self, signal: rustix::process::Signal) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Compares the shape of `value` with the golden: the same keys everywhere, with values of the same types.
pub(crate) fn golden(name: &str, value: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"));
    if std::env::var_os(BLESS).is_some() {
        let text = serde_json::to_string_pretty(value).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
    let text =
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; {BLESS}=1 writes it", path.display()));
    let (known, found) = (shape(&serde_json::from_str(&text).unwrap()), shape(value));
    for (key, kind) in &found {
        let expected = known.get(key).unwrap_or_else(|| panic!("{name}: {key} is not in the golden"));
        assert!(kind == expected || [*kind, *expected].contains(&"null"), "{name}: {key} is {kind}, was {expected}");
    }
    for key in known.keys() {
        assert!(found.contains_key(key), "{name}: {key} is gone");
    }
}

/// Every path in a value with the type found there; the elements of a list are one.
pub(crate) fn shape(value: &Value) -> BTreeMap<String, &'static str> {
    fn walk(value: &Value, path: &str, out: &mut BTreeMap<String, &'static str>) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "text",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        };
        let slot = out.entry(path.to_owned()).or_insert(kind);
        if *slot == "null" {
            *slot = kind;
        }
        match value {
            Value::Array(items) => items.iter().for_each(|v| walk(v, &format!("{path}[]"), out)),
            Value::Object(fields) => fields.iter().for_each(|(k, v)| walk(v, &format!("{path}.{k}"), out)),
            _ => {}
        }
    }
    let mut out = BTreeMap::new();
    walk(value, "", &mut out);
    out
}
