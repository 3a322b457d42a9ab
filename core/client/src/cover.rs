//! Coverage: what was searched, what should have been, and how fresh it was (rule 1).

use crate::device::{HeldMeta, View};
use crate::sync::OnItsWay;
use beatcheck_model::{Coverage, CoverageState, RecordKind, Timestamp, WarningsState};
use beatcheck_policy::Permit;
use beatcheck_wire::CompartmentId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One permitted compartment, with what is needed beyond the shown coverage.
pub(crate) struct Covered {
    pub id: CompartmentId,
    pub kind: RecordKind,
    pub shown: Coverage,
    pub manifest_version: u64,
    pub warnings: bool,
}

impl Covered {
    /// Whether it was searched.
    pub(crate) fn searched(&self) -> bool {
        self.shown.state.searched()
    }

    /// Whether its warnings are here: a list of marks has none.
    fn has_warnings(&self) -> bool {
        self.searched() && self.shown.state != CoverageState::MarksOnly
    }
}

/// What coverage is told from.
pub(crate) struct Sight {
    pub view: Arc<View>,
    /// Compartments whose rows are here.
    pub loaded: Vec<CompartmentId>,
    /// Compartments of which only the list of marks is here, where the question is one that it can answer.
    pub indexed: Vec<CompartmentId>,
    pub on_its_way: BTreeMap<CompartmentId, OnItsWay>,
}

fn is_stale(view: &View, id: &CompartmentId, name: &str, meta: &HeldMeta, now: Timestamp) -> bool {
    let warn_s = view.policy.as_ref().map_or(0, |p| i64::from(p.stale_warn_hours(name)) * 3600);
    now.secs_since(meta.as_of) > warn_s
        || meta.due_by.is_some_and(|due| now > due)
        || meta.last_refused
        || view.suspect.contains(id)
        || view.head.as_ref().is_none_or(|h| h.expires <= now)
}

/// The coverage of a check that searches these kinds; `permit` is absent where none was given, then everything is withheld.
pub(crate) fn of(sight: &Sight, permit: Option<&Permit>, kinds: &[RecordKind], now: Timestamp) -> Vec<Covered> {
    let view = &*sight.view;
    let granted = view.grant.iter().flat_map(|g| &g.compartments).filter(|c| kinds.contains(&c.kind));
    granted
        .map(|c| {
            let meta = view.held.get(&c.id).filter(|_| sight.loaded.contains(&c.id));
            let state = match meta {
                _ if permit.is_none_or(|p| !p.allows(&c.id)) => CoverageState::Withheld,
                None if sight.indexed.contains(&c.id) => CoverageState::MarksOnly,
                None => CoverageState::Missing,
                Some(m) if is_stale(view, &c.id, &c.name, m, now) => CoverageState::Stale,
                Some(_) => CoverageState::Current,
            };
            Covered {
                id: c.id,
                kind: c.kind,
                manifest_version: meta.map_or(0, |m| m.manifest_version),
                warnings: c.warnings,
                shown: Coverage {
                    compartment: c.name.clone(),
                    source: c.source.clone(),
                    withheld: permit.and_then(|p| p.withheld(&c.id)).map(|w| w.code().into()),
                    state,
                    as_of: meta.map(|m| m.as_of),
                    watermark: meta.map_or(0, |m| m.watermark),
                    records: meta.map_or(0, |m| m.rows),
                    unsearchable: meta.map_or(0, |m| m.unsearchable),
                    arriving: sight.on_its_way.get(&c.id).map(OnItsWay::shown),
                },
            }
        })
        .collect()
}

/// Whether the permitted sources that carry warnings were searched. Where no permitted source carries any, none
/// were: assume unknown.
pub(crate) fn warnings(covered: &[Covered]) -> WarningsState {
    let carrying = covered.iter().filter(|c| c.warnings);
    let (all, there) = carrying.fold((0, 0), |(a, t), c| (a + 1, t + u32::from(c.has_warnings())));
    match (all, there) {
        (_, 0) => WarningsState::NotLoaded,
        (a, t) if a == t => WarningsState::Loaded,
        _ => WarningsState::Partial,
    }
}
