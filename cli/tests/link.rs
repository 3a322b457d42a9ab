//! `bench link` where there is no network to be had, and where it is told not to look for one: what it says, and that it
//! still measures. That it works under real TCP needs root and TUN, which a test cannot count on: that is the bench.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // a test that cannot go on should stop where it stands

use serde_json::Value;
use std::process::{Command, Output};

/// Runs the bench where no `ip` can be found.
fn bench(line: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beatcheck"));
    command.args(["bench", "link", "--json"]).args(line).env("PATH", "/nonexistent").output().unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(bytes).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn without_a_network_the_link_is_simulated_and_says_so() {
    let ran = bench(&["--profile", "clean", "--profile", "slow-4g", "--vehicles", "50", "--deltas", "1"]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{said}");
    assert!(said.contains("SIMULATED") && said.contains("not as retransmission"), "{said}");
    #[cfg(target_os = "linux")]
    assert!(said.contains("apt-get install iproute2"), "{said}");
    let figures = lines(&ran.stdout);
    assert!(figures.iter().all(|f| f["bench"] == "link" && f["network"] == "simulated"));
    let value = |case: &str, metric: &str| {
        let found = figures.iter().find(|f| f["case"] == case && f["metric"] == metric);
        found.unwrap_or_else(|| panic!("{case}: {metric}"))["value"].as_f64().unwrap()
    };
    for profile in ["clean", "slow-4g"] {
        let case = |phase: &str| format!("{profile}, 50: {phase}");
        assert_eq!(value(&case("the job"), "finished"), 1.0);
        assert_eq!(value(&case("first sync"), "changed rows"), 50.0);
        assert!(value(&case("deltas"), "changed rows") > 5.0);
        assert!(value(&case("first answer"), "time") < 30.0);
        let (sent, got) = (value(&case("first sync"), "down sent"), value(&case("first sync"), "down delivered"));
        assert!(sent == got && got > 2000.0, "{sent} {got}");
    }
    // Several round trips of 150 ms: connection, TLS, head, grant, segments.
    assert!(value("slow-4g, 50: first sync", "time") > 0.5);
    assert!(value("slow-4g, 50: first sync and deltas", "beyond, sent").abs() < 5.0);
}

#[test]
fn required_and_not_there_is_an_error_that_says_what_is_missing() {
    let ran = bench(&["--require-tun"]);
    let said = lines(&ran.stdout);
    assert_eq!((ran.status.code(), said[0]["error"]["code"].as_str()), (Some(1), Some("io")));
    let text = said[0]["error"]["text"].as_str().unwrap();
    assert!(text.contains("--require-tun"), "{text}");
    #[cfg(target_os = "linux")]
    assert!(text.contains("apt-get install iproute2"), "{text}");
}

#[test]
fn a_link_that_does_not_exist_is_bad_usage() {
    let ran = bench(&["--profile", "5g"]);
    assert_eq!((ran.status.code(), lines(&ran.stdout)[0]["error"]["code"].as_str()), (Some(2), Some("usage")));
}
