//! SQLite calls itself initialised before SQLCipher is: two threads that open the first files of a process must not see that.
#![allow(clippy::unwrap_used)]

use beatcheck_store::{Key, State};
use std::process::Command;
use std::sync::Barrier;

/// Set in the child: the race is for the first opening of a process, so each attempt needs a process of its own.
const CHILD: &str = "BEATCHECK_TEST_FIRST_OPEN";
const PROCESSES: usize = 50;
const THREADS: usize = 8;

#[test]
fn the_first_openings_of_a_process_may_come_at_once() {
    if std::env::var_os(CHILD).is_some() {
        let dir = tempfile::tempdir().unwrap();
        let start = Barrier::new(THREADS);
        std::thread::scope(|s| {
            for i in 0..THREADS {
                let (start, path) = (&start, dir.path().join(i.to_string()));
                s.spawn(move || {
                    start.wait();
                    State::open(&path, &Key::new([7; 32])).unwrap();
                });
            }
        });
        return;
    }
    for n in 0..PROCESSES {
        let name = "the_first_openings_of_a_process_may_come_at_once";
        let child = Command::new(std::env::current_exe().unwrap()).args(["--exact", name]).env(CHILD, "1").output();
        let child = child.unwrap();
        assert!(child.status.success(), "process {n}: {}", String::from_utf8_lossy(&child.stdout));
        assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "the child ran its test");
    }
}
