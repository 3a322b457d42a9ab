//! Fields that a permit hides are taken out of a record as it is read: nothing above this crate ever sees them, so nothing
//! can score, show or log them (rule 7).

use beatcheck_model::{Body, Record};
use beatcheck_wire::policy::Hidden;

/// The record without what is hidden.
pub(crate) fn mask(mut record: Record, hidden: &[Hidden]) -> Record {
    for what in hidden {
        if *what == Hidden::Identifiers {
            // A source may key its records by one.
            record.source_key.clear();
        }
        match (&mut record.body, what) {
            (Body::Person(p), Hidden::Address) => p.addresses.clear(),
            (Body::Person(p), Hidden::Identifiers) => p.identifiers.clear(),
            (Body::Person(p), Hidden::Intelligence) => p.summary.clear(),
            (Body::Person(p), Hidden::Events) => p.events.clear(),
            (Body::Person(p), Hidden::Links) => p.links.clear(),
            (Body::Person(p), Hidden::Photo) => p.photo_ref.clear(),
            (Body::Vehicle(v), Hidden::Address) => v.area.clear(),
            (Body::Vehicle(v), Hidden::Identifiers) => v.vin.clear(),
            (Body::Vehicle(v), Hidden::Links) => v.links.clear(),
            (Body::Vehicle(_), Hidden::Intelligence | Hidden::Events | Hidden::Photo) | (Body::Variant(_), _) => {}
        }
    }
    record
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use beatcheck_model::{Address, Event, Identifier, Link, Marker, Name, Person, RecordId, Status, Vehicle};

    fn record(body: Body) -> Record {
        Record {
            id: RecordId([1; 16]),
            version: 1,
            source_key: "secret-key".into(),
            created: None,
            updated: None,
            review: None,
            expires: None,
            handling: String::new(),
            flags: vec![],
            body,
        }
    }

    fn person() -> Person {
        let secret = |what: &str| format!("secret-{what}");
        let mut p = Person {
            names: vec![Name { given: "Kept".into(), surname: "Kept".into(), kind: String::new() }],
            summary: secret("summary"),
            photo_ref: secret("photo"),
            ..Person::default()
        };
        p.identifiers.push(Identifier { kind: "pnc_id".into(), value: secret("pnc") });
        p.addresses.push(Address { text: secret("address"), ..Address::default() });
        p.events.push(Event { text: secret("event"), ..Event::default() });
        p.links.push(Link { text: secret("link"), ..Link::default() });
        p.markers.push(Marker { code: "FI".into(), text: "kept".into(), ..Marker::default() });
        p.statuses.push(Status { code: "wanted".into(), text: "kept".into(), ..Status::default() });
        p
    }

    #[test]
    fn what_is_hidden_is_in_no_byte_and_what_keeps_an_officer_safe_stays() {
        for body in [
            Body::Person(person()),
            Body::Vehicle(Vehicle {
                vrm: Some("KEPT1".into()),
                vin: "secret-vin".into(),
                area: "secret-area".into(),
                links: vec![Link { text: "secret-link".into(), ..Link::default() }],
                markers: vec![Marker { text: "kept".into(), ..Marker::default() }],
                ..Vehicle::default()
            }),
        ] {
            let whole = format!("{:?}", record(body.clone()));
            assert!(whole.matches("secret").count() > 3, "{whole}");
            let masked = format!("{:?}", mask(record(body.clone()), &Hidden::ALL));
            assert!(!masked.contains("secret"), "{masked}");
            assert!(masked.to_lowercase().contains("kept"), "{masked}");
            assert_eq!(mask(record(body.clone()), &[]), record(body));
        }
        let p = person();
        let one = mask(record(Body::Person(p.clone())), &[Hidden::Address]);
        let Body::Person(left) = one.body else { panic!() };
        assert!(left.addresses.is_empty() && left.identifiers == p.identifiers && left.summary == p.summary);
    }
}
