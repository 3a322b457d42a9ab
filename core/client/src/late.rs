//! The late hit (rule 11): after a sync, the questions of the last hours are asked again, and who was told otherwise
//! is told.

use crate::ClientError;
use crate::account::Line;
use crate::check::Found;
use crate::cover;
use crate::device::{Device, View, Why, decode, doc, encode};
use crate::halt::Halt;
use crate::on_record::shown;
use crate::question::{ToldAnswer, ToldQuestion};
use crate::status::LateHit;
use beatcheck_audit::EntryKind;
use beatcheck_model::{Grade, Hit, Outcome, RecordKind, Timestamp};
use beatcheck_store::{LateHitRow, Told};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Questions asked again after one sync, at most: the newest of the window.
const MAX_REASKED: usize = 2_000;

struct Late {
    seq: u64,
    reference: String,
    asked: Timestamp,
    change: &'static str,
    text: String,
    hits: Vec<Hit>,
    now_told: ToldAnswer,
}

impl Device {
    /// Notes that what is held is about to change, so that what was asked is to be asked again: also if this process does not
    /// live to do it.
    pub(crate) fn owe_late_hits(&self) -> Result<(), ClientError> {
        if self.late_hits_owed()? == Some(u64::MAX) {
            return Ok(());
        }
        Ok(self.state.put_all(&[(doc::LATE_OWED, Some(&encode(&u64::MAX)?))])?)
    }

    fn late_hits_owed(&self) -> Result<Option<u64>, ClientError> {
        self.state.get(doc::LATE_OWED)?.map(|bytes| decode(&bytes)).transpose()
    }

    /// Asks again what was asked within policy's window, if what is held has changed; what has changed in an answer is put on
    /// record and returned. When `halt` comes, the rest is left to the next time: thousands of questions take seconds, and a
    /// pause waits for this.
    pub(crate) fn watch_late_hits(
        &self,
        view: &Arc<View>,
        now: Timestamp,
        halt: &Halt,
    ) -> Result<Vec<LateHit>, ClientError> {
        // Locked, it could look at nothing, and would find everything unchanged.
        let Some(below) = self.late_hits_owed()?.filter(|_| self.is_unlocked()) else { return Ok(Vec::new()) };
        let hours = view.policy.as_ref().map_or(0, |p| i64::from(p.limits.late_hit_hours));
        let since = now.plus_secs(-hours * 3600);
        self.journal.purge_told(since)?;
        self.journal.purge_asked(now.plus_secs(-crate::usage::COUNTED_S))?;
        let ids: BTreeMap<String, String> =
            view.grant.iter().flat_map(|g| &g.compartments).map(|c| (c.name.clone(), c.id.to_string())).collect();
        let (mut late, mut left) = (Vec::new(), None);
        for (seq, told) in self.journal.told_since(since, below, MAX_REASKED)? {
            if halt.has_come() {
                // This one and those before it.
                left = Some(encode(&(seq + 1))?);
                break;
            }
            if let Some(l) = self.compare(view, seq, &told, now, &ids) {
                late.push(l);
            }
        }
        let mut out = Vec::with_capacity(late.len());
        for l in late {
            let kind = EntryKind::LateHit {
                reference: l.reference.clone(),
                change: l.change.into(),
                shown: shown(&l.hits, &ids),
            };
            let audit_seq = self.account(view, now, vec![Line::of(kind)])?;
            self.journal.add_late_hit(&LateHitRow {
                seq: audit_seq,
                reference: l.reference.clone(),
                asked: l.asked,
                at: now,
                change: l.change.into(),
                text: l.text.clone(),
            })?;
            let json = serde_json::to_string(&l.now_told).unwrap_or_default();
            self.journal.update_told(l.seq, &json)?;
            let Late { reference, asked, change, text, .. } = l;
            out.push(LateHit { reference, asked, at: now, change: change.into(), text, audit_seq });
        }
        self.state.put_all(&[(doc::LATE_OWED, left.as_deref())])?;
        Ok(out)
    }

    fn compare(
        &self,
        view: &Arc<View>,
        seq: u64,
        told: &Told,
        now: Timestamp,
        ids: &BTreeMap<String, String>,
    ) -> Option<Late> {
        let question: ToldQuestion = serde_json::from_str(&told.query_json).ok()?;
        let before: ToldAnswer = serde_json::from_str(&told.told_json).ok()?;
        // No longer permitted: nothing may be looked at, so nothing can be told.
        let why = Why {
            purpose: &question.purpose,
            reason: &question.reason,
            incident: &question.incident,
            subject: None,
            before: &[],
        };
        let permit = self.permit(view, &why, now).ok()?;
        let kind = question.query.kind();
        let covered = cover::of(&self.sight(view, false), Some(&permit), question.query.searches(), now);
        let Found { mut hits, .. } = self.search(&permit, &covered, &question.query, now).ok()?;
        // Near misses come and go; nobody was told that they were the one asked about.
        hits.retain(|h| h.outcome != Outcome::NoTrace);
        let was = |h: &Hit| before.shown.iter().find(|(_, id, _)| *id == h.id);
        // A person list's order shifts with every change: only a good new candidate is worth an officer's attention.
        let worth = |h: &&Hit| kind == RecordKind::Vehicle || h.grade >= Grade::Strong;
        let appeared: Vec<&Hit> = hits.iter().filter(worth).filter(|h| was(h).is_none()).collect();
        let corrected: Vec<&Hit> = hits.iter().filter(|h| was(h).is_some_and(|(_, _, v)| *v != h.version)).collect();
        let searched: Vec<String> = covered.iter().filter(|c| c.searched()).map(|c| c.id.to_string()).collect();
        let withdrawn = before.shown.iter().filter(|(compartment, id, _)| {
            searched.contains(compartment)
                && !hits.iter().any(|h| h.id == *id)
                && self.is_gone(&permit, compartment, id)
        });
        let withdrawn = withdrawn.count();
        let (change, what) = if let Some(h) = appeared.first() {
            ("appeared", format!("a record has appeared: {} {}", h.vrm.as_deref().unwrap_or_default(), h.title))
        } else if let Some(h) = corrected.first() {
            (
                "corrected",
                format!("a record you were shown was corrected: {} {}", h.vrm.as_deref().unwrap_or_default(), h.title),
            )
        } else if withdrawn > 0 {
            ("withdrawn", "a record you were shown was withdrawn by its source".to_owned())
        } else {
            return None;
        };
        let text = format!("Check {}: {what}. Check again before you act.", told.reference);
        let now_told = ToldAnswer::of(&hits, ids);
        Some(Late { seq, reference: told.reference.clone(), asked: told.at, change, text, hits, now_told })
    }

    /// Whether a record is no longer held at all: one that only fell off a list was not withdrawn.
    fn is_gone(&self, permit: &beatcheck_policy::Permit, compartment: &str, id: &str) -> bool {
        let (Some(c), Some(id)) =
            (beatcheck_wire::CompartmentId::from_hex(compartment), beatcheck_model::RecordId::from_hex(id))
        else {
            return false;
        };
        matches!(self.shelf.record(permit, &c, &id), Ok(None))
    }
}
