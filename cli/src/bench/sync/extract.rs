//! Extracts with exactly so many rows changed: the generator makes the rows, this makes the next day of them.
//!
//! A share of rows, as `mutate_csv` changes them, would not do: a batch of 20 is to be 20. A changed row has another
//! value in one field and a new `updated`, as sources stamp it. New rows are held back from what was generated.

use crate::bench::step::io;
use crate::exit::Failure;
use beatcheck_model::RecordKind;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const COLOURS: [&str; 12] =
    ["Black", "White", "Grey", "Silver", "Blue", "Red", "Green", "Orange", "Brown", "Yellow", "Beige", "Purple"];
const THINGS: [&str; 8] = [
    "Carried a kitchen knife",
    "Carried a screwdriver",
    "Kept a dog that bites",
    "Spat at officers",
    "Threatened harm to himself",
    "Ran when stopped",
    "Gave a false name",
    "Resisted a search",
];
const WHERE: [&str; 8] =
    ["Handsworth", "Dudley", "Walsall", "Tipton", "Erdington", "Solihull", "Coventry city centre", "Smethwick"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What is done to rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// One field has another value: a vehicle's colour, the text of a person's first marker.
    Field,
    /// Rows that were not there come.
    New,
}

/// One source's extract, and the rows that are still to come.
pub(super) struct Extract {
    pub(super) kind: RecordKind,
    pub(super) mapping: PathBuf,
    dir: PathBuf,
    columns: Vec<String>,
    header: String,
    rows: Vec<String>,
    reserve: Vec<String>,
    /// Editions written.
    edition: u64,
}

fn csv_failed(e: impl std::fmt::Display) -> Failure {
    Failure::new("fixtures", format!("a generated row: {e}"))
}

fn cells(row: &str) -> Result<Vec<String>, Failure> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
    let record = reader.records().next().ok_or_else(|| csv_failed("it is empty"))?;
    Ok(record.map_err(csv_failed)?.iter().map(str::to_owned).collect())
}

fn line(cells: &[String]) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).map_err(csv_failed)?;
    let bytes = writer.into_inner().map_err(csv_failed)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// A number that looks drawn and is the same in every run.
const fn mixed(n: u64) -> u64 {
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

impl Extract {
    /// The first `rows` of what was generated into `dir`.
    pub(super) fn open(dir: &Path, kind: RecordKind, rows: usize) -> Result<Self, Failure> {
        let name = kind.as_str();
        let path = dir.join(format!("{name}s.csv"));
        let text = std::fs::read_to_string(&path).map_err(|e| Failure::input(&path, &e))?;
        let mut lines = text.lines().map(str::to_owned);
        let header = lines.next().ok_or_else(|| csv_failed("there is none"))?;
        let mut rows: Vec<String> = lines.by_ref().take(rows).collect();
        rows.shrink_to_fit();
        Ok(Self {
            kind,
            mapping: dir.join(format!("{name}s.toml")),
            dir: dir.to_owned(),
            columns: cells(&header)?,
            header,
            rows,
            reserve: lines.collect(),
            edition: 0,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The cells of one column of `n` rows, spread over all; empty ones are passed over.
    pub(super) fn some(&self, column: &str, n: usize) -> Result<Vec<String>, Failure> {
        let at = self.column(column)?;
        let step = (self.rows.len() / n.max(1)).max(1);
        let chosen = self.rows.iter().step_by(step).take(n).map(|r| Ok(cells(r)?.swap_remove(at)));
        Ok(chosen.collect::<Result<Vec<String>, Failure>>()?.into_iter().filter(|c| !c.is_empty()).collect())
    }

    fn column(&self, name: &str) -> Result<usize, Failure> {
        self.columns.iter().position(|c| c == name).ok_or_else(|| csv_failed(format!("no column {name}")))
    }

    /// Writes the extract as it is now.
    pub(super) fn write(&self) -> Result<PathBuf, Failure> {
        let path = self.dir.join(format!("{}s-{}.csv", self.kind.as_str(), self.edition));
        let mut text = String::with_capacity(self.rows.iter().map(|r| r.len() + 1).sum::<usize>() + 1024);
        for row in std::iter::once(&self.header).chain(&self.rows) {
            text.push_str(row);
            text.push('\n');
        }
        std::fs::write(&path, text).map_err(io("writing an extract"))?;
        Ok(path)
    }

    /// Does `edit` to `n` rows. Says why where there are not enough of them; then nothing has changed.
    pub(super) fn edit(&mut self, edit: Edit, n: usize) -> Result<Result<(), String>, Failure> {
        let edition = self.edition + 1;
        match edit {
            Edit::New if self.reserve.len() < n => return Ok(Err("no more new rows were made up".to_owned())),
            Edit::New => self.rows.extend(self.reserve.drain(..n)),
            Edit::Field => {
                let (at, updated) = (self.column(self.field())?, self.column("updated")?);
                let chosen = self.choose(at, edition, n)?;
                if chosen.len() < n {
                    return Ok(Err(format!("only {} rows have a value in '{}'", chosen.len(), self.field())));
                }
                for i in chosen {
                    let mut row = cells(&self.rows[i])?;
                    row[at] = self.other(&row[at], mixed(edition << 32 | i as u64));
                    row[updated] = format!("2026-{:02}-{:02}", 5 + edition % 6, 1 + edition % 28);
                    self.rows[i] = line(&row)?;
                }
            }
        }
        self.edition = edition;
        Ok(Ok(()))
    }

    const fn field(&self) -> &'static str {
        match self.kind {
            RecordKind::Vehicle => "colour",
            RecordKind::Person | RecordKind::Variant => "markers",
        }
    }

    /// `n` rows spread over all, of those that have a value in the column; fewer if there are not so many.
    fn choose(&self, column: usize, edition: u64, n: usize) -> Result<BTreeSet<usize>, Failure> {
        let (all, mut out) = (self.rows.len(), BTreeSet::new());
        let (step, first) = ((all / n.max(1)).max(1), mixed(edition) as usize % all.max(1));
        for k in 0..n {
            // The next that will do, once round at most.
            let from = first + k * step;
            for i in (from..from + all).map(|i| i % all) {
                if !out.contains(&i) && !cells(&self.rows[i])?[column].is_empty() {
                    out.insert(i);
                    break;
                }
            }
            if out.len() <= k {
                break;
            }
        }
        Ok(out)
    }

    /// Another value for the cell that changes.
    fn other(&self, cell: &str, draw: u64) -> String {
        let pick = |list: &[&'static str], shift: u32| list[(draw >> shift) as usize % list.len()];
        if self.kind == RecordKind::Vehicle {
            let at = draw as usize % COLOURS.len();
            let colour = COLOURS[at];
            return if colour == cell { COLOURS[(at + 1) % COLOURS.len()] } else { colour }.to_owned();
        }
        let text =
            format!("{}, {}, {} {}", pick(&THINGS, 0), pick(&WHERE, 8), pick(&MONTHS, 16), 2015 + (draw >> 24) % 11);
        // code|text|action|...;next marker
        let (first, rest) = cell.split_once(';').map_or((cell, None), |(f, r)| (f, Some(r)));
        let mut parts: Vec<&str> = first.split('|').collect();
        if let Some(part) = parts.get_mut(1) {
            *part = &text;
        }
        rest.into_iter().fold(parts.join("|"), |first, rest| format!("{first};{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beatcheck_fixtures::{Spec, generate};

    #[test]
    fn a_batch_of_twenty_is_twenty() {
        let dir = tempfile::tempdir().unwrap();
        generate(&Spec { persons: 400, vehicles: 60, seed: 1 }, dir.path(), &mut |_, _| {}).unwrap();
        for (kind, n) in [(RecordKind::Vehicle, 20), (RecordKind::Person, 10)] {
            let mut extract = Extract::open(dir.path(), kind, if n == 20 { 40 } else { 400 }).unwrap();
            let before = extract.rows.clone();
            extract.edit(Edit::Field, n).unwrap().unwrap();
            let changed: Vec<_> = before.iter().zip(&extract.rows).filter(|(a, b)| a != b).collect();
            assert_eq!(changed.len(), n, "{kind:?}");
            let (old, new) = (cells(changed[0].0).unwrap(), cells(changed[0].1).unwrap());
            assert_eq!(old.iter().zip(&new).filter(|(a, b)| a != b).count(), 2, "the field and `updated`");
            // What was written is read again as the same rows.
            let path = extract.write().unwrap();
            assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), before.len() + 1);
        }
        let mut vehicles = Extract::open(dir.path(), RecordKind::Vehicle, 40).unwrap();
        vehicles.edit(Edit::New, 20).unwrap().unwrap();
        assert_eq!((vehicles.len(), vehicles.edit(Edit::New, 1).unwrap().is_err()), (60, true));
        assert!(vehicles.edit(Edit::Field, 61).unwrap().is_err(), "no row counts twice");
    }
}
