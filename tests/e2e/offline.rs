//! A thousand checks without signal: the hub ends up with each of them, once, in order.

use crate::support::{List, PURPOSE, TestHub, check, events, sync, vrm};
use beatcheck::{Answer, Outcome, PersonQuery, VehicleQuery};

#[test]
fn a_thousand_checks_offline_reach_the_hub_in_order() {
    let mut hub = TestHub::start();
    let cars = (0..50).fold(List::vehicles("cars", "cars"), |l, i| l.car(&format!("AB{i:02}CDE"), "Red"));
    hub.publish(&cars);
    let device = hub.enrol("officer-1");
    let name = sync(&device).compartments[0].compartment.clone();
    hub.stop();

    let mut told: Vec<(String, String, Answer)> = Vec::new();
    for i in 0..1000 {
        let (what, purpose, answer) = match i % 10 {
            0 => {
                let query = PersonQuery { surname: Some(format!("Smith{i}")), ..PersonQuery::default() };
                (format!("Smith{i}"), PURPOSE, device.check_person(query, PURPOSE.into()))
            }
            1 => (
                format!("AB{:02}CDE", i % 50),
                "curiosity",
                device.check_vehicle(vrm(&format!("AB{:02}CDE", i % 50)), "curiosity".into()),
            ),
            2 => ("?".repeat(1 + i % 7), PURPOSE, device.check_vehicle(vrm(&"?".repeat(1 + i % 7)), PURPOSE.into())),
            3 => {
                let query = VehicleQuery { vin: Some(format!("WVWZZZ1JZ{i:08}")), ..VehicleQuery::default() };
                (format!("WVWZZZ1JZ{i:08}"), PURPOSE, device.check_vehicle(query, PURPOSE.into()))
            }
            _ => (
                format!("AB{:02}CDE", i % 100),
                PURPOSE,
                device.check_vehicle(vrm(&format!("AB{:02}CDE", i % 100)), PURPOSE.into()),
            ),
        };
        told.push((what, purpose.into(), answer.unwrap()));
    }
    let status = device.status().unwrap();
    assert!(status.journal.pending >= 1000 && !status.journal.low, "{:?}", status.journal);
    let report = device.sync().unwrap();
    assert_eq!(report.fault.as_ref().map(|f| f.code.as_str()), Some("hub_unreachable"));
    assert!(report.journal_pending >= 1000);

    hub.serve();
    sync(&device);
    assert_eq!(device.status().unwrap().journal.pending, 0);
    let account = hub.account(&status.device);
    let checks = events(&account, "check");
    assert_eq!(checks.len(), 1000);
    let (mut hits, mut refused, mut invalid) = (0, 0, 0);
    for (entry, (what, purpose, answer)) in checks.iter().zip(&told) {
        assert_eq!(account[answer.audit_seq as usize - 1]["reference"], entry["reference"]);
        assert_eq!(entry["reference"], answer.reference.as_str());
        assert_eq!((&entry["officer"], &entry["role"]), (&"officer-officer-1".into(), &"patrol".into()));
        assert_eq!(entry["purpose"], purpose.as_str());
        assert!(entry["asked"].to_string().contains(what.as_str()), "{what} in {entry}");
        assert_eq!(entry["outcome"], answer.outcome.as_str());
        assert_eq!(entry["at"], answer.at.to_string());
        assert_eq!(entry["error"].as_str(), answer.error.as_ref().map(|e| e.code.as_str()));
        assert_eq!(entry["shown"].as_array().unwrap().len(), answer.hits.len());
        hits += u32::from(answer.outcome == Outcome::Hit);
        refused += u32::from(entry["error"] == "purpose_not_allowed");
        invalid += u32::from(entry["error"] == "invalid_query");
        if answer.outcome == Outcome::Hit {
            assert_eq!(
                (&entry["shown"][0]["id"], &entry["consulted"][0]["name"]),
                (&answer.hits[0].id.clone().into(), &name.clone().into())
            );
        }
    }
    assert_eq!((refused, invalid), (100, 100));
    assert!(hits >= 290, "{hits}");
    // Once more: nothing is sent twice.
    assert_eq!(sync(&device).journal_sent, 0);
    check(&device, "AB00CDE");
    assert_eq!(sync(&device).journal_sent, 1);
    assert_eq!(events(&hub.account(&status.device), "check").len(), 1001);
}
