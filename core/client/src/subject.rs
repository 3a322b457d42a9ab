//! A record in words: a line that describes the subject, and its particulars in the order to read them.

use beatcheck_model::{Detail, Name, PartialDate, Person, Vehicle};

fn join(parts: &[&str]) -> String {
    parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

pub(crate) fn vehicle_title(v: &Vehicle) -> String {
    let year = if v.year == 0 { String::new() } else { v.year.to_string() };
    let title = join(&[&v.colour, &v.make, &v.model, &year, &v.body_type]);
    if title.is_empty() { "no description recorded".into() } else { title }
}

pub(crate) fn vehicle_details(v: &Vehicle) -> Vec<Detail> {
    let mut out = Vec::new();
    let mut put = |label: &str, value: &str| {
        if !value.is_empty() {
            out.push(Detail { label: label.into(), value: value.into() });
        }
    };
    put("Mark as recorded", &v.vrm_as_written);
    put("VIN", &v.vin);
    put("Area", &v.area);
    for l in &v.links {
        put(&capital(&l.kind), if l.text.is_empty() { &l.target_key } else { &l.text });
    }
    out
}

/// Given names and surname.
pub(crate) fn full_name(n: &Name) -> String {
    join(&[&n.given, &n.surname])
}

pub(crate) fn person_title(p: &Person) -> String {
    let name = p.names.first().map(full_name).unwrap_or_default();
    let born = p.dobs.first().map(|d| format!(", born {d}")).unwrap_or_default();
    format!("{}{born}", if name.is_empty() { "no name recorded" } else { &name })
}

pub(crate) fn person_details(p: &Person) -> Vec<Detail> {
    let mut out = Vec::new();
    let mut put = |label: &str, value: String| {
        if !value.trim().is_empty() {
            out.push(Detail { label: label.into(), value });
        }
    };
    let range = |text: &str, since: Option<PartialDate>, until: Option<PartialDate>| {
        let since = since.map(|d| format!(" since {d}")).unwrap_or_default();
        let until = until.map(|d| format!(" until {d}")).unwrap_or_default();
        format!("{text}{since}{until}")
    };
    for s in &p.statuses {
        put(&capital(&s.code), range(&s.text, s.since, s.until));
    }
    for n in p.names.iter().skip(1) {
        put("Also known as", join(&[&n.given, &n.surname]));
    }
    for d in p.dobs.iter().skip(1) {
        put("Also gave date of birth", d.to_string());
    }
    put("Height", p.height_band.clone());
    for a in &p.addresses {
        put(
            "Address",
            join(&[&a.text, &a.postcode, &if a.kind.is_empty() { String::new() } else { format!("({})", a.kind) }]),
        );
    }
    for i in &p.identifiers {
        put(&capital(&i.kind), i.value.clone());
    }
    put("Summary", p.summary.clone());
    for e in &p.events {
        put(&capital(&e.kind), join(&[&e.date.map(|d| d.to_string()).unwrap_or_default(), &e.text, &e.outcome]));
    }
    for l in &p.links {
        put(&capital(&l.kind), if l.text.is_empty() { l.target_key.clone() } else { l.text.clone() });
    }
    out
}

pub(crate) fn capital(code: &str) -> String {
    let text = code.replace('_', " ");
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}
