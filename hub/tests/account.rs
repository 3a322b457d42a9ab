//! The account as it is read: found, whole, nobody's own, kept for a time, exported.
#![allow(clippy::unwrap_used)]

#[path = "account/support.rs"]
mod account_support;
mod serve_common;

use account_support::{World, check, look};
use beatcheck_audit::EntryKind;
use beatcheck_hub::{AccountFilter, Format, Look, LookFilter, Page};
use beatcheck_model::Outcome;
use serve_common::START;

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
    assert_eq!(START.len(), 20);
    let mut out = Vec::new();
    let report = w.hub.export(&own, &AccountFilter::default(), Format::Json, &mut out).unwrap();
    assert_eq!((report.entries, report.withheld), (2, 60));
    assert!(!String::from_utf8(out).unwrap().contains("A-7"));
    let _ = (Outcome::Hit, LookFilter::default());
}
