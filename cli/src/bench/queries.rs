//! What is asked in a bench: questions made of the rows that were ingested, and of marks that were not.

use crate::exit::Failure;
use serde_json::json;
use std::collections::HashSet;

/// One question, and the key of the record that should be found.
pub(super) struct Asked {
    /// A line for `device batch`.
    pub(super) line: String,
    /// The record's own key; none where nothing should be found.
    pub(super) key: Option<String>,
    /// What a plain scan of the extract would look for: values of columns, all to be equal.
    pub(super) plain: Vec<(usize, String)>,
}

/// Rows of an extract: the cells before the first quoted one.
pub(super) struct Rows<'a> {
    pub(super) text: &'a str,
    len: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(csv: &'a [u8]) -> Result<Self, Failure> {
        let text = std::str::from_utf8(csv).map_err(|_| Failure::new("input", "an extract is not UTF-8"))?;
        Ok(Self { text, len: text.lines().count().saturating_sub(1) })
    }

    /// About `n` rows, spread evenly.
    fn sample(&self, n: usize) -> impl Iterator<Item = Vec<&'a str>> + use<'a> {
        let every = (self.len / n.max(1)).max(1);
        self.text.lines().skip(1).step_by(every).take(n).map(cells)
    }
}

/// The first cells of a row, as far as they are plain.
pub(super) fn cells(row: &str) -> Vec<&str> {
    row.split(',').take(5).take_while(|c| !c.starts_with('"')).collect()
}

/// Columns of `vehicles.csv`.
const VRM: usize = 1;
const VIN: usize = 2;
/// Columns of `persons.csv`.
const GIVEN: usize = 1;
const SURNAME: usize = 2;
const DOB: usize = 3;

fn vehicle(field: &str, value: &str, key: Option<&str>, plain: Vec<(usize, String)>) -> Asked {
    Asked { line: json!({"kind": "vehicle", field: value}).to_string(), key: key.map(str::to_owned), plain }
}

/// Marks as recorded.
pub(super) fn marks(rows: &Rows<'_>, n: usize) -> Vec<Asked> {
    let ask =
        |r: Vec<&str>| Some(vehicle("vrm", r.get(VRM)?, r.first().copied(), vec![(VRM, (*r.get(VRM)?).to_owned())]));
    rows.sample(n).filter_map(ask).collect()
}

/// VINs as recorded.
pub(super) fn vins(rows: &Rows<'_>, n: usize) -> Vec<Asked> {
    let ask = |r: Vec<&str>| {
        let vin = r.get(VIN).filter(|v| !v.is_empty())?;
        Some(vehicle("vin", vin, r.first().copied(), vec![(VIN, (*vin).to_owned())]))
    };
    rows.sample(n).filter_map(ask).collect()
}

/// Marks of the current shape that no row has.
pub(super) fn unknown_marks(rows: &Rows<'_>, n: usize) -> Vec<Asked> {
    let known: HashSet<String> =
        rows.text.lines().filter_map(|l| cells(l).get(VRM).map(|v| v.replace(' ', ""))).collect();
    // 99 was never issued; the letters walk, so that neighbours differ.
    let letter = |i: usize| char::from(b"ABCDEFGHJKLMNPRSTUVWXY"[i % 22]);
    let mark = |i: usize| {
        format!("{}{}99 {}{}{}", letter(i), letter(i / 22), letter(i * 7), letter(i * 13 + 5), letter(i / 3))
    };
    let fresh = (0..).map(mark).filter(|m| !known.contains(&m.replace(' ', "")));
    fresh.take(n).map(|m| vehicle("vrm", &m, None, vec![(VRM, m.clone())])).collect()
}

/// Recorded marks with every 0 written O and every 1 written I, or the other way.
pub(super) fn folded_marks(rows: &Rows<'_>, n: usize) -> Vec<Asked> {
    let swap = |c: char| match c {
        '0' => 'O',
        'O' => '0',
        '1' => 'I',
        'I' => '1',
        c => c,
    };
    let ask = |r: Vec<&str>| {
        let written = *r.get(VRM)?;
        let seen: String = written.chars().map(swap).collect();
        (seen != written).then(|| vehicle("vrm", &seen, r.first().copied(), vec![(VRM, written.to_owned())]))
    };
    rows.sample(n * 4).filter_map(ask).take(n).collect()
}

/// What of a person is asked.
#[derive(Clone, Copy)]
pub(super) enum Known {
    /// Names and date of birth as recorded.
    NameAndBirth,
    /// The same with two neighbouring letters of the surname swapped.
    Misspelt,
    /// Names only.
    Name,
}

/// Persons as recorded, or nearly.
pub(super) fn persons(rows: &Rows<'_>, n: usize, known: Known) -> Vec<Asked> {
    let ask = |r: Vec<&str>| {
        let (given, surname, dob) = (*r.get(GIVEN)?, *r.get(SURNAME)?, *r.get(DOB)?);
        let whole = dob.len() == 10 && !given.is_empty() && surname.len() > 3 && surname.is_ascii();
        let mut plain = vec![(GIVEN, given.to_owned()), (SURNAME, surname.to_owned())];
        let line = match known {
            Known::Name => json!({"kind": "person", "surname": surname, "given": given}),
            Known::NameAndBirth => {
                plain.push((DOB, dob.to_owned()));
                json!({"kind": "person", "surname": surname, "given": given, "dob": dob})
            }
            Known::Misspelt => {
                plain.push((DOB, dob.to_owned()));
                json!({"kind": "person", "surname": swapped(surname), "given": given, "dob": dob})
            }
        };
        whole.then(|| Asked { line: line.to_string(), key: r.first().map(|k| (*k).to_owned()), plain })
    };
    rows.sample(n * 2).filter_map(ask).take(n).collect()
}

/// The second and third letter change places.
fn swapped(name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    if letters.len() > 2 {
        letters.swap(1, 2);
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VEHICLES: &str = "id,vrm,vin,make\nV0,BD01 SMR,W1,x\nV1,AB12 CDE,,y\nV2,XY22 ZZZ,W3,z\n";
    const PERSONS: &str =
        "id,given,surname,dob,sex\nP0,Roisin,Connors,1984-03-02,f\nP1,A,\"B, C\",1984-03-02,f\nP2,Jo,Smith,1984,m\n";

    #[test]
    fn questions_are_made_of_rows() {
        let rows = Rows::new(VEHICLES.as_bytes()).unwrap();
        assert_eq!(marks(&rows, 3).len(), 3);
        assert_eq!(vins(&rows, 3).iter().map(|a| a.key.clone().unwrap()).collect::<Vec<_>>(), ["V0", "V2"]);
        let folded: Vec<String> = folded_marks(&rows, 3).into_iter().map(|a| a.line).collect();
        assert_eq!(folded, [r#"{"kind":"vehicle","vrm":"BDOI SMR"}"#, r#"{"kind":"vehicle","vrm":"ABI2 CDE"}"#]);
        let none = unknown_marks(&rows, 50);
        let distinct: HashSet<&str> = none.iter().map(|a| a.line.as_str()).collect();
        assert!(none.iter().all(|a| a.key.is_none()) && distinct.len() == 50);
    }

    #[test]
    fn only_whole_persons_are_asked_for() {
        let rows = Rows::new(PERSONS.as_bytes()).unwrap();
        let asked = persons(&rows, 3, Known::Misspelt);
        assert_eq!(asked.len(), 1);
        assert!(asked[0].line.contains("Cnonors") && asked[0].plain.contains(&(SURNAME, "Connors".into())));
    }
}
