//! The account as it is read: found, whole, nobody's own, kept for a time, exported.
#![allow(clippy::unwrap_used)]

#[path = "account/support.rs"]
mod account_support;
mod serve_common;

use account_support::{World, check, look, showing};
use beatcheck_audit::{Asked, EntryKind};
use beatcheck_hub::{AccountFilter, ChainState, Format, Look, LookFilter, Page, SMALL};
use beatcheck_model::{LinkedQuery, Query, RecordId, RecordKind};
use beatcheck_wire::{CompartmentId, DeviceId};
use rusqlite::params;

#[test]
fn entries_are_found_by_what_they_say_and_nobody_reads_their_own() {
    let mut w = World::new();
    let (a, b) = (w.device("4711"), w.device("0815"));
    for n in 0..60 {
        w.account(a, check(&format!("A-{n}"), "traffic_stop", &format!("AB{n:02}CDE")));
    }
    w.account(b, check("B-1", "warrant", "XY01ZZZ"));
    w.account(b, EntryKind::Unlocked { by: "pin".into(), counter: None });
    let by = w.noted("auditor", "");
    let all = w.hub.account_search(&by, &AccountFilter::default(), &Page::default()).unwrap();
    assert_eq!((all.rows.len(), all.total, all.withheld, all.waiting), (50, Some(62), 0, 0));
    assert!(all.rows.iter().all(|r| r.problem.is_none() && r.entry.is_some()));
    let rest = w.hub.account_search(&by, &AccountFilter::default(), &Page { after: all.next, rows: 0 }).unwrap();
    assert_eq!((rest.rows.len(), rest.next), (12, None));

    let of = |f: AccountFilter| w.hub.account_search(&by, &f, &Page::default()).unwrap();
    assert_eq!(of(AccountFilter { officer: Some("0815".into()), ..Default::default() }).rows.len(), 2);
    assert_eq!(of(AccountFilter { device: Some(b), ..Default::default() }).total, Some(2));
    assert_eq!(of(AccountFilter { reference: Some("a-7".into()), ..Default::default() }).rows.len(), 1);
    assert_eq!(of(AccountFilter { purpose: Some("warrant".into()), ..Default::default() }).rows.len(), 1);
    assert_eq!(of(AccountFilter { event: Some("unlocked".into()), ..Default::default() }).rows.len(), 1);
    let text = of(AccountFilter { text: Some("ab33c".into()), ..Default::default() });
    assert_eq!((text.rows.len(), text.searched, text.total), (1, 62, None));
    let late = AccountFilter { since: Some(w.hub.now().plus_secs(3600)), ..Default::default() };
    assert_eq!(of(late).total, Some(0));

    let own = w.noted("auditor", " 4711 ");
    let seen = w.hub.account_search(&own, &AccountFilter::default(), &Page::default()).unwrap();
    assert_eq!((seen.rows.len(), seen.total, seen.withheld), (2, Some(2), 60));
    let did = w.hub.what_did(&own, "4711", &Page::default()).unwrap();
    assert_eq!((did.rows.len(), did.withheld), (0, 60));
    assert!(w.hub.rebuild_answer(&own, "A-7").unwrap_err().to_string().contains("own"));
    let named = w.hub.note_look(&Look { account: "4711", ..look("auditor", "") }).unwrap();
    assert_eq!(w.hub.what_did(&named, "4711", &Page::default()).unwrap().rows.len(), 0, "the account's name is the id");
    assert!(w.hub.note_look(&Look { reason: " ", ..look("auditor", "") }).is_err(), "a reason is owed");
    assert!(w.hub.account_search(&by, &AccountFilter::default(), &Page { after: Some("x".into()), rows: 0 }).is_err());
    let mut out = Vec::new();
    let report = w.hub.export(&own, &AccountFilter::default(), Format::Json, &mut out).unwrap();
    assert_eq!((report.entries, report.withheld), (2, 60));
    assert!(!String::from_utf8(out).unwrap().contains("A-7"));
}

/// A hub with one device that has accounted for ten checks, all in the index.
fn ten() -> (World, DeviceId) {
    let mut w = World::new();
    let a = w.device("4711");
    for n in 1..=10 {
        w.account(a, check(&format!("A-{n}"), "traffic_stop", "AB12CDE"));
    }
    assert_eq!(w.hub.account_index().unwrap().entries, 10);
    let state = the_state(&w);
    assert!(state.unbroken, "{state:?}");
    assert_eq!((state.entries, state.first, state.last), (10, 1, 10));
    (w, a)
}

fn the_state(w: &World) -> ChainState {
    w.hub.chain_states().unwrap().remove(0)
}

#[test]
fn an_entry_edited_in_place_is_found_and_shown_as_what_it_is() {
    let (w, a) = ten();
    let sealed: Vec<u8> = w.db().query_row("SELECT sealed FROM journal WHERE seq = 5", [], |r| r.get(0)).unwrap();
    let mut other = sealed.clone();
    other[60] ^= 1;
    w.db().execute("UPDATE journal SET sealed = ?1 WHERE seq = 5", [&other]).unwrap();
    let state = the_state(&w);
    assert!(!state.unbroken && state.fault.unwrap().contains("entry 5 does not follow"));
    let by = w.noted("auditor", "");
    let rows = w.hub.account_search(&by, &AccountFilter { device: Some(a), ..Default::default() }, &Page::default());
    let row = rows.unwrap().rows.into_iter().find(|r| r.seq == 5).unwrap();
    assert!(row.entry.is_none() && row.problem.is_some(), "nothing is shown that is not what the device sealed");

    // With a link that fits it, the next one does not; with all links made anew, what is remembered of the end does not.
    let mut previous: [u8; 32] = w.db().query_row("SELECT hash FROM journal WHERE seq = 4", [], |r| r.get(0)).unwrap();
    for seq in 5..=10_u64 {
        let sealed: Vec<u8> =
            w.db().query_row("SELECT sealed FROM journal WHERE seq = ?1", [seq], |r| r.get(0)).unwrap();
        previous = beatcheck_wire::journal::link(&previous, seq, &sealed);
        w.db().execute("UPDATE journal SET hash = ?2 WHERE seq = ?1", params![seq, previous]).unwrap();
        if seq == 5 {
            assert!(the_state(&w).fault.unwrap().contains("entry 6 does not follow"));
        }
    }
    let state = the_state(&w);
    assert!(state.fault.unwrap().contains("entry 10 is another than the one that was indexed"));
    w.db().execute("UPDATE journal SET sealed = ?1 WHERE seq = 5", [&sealed]).unwrap();
}

#[test]
fn a_cut_tail_a_gap_and_a_session_cut_out_are_found() {
    let (w, a) = ten();
    w.db().execute("DELETE FROM journal WHERE seq > 7", []).unwrap();
    let state = the_state(&w);
    assert_eq!((state.unbroken, state.last, state.gaps.clone()), (false, 7, vec![(8, 10)]));
    // The acknowledgement is cut too: what the index remembers is not.
    let end: Vec<u8> = w.db().query_row("SELECT hash FROM journal WHERE seq = 7", [], |r| r.get(0)).unwrap();
    w.db().execute("UPDATE device SET acked_seq = 7, chain = ?1", [end]).unwrap();
    assert_eq!((the_state(&w).unbroken, the_state(&w).gaps), (false, vec![(8, 10)]));

    let (w, b) = ten();
    w.db().execute("DELETE FROM journal WHERE seq IN (4, 5)", []).unwrap();
    let state = w.hub.chain_state(b).unwrap().unwrap();
    assert_eq!((state.unbroken, state.gaps), (false, vec![(4, 5)]));
    assert!(state.fault.unwrap().contains("entries 4 to 5 are missing"));
    assert!(w.hub.chain_state(CompartmentId([9; 16])).unwrap().is_none());

    let mut w = World::new();
    let c = w.device("1");
    let unlocked = |counter| EntryKind::Unlocked { by: "pin".into(), counter: Some(counter) };
    w.account(c, unlocked(7));
    w.account(c, EntryKind::PinRefused { attempts: 1 });
    w.account(c, unlocked(8));
    w.hub.account_index().unwrap();
    assert!(the_state(&w).unbroken, "tries at a PIN are counted apart");
    w.account(c, unlocked(12));
    w.hub.account_index().unwrap();
    let state = the_state(&w);
    assert_eq!(state.counter_gaps.iter().map(|g| (g.after, g.seq, g.counters)).collect::<Vec<_>>(), [(3, 4, (8, 12))]);
    assert!(!state.unbroken && state.gaps.is_empty());
    assert_eq!(a, b, "both worlds number alike");
}

#[test]
fn an_index_that_was_tampered_with_hides_nothing_for_long() {
    let (w, a) = ten();
    w.db().execute("UPDATE account_entry SET officer = 'other' WHERE seq = 3", []).unwrap();
    assert!(w.hub.chain_states().unwrap()[0].unbroken, "the quick look does not open entries");
    let fault = w.hub.chain_states_opened().unwrap().remove(0).fault.unwrap();
    assert!(fault.contains("entry 3") && fault.contains("index"), "{fault}");
    // The reader's own is not shown to them because the index says that it is somebody else's.
    w.db().execute("UPDATE account_entry SET officer = 'other', holder = 'other'", []).unwrap();
    let own = w.noted("auditor", "4711");
    assert!(w.hub.account_search(&own, &AccountFilter::default(), &Page::default()).unwrap().rows.is_empty());
    assert_eq!(w.hub.account_reindex().unwrap().entries, 10);
    assert!(w.hub.chain_states_opened().unwrap()[0].unbroken);
    w.db().execute("DELETE FROM account_entry WHERE seq = 3", []).unwrap();
    assert!(!w.hub.chain_state(a).unwrap().unwrap().unbroken);
}

#[test]
fn who_looked_at_a_record_and_what_it_said_then() {
    let mut w = World::new();
    w.ingest("AB12CDE,FORD\nCD34EFG,SEAT\n");
    let (a, b) = (w.device("4711"), w.device("0815"));
    let then = w.shown();
    w.account(a, showing(check("A-1", "traffic_stop", "AB12CDE"), &then));
    let id = then.0[0].id.clone();
    let record = RecordId(CompartmentId::from_hex(&id).unwrap().0);
    let mut linked = check("B-1", "warrant", "");
    if let EntryKind::Check { asked, .. } = &mut linked {
        *asked = Asked::Query(Box::new(Query::Linked(LinkedQuery { of: RecordKind::Vehicle, record: id.clone() })));
    }
    w.account(b, linked);
    w.account(b, check("B-2", "warrant", "ZZ99ZZZ"));
    let by = w.noted("auditor", "");
    let looked = w.hub.who_looked_at(&by, record, &Page::default()).unwrap();
    let officers: Vec<String> = looked.rows.iter().map(|r| r.entry.as_ref().unwrap().officer.clone()).collect();
    assert_eq!(officers, ["0815", "4711"], "who was shown it, and who asked for what is linked with it");
    assert_eq!(w.hub.who_looked_at(&w.noted("auditor", "0815"), record, &Page::default()).unwrap().withheld, 1);

    // The record changes, and the other one goes.
    w.wait(60);
    let first = w.hub.rebuild_answer(&by, "a-1").unwrap().remove(0);
    assert!(first.whole && first.hidden.as_ref().unwrap().is_empty());
    let keep =
        if first.records[0].record.as_ref().unwrap().source_key.contains("AB12") { "AB12CDE" } else { "CD34EFG" };
    w.ingest(&format!("{keep},OPEL\n"));
    let again = w.hub.rebuild_answer(&by, "A-1").unwrap().remove(0);
    assert!(again.whole, "{again:?}");
    let of = |r: &beatcheck_hub::Rebuilt| r.records.iter().map(|x| x.record.clone().unwrap()).collect::<Vec<_>>();
    assert_eq!(of(&first), of(&again), "as it was shown, not as it is");
    let mut now: Vec<Option<u32>> = again.records.iter().map(|r| r.version_now).collect();
    now.sort();
    assert_eq!(now, [None, Some(again.records[0].version + 1)]);
    assert_eq!((again.sources[0].compartment.as_str(), again.sources[0].as_of.is_some()), ("stolen", true));
    // What is not in the history any more is said.
    w.db().execute("UPDATE record_version SET version = version + 50", []).unwrap();
    let gone = w.hub.rebuild_answer(&by, "A-1").unwrap().remove(0);
    assert!(!gone.whole && gone.records.iter().all(|r| r.record.is_none() && r.problem.is_some()));
    assert!(w.hub.rebuild_answer(&by, "X-9").is_err());
}

#[test]
fn retention_drops_what_is_old_and_the_rest_verifies() {
    let (mut w, a) = ten();
    assert_eq!(w.hub.retain(w.hub.now(), "nightly").unwrap().keep_days, None, "policy keeps it for ever");
    w.wait(3 * 86_400);
    w.account(a, check("A-11", "warrant", "XY01ZZZ"));
    let policy = "[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n[limits]\njournal_keep_days=2\n";
    w.hub.policy_set(policy).unwrap();
    assert!(w.hub.retain(w.hub.now(), " ").is_err());

    // A beginning that was changed is not dropped.
    let hash: Vec<u8> = w.db().query_row("SELECT hash FROM journal WHERE seq = 2", [], |r| r.get(0)).unwrap();
    w.db().execute("UPDATE journal SET hash = zeroblob(32) WHERE seq = 2", []).unwrap();
    let kept = w.hub.retain(w.hub.now(), "nightly").unwrap();
    assert_eq!((kept.entries, kept.kept_broken), (0, vec![a.to_string()]));
    w.db().execute("UPDATE journal SET hash = ?1 WHERE seq = 2", [hash]).unwrap();

    let done = w.hub.retain(w.hub.now(), "nightly").unwrap();
    assert_eq!((done.keep_days, done.entries, done.devices), (Some(2), 10, 1));
    assert_eq!(w.hub.retain(w.hub.now(), "nightly").unwrap().entries, 0, "once");
    let state = the_state(&w);
    assert_eq!((state.unbroken, state.dropped_to, state.first, state.entries), (true, 10, 11, 1));
    assert!(w.hub.verify_journal().unwrap()[0].unbroken && w.hub.chain_states_opened().unwrap()[0].unbroken);
    let by = w.noted("auditor", "");
    let left = w.hub.account_search(&by, &AccountFilter::default(), &Page::default()).unwrap();
    assert_eq!((left.total, left.rows[0].problem.clone()), (Some(1), None));
    let noted = w.hub.looks(&by, &LookFilter::default()).unwrap();
    assert!(noted.rows.iter().any(|l| l.action == "retain" && l.subject.starts_with("10 entries of 1 devices")));
    // An anchor that was moved to hide a beginning is not the one that was noted.
    w.account(a, check("A-12", "warrant", "XY01ZZZ"));
    w.db().execute("UPDATE account_anchor SET seq = 11, hash = (SELECT hash FROM journal WHERE seq = 11)", []).unwrap();
    w.db().execute("DELETE FROM journal WHERE seq = 11", []).unwrap();
    assert!(the_state(&w).fault.unwrap().contains("log of looks"));
}

#[test]
fn an_export_comes_back_as_it_was_and_runs_nothing() {
    let mut w = World::new();
    let a = w.device("4711");
    let nasty =
        ["=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "'quoted", "a,\"b\"\r\nc", "plain"];
    for (n, text) in nasty.iter().enumerate() {
        let mut kind = check(&format!("A-{n}"), "other", "AB12CDE");
        if let EntryKind::Check { reason, .. } = &mut kind {
            *reason = Some((*text).to_owned());
        }
        w.account(a, kind);
    }
    let by = w.noted("auditor", "");
    let mut out = Vec::new();
    assert_eq!(w.hub.export(&by, &AccountFilter::default(), Format::Csv, &mut out).unwrap().entries, 9);
    let mut csv = csv::Reader::from_reader(out.as_slice());
    let head = csv.headers().unwrap().clone();
    let column = head.iter().position(|h| h == "reason").unwrap();
    let cells: Vec<String> = csv.records().map(|r| r.unwrap()[column].to_owned()).collect();
    assert!(cells.iter().all(|c| !c.trim_start().starts_with(['=', '+', '-', '@', '\t'])), "{cells:?}");
    let mut back: Vec<&str> = cells.iter().map(|c| c.strip_prefix('\'').unwrap_or(c)).collect();
    back.reverse();
    assert_eq!(back, nasty);

    let mut out = Vec::new();
    w.hub
        .export(&by, &AccountFilter { reference: Some("A-3".into()), ..Default::default() }, Format::Json, &mut out)
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&json["filter"], &json["withheld"]), (&"reference A-3".into(), &0.into()));
    let page = w.hub.account_search(
        &by,
        &AccountFilter { reference: Some("A-3".into()), ..Default::default() },
        &Page::default(),
    );
    assert_eq!(json["entries"], serde_json::to_value(page.unwrap().rows).unwrap());
    let mut none = Vec::new();
    w.hub
        .export(&by, &AccountFilter { reference: Some("no".into()), ..Default::default() }, Format::Json, &mut none)
        .unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&none).unwrap()["entries"], serde_json::json!([]));
}

#[test]
fn looks_are_chained_and_nobody_reviews_their_own() {
    let w = World::new();
    let (first, second) = (w.noted("alice", "4711"), w.noted("bob", ""));
    assert_eq!((first.line(), second.line()), (1, 2));
    let seen = w.hub.looks(&first, &LookFilter::default()).unwrap();
    assert_eq!((seen.rows.len(), seen.withheld, seen.unbroken, seen.head.n), (1, 1, true, 2));
    assert_eq!(seen.rows[0].account, "bob");
    w.noted("carol", "");
    let all = w.hub.looks(&w.noted("dave", ""), &LookFilter::default()).unwrap();
    assert_eq!(all.rows.iter().map(|l| l.account.as_str()).collect::<Vec<_>>(), ["carol", "bob", "alice"]);
    let of = LookFilter { account: Some("Bob".into()), ..LookFilter::default() };
    assert_eq!(w.hub.looks(&first, &of).unwrap().rows.len(), 1);
    assert!(w.hub.looks_contain(&seen.head).unwrap());
    for part in [Look { account: "", ..look("a", "") }, Look { subject: &"x".repeat(2_000), ..look("a", "") }] {
        assert!(w.hub.note_look(&part).is_err());
    }

    w.db().execute("UPDATE account_look SET reason = 'else' WHERE n = 2", []).unwrap();
    let found = w.hub.looks(&first, &LookFilter::default()).unwrap();
    assert!(!found.unbroken && found.problem.unwrap().contains("line 2"));
    assert!(!w.hub.looks_contain(&seen.head).unwrap());
    w.db().execute("UPDATE account_look SET reason = 'dip sample' WHERE n = 2", []).unwrap();
    w.db().execute("DELETE FROM account_look WHERE n = 4", []).unwrap();
    assert!(w.hub.looks(&first, &LookFilter::default()).unwrap().problem.unwrap().contains("had 4 lines, and has 3"));
}

#[test]
fn aggregates_name_nobody_and_tell_no_small_numbers() {
    let mut w = World::new();
    let a = w.device("4711");
    for n in 0..8 {
        w.account(a, check(&format!("A-{n}"), "traffic_stop", "AB12CDE"));
    }
    for n in 0..SMALL - 1 {
        w.account(a, check(&format!("B-{n}"), "warrant", "AB12CDE"));
    }
    // A clock that is wrong does not move a check beyond what the hub knows of when it was.
    let far = w.hub.now().plus_secs(90 * 86_400);
    w.account_at(a, far, Some(w.hub.now()), check("C-1", "traffic_stop", "AB12CDE"));
    let now = w.hub.now();
    let of = w.hub.aggregates(now.plus_secs(-86_400), now.plus_secs(1)).unwrap();
    assert_eq!(of.by_role[0].n, 13);
    let purposes: Vec<(&str, u64, u64)> = of.by_purpose.iter().map(|c| (c.value.as_str(), c.n, c.left_out)).collect();
    assert_eq!(purposes, [("traffic_stop", 0, 1), ("warrant", 0, 1)], "the one would give the other away");
    assert_eq!((of.by_hour[0].value.as_str(), of.by_hour[0].n, of.by_day.len()), ("08", 13, 1));
    assert!(of.late_hits.is_empty() && of.unusual.is_empty());
    let text = serde_json::to_string(&of).unwrap();
    assert!(!text.contains("4711") && !text.contains(&a.to_string()) && !text.contains("AB12"));
    assert_eq!(w.hub.account_reindex().unwrap().entries, 13);
    assert_eq!(w.hub.aggregates(now, now.plus_secs(1)).unwrap().by_role[0].n, 13, "counted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_from_before_retention_is_acknowledged_and_not_taken_again() {
    let mut fx = serve_common::Fixture::start().await;
    let device = fx.enrol("4711").await;
    let all = account_support::sealed(&device.root.audit_key, device.id, fx.hub.now(), 6);
    let send = |from: usize, to: usize| {
        let previous = if from == 0 { beatcheck_wire::journal::genesis(device.id) } else { all[from - 1].hash };
        let body = account_support::upload(&device, previous, &all[from..to], fx.hub.now());
        device.http.post("/v1/journal", body)
    };
    assert_eq!(send(0, 4).await.status, hyper::StatusCode::OK);
    fx.wait(3 * 86_400);
    let policy = "[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n[limits]\njournal_keep_days=2\n";
    fx.hub.policy_set(policy).unwrap();
    assert_eq!(fx.hub.retain(fx.hub.now(), "nightly").unwrap().entries, 4);
    // The acknowledgement was lost: the same again, a part of it, and with what is new behind it.
    for (from, to) in [(0, 4), (1, 3), (3, 4), (2, 5), (4, 6)] {
        assert_eq!(send(from, to).await.status, hyper::StatusCode::OK, "{from}..{to}");
    }
    let state = fx.hub.chain_states().unwrap().remove(0);
    assert_eq!((state.unbroken, state.dropped_to, state.first, state.last), (true, 4, 5, 6));
    // Told differently up to the anchor, it does not meet it.
    let other = account_support::sealed(&device.root.audit_key, device.id, fx.hub.now(), 5);
    let body = account_support::upload(&device, other[1].hash, &other[2..], fx.hub.now());
    device.http.post("/v1/journal", body).await.refused(409, "journal_conflict");
    fx.stop().await;
}
