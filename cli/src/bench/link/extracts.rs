//! What is synced: made-up records, and for each delta the next extract of the same source.

use super::super::job::make_up;
use super::super::{queries, sizes};
use crate::exit::Failure;
use beatcheck_fixtures::{Spec, mutate_csv};
use std::path::{Path, PathBuf};

/// Most deltas of a run: the generator has so many ranges of new rows ([`mutate_csv`]).
pub(super) const MAX_DELTAS: u32 = 40;
/// Share of rows that differ from one extract to the next ...
const CHANGE: f64 = 0.01;
/// ... but at least so many rows: what a hub gathers in a busy minute.
const LEAST_CHANGES: f64 = 20.0;
/// Of those, shares that change, go and come.
const PARTS: [f64; 3] = [0.6, 0.2, 0.2];

/// One source: its mapping, and its extracts from the first to the last.
pub(super) struct Source {
    pub(super) mapping: PathBuf,
    pub(super) extracts: Vec<PathBuf>,
}

/// All that one size of the job needs.
pub(super) struct Extracts {
    pub(super) sources: Vec<Source>,
    /// A mark on the list.
    pub(super) mark: String,
}

impl Extracts {
    /// Makes them up in `dir`.
    pub(super) fn make(dir: &Path, vehicles: u64, persons: u64, deltas: u32, seed: u64) -> Result<Self, Failure> {
        make_up(&Spec { persons, vehicles, seed }, dir)?;
        let first = sizes::read(&dir.join("vehicles.csv"))?;
        let text = String::from_utf8_lossy(&first);
        let mark = text.lines().skip(1).find_map(|l| queries::cells(l).get(1).map(|m| (*m).to_owned()));
        let mark = mark.ok_or_else(|| Failure::new("fixtures", "the list has no mark"))?;
        let mut sources = vec![source(dir, "vehicles", vehicles, deltas, seed)?];
        if persons > 0 {
            sources.push(source(dir, "persons", persons, deltas, seed)?);
        }
        Ok(Self { sources, mark })
    }
}

fn source(dir: &Path, kind: &str, rows: u64, deltas: u32, seed: u64) -> Result<Source, Failure> {
    let share = CHANGE.max(LEAST_CHANGES / rows.max(1) as f64).min(0.9);
    let [changed, gone, new] = PARTS.map(|part| part * share);
    let mut extracts = vec![dir.join(format!("{kind}.csv"))];
    for n in 1..=deltas {
        let (before, next) = (dir.join(name(kind, n - 1)), dir.join(name(kind, n)));
        // Each delta of a run another number below `MAX_DELTAS`: its new rows are no other's.
        let seed = seed.wrapping_mul(u64::from(MAX_DELTAS)).wrapping_add(u64::from(n));
        mutate_csv(&before, &next, seed, changed, gone, new).map_err(|e| Failure::new("fixtures", e.to_string()))?;
        extracts.push(next);
    }
    Ok(Source { mapping: dir.join(format!("{kind}.toml")), extracts })
}

fn name(kind: &str, n: u32) -> String {
    if n == 0 { format!("{kind}.csv") } else { format!("{kind}-{n}.csv") }
}
