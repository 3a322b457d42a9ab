//! No space left on the device: on a small file system of its own, which takes root to mount.

use crate::support::{List, TestHub, check, events, not_tested, sync, vrm};
use beatcheck::{ApiError, Outcome};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Mount(PathBuf);

impl Mount {
    fn new(dir: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&dir).unwrap();
        let run = Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&dir).output();
        match run {
            Ok(out) if out.status.success() => Some(Self(dir)),
            other => {
                not_tested(&format!("a full disk, which needs the right to mount a tmpfs: {other:?}"));
                None
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Fills what is free but for `leave` bytes.
fn fill(dir: &Path, leave: usize) -> PathBuf {
    let path = dir.join("ballast");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut size = 0;
    let block = vec![7; 16 * 1024];
    while file.write_all(&block).is_ok() {
        size += block.len();
    }
    file.set_len(size.saturating_sub(leave) as u64).unwrap();
    path
}

#[test]
fn a_full_disk_loses_nothing_and_says_so() {
    let hub = TestHub::start();
    let list = |n: usize| (0..n).fold(List::vehicles("cars", "cars"), |l, i| l.car(&format!("AB{i:05}C"), "Red"));
    hub.publish(&list(50));
    let Some(mount) = Mount::new(hub.path("phone"), "size=16m") else { return };
    let device = hub.enrol("phone");
    sync(&device);
    assert!(!device.status().unwrap().journal.low);

    // During a sync: the old state stays, the message says what to do.
    hub.publish(&list(20_000));
    let ballast = fill(&mount.0, 256 * 1024);
    let (code, text) = match device.sync() {
        Ok(report) => {
            let f = report.failed.first().or(report.fault.as_ref()).unwrap_or_else(|| panic!("{report:?}"));
            (f.code.clone(), f.text.clone())
        }
        // Not even the documents could be written.
        Err(ApiError::Storage { code, log_text, .. }) => (code, log_text),
        Err(other) => panic!("{other:?}"),
    };
    assert!(code == "no_space" && text.contains("free some"), "{code}: {text}");
    let a = check(&device, "AB00007C");
    assert_eq!((a.outcome, a.coverage[0].records), (Outcome::Hit, 50), "what was held is untouched");

    // During checks: the account lives on its reserve, says so, and when that too is gone there is no answer.
    std::fs::remove_file(&ballast).unwrap();
    drop(device);
    let device = hub.reopen("phone").unwrap();
    assert!(!device.status().unwrap().journal.low, "with space again, so is the reserve");
    let ballast = fill(&mount.0, 0);
    let mut told = vec![a];
    let refused = loop {
        match device.check_vehicle(vrm("AB00007C"), "traffic_stop".into()) {
            Ok(a) => told.push(a),
            Err(e) => break e,
        }
        if device.status().unwrap().journal.low {
            // The reserve's blocks, too, are taken by somebody else.
            std::fs::rename(&ballast, mount.0.join("ballast0")).unwrap_or_default();
            fill(&mount.0, 0);
        }
        assert!(told.len() < 100_000);
    };
    assert!(matches!(&refused, ApiError::NotAccounted { .. }), "{refused:?}");
    assert!(refused.to_string().contains("no answer is given") && refused.to_string().contains("space"), "{refused}");
    assert!(device.status().unwrap().journal.low, "space runs low loudly");
    eprintln!("{} checks on a full disk before there was no answer any more", told.len());
    assert!(told.len() > 1);

    for name in ["ballast", "ballast0"] {
        let _ = std::fs::remove_file(mount.0.join(name));
    }
    told.push(check(&device, "AB00007C"));
    drop(device);
    let device = hub.reopen("phone").unwrap();
    sync(&device);
    assert!(!device.status().unwrap().journal.low, "the reserve is there again");
    assert_eq!(check(&device, "AB19999C").outcome, Outcome::Hit);
    let account = hub.account(&device.status().unwrap().device);
    let references: Vec<_> = events(&account, "check").iter().map(|c| c["reference"].as_str().unwrap()).collect();
    assert!(references.iter().copied().eq(told.iter().map(|a| a.reference.as_str())), "every answer, and nothing else");
    drop(device);
    drop(mount);
}
