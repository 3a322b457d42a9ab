//! The loop of one sync: what the machine says is done, here or beside it, and what comes of it is told to the machine.

use super::report::Failure;
use super::{MAX_FRAMES, Mended, Note, Run, SyncProgress, Worker, store_fault};
use crate::ClientError;
use crate::account::Line;
use crate::device::{doc, encode};
use crate::halt::Halt;
use beatcheck_audit::EntryKind;
use beatcheck_sync::{Do, Event, Machine, SyncFault};
use beatcheck_wire::{CompartmentId, Hash32, OrderId};
use std::collections::VecDeque;
use std::thread::Scope;
use std::time::Duration;
use tokio::sync::mpsc;

impl<'a> Run<'a> {
    /// Runs the machine to its end; says by which order the device is to be erased, if by any.
    pub(super) async fn drive<'scope>(
        &mut self,
        mut machine: Machine,
        mut inbox: mpsc::Receiver<Note>,
        scope: &'scope Scope<'scope, 'a>,
        mut halt: Halt,
    ) -> Result<Option<OrderId>, ClientError> {
        let mut todo: VecDeque<Do> = machine.start().into();
        loop {
            while let Some(next) = todo.pop_front() {
                let event = match next {
                    Do::Done(outcome) => {
                        self.drain(&mut inbox).await;
                        self.end(outcome)?;
                        return Ok(None);
                    }
                    Do::Wipe(order) => {
                        self.drain(&mut inbox).await;
                        return Ok(Some(order));
                    }
                    // Given up in the middle, what the hub has taken is sent again: it knows the numbers.
                    Do::SendJournal => Some(tokio::select! {
                        sent = self.send_journal() => sent,
                        () = halt.come() => Event::Broken(SyncFault::Cancelled),
                    }),
                    Do::Fetch(want) => {
                        self.spawn_fetch(want);
                        None
                    }
                    Do::Wait { ms } => {
                        (self.progress)(SyncProgress::Waiting { ms });
                        let notes = self.notes.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                            // The loop holds the receiver until it ends; then nobody waits for this.
                            let _ = notes.send(Note::Event(Event::Woke)).await;
                        });
                        None
                    }
                    Do::Apply { manifest, manifest_hash, route } => {
                        self.beside(scope, move |w| w.apply(&manifest, manifest_hash, &route));
                        None
                    }
                    Do::ApplyIndex { manifest, segments } => {
                        self.beside(scope, move |w| w.apply_index(&manifest, &segments));
                        None
                    }
                    Do::Repair(id) => {
                        self.beside(scope, move |w| w.repair(id));
                        None
                    }
                    other => self.local(other)?,
                };
                if let Some(event) = event {
                    todo.extend(machine.on(event, self.device.now()));
                }
            }
            let note = tokio::select! {
                note = inbox.recv() => note,
                () = halt.come() => Some(Note::Event(Event::Broken(SyncFault::Cancelled))),
            };
            let Some(note) = note else { return Ok(None) };
            if let Some(event) = self.note(note)? {
                todo.extend(machine.on(event, self.device.now()));
            }
        }
    }

    /// Starts work in a thread of its own, which ends with an event.
    fn beside<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, 'a>,
        work: impl FnOnce(&Worker<'a>) -> Event + Send + 'scope,
    ) {
        self.running += 1;
        let worker = self.worker.clone();
        scope.spawn(move || {
            let event = work(&worker);
            worker.tell(Note::Event(event));
        });
    }

    /// Waits for what runs beside the loop: what it brings is in force, and is to be in the report.
    async fn drain(&mut self, inbox: &mut mpsc::Receiver<Note>) {
        while self.running > 0 {
            let Some(note) = inbox.recv().await else { return };
            // Frames that still come are of no use to this sync; they are fetched again.
            let _ = self.note(note);
        }
    }

    /// Takes note; what is for the machine comes back.
    fn note(&mut self, note: Note) -> Result<Option<Event>, ClientError> {
        match note {
            Note::Progress(p) => (self.progress)(p),
            Note::Changed(change) => self.report.compartments.push(*change),
            Note::Mended(mended) => self.report.mended.push(mended),
            Note::Event(event) => {
                match &event {
                    Event::Frame { segment, bytes, .. } => self.frame(segment, bytes.len() as u64)?,
                    Event::Applied(_) | Event::ApplyFailed { .. } | Event::Indexed(_) | Event::Repaired { .. } => {
                        self.running = self.running.saturating_sub(1);
                    }
                    _ => {}
                }
                if let Event::Indexed(id) = &event {
                    (self.progress)(SyncProgress::MarksUsable { compartment: self.device.name(id) });
                }
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn frame(&mut self, segment: &Hash32, bytes: u64) -> Result<(), ClientError> {
        self.arrivals.frame(self.device, segment, bytes)?;
        let (bytes, bytes_per_s) = (self.arrivals.bytes, self.arrivals.bytes_per_s);
        (self.progress)(SyncProgress::Fetched { bytes, of: self.planned.max(bytes), bytes_per_s });
        Ok(())
    }

    /// What needs no network. Store work may block: the fetches go on in the runtime's other thread.
    fn local(&mut self, what: Do) -> Result<Option<Event>, ClientError> {
        Ok(match what {
            Do::Contact => {
                let (now, known) = (encode(&self.device.now())?, encode(&self.device.time.known())?);
                // What was broken open closes: the lease is good again.
                let documents = [(doc::CONTACT, Some(now.as_slice())), (doc::CLOCK, Some(&known)), (doc::GLASS, None)];
                self.device.state.put_all(&documents)?;
                self.device.reload()?;
                None
            }
            Do::AdoptRoot(root) => {
                tokio::task::block_in_place(|| self.device.adopt_root(*root))?;
                None
            }
            Do::Hold { bundle } => {
                self.device.state.put_all(&[(doc::GRANT, Some(&bundle.grant)), (doc::POLICY, Some(&bundle.policy))])?;
                self.device.reload()?;
                None
            }
            Do::AdoptGrant { grant, policy, bundle } => {
                Some(tokio::task::block_in_place(|| self.adopt(&grant, &policy, &bundle))?)
            }
            Do::Planned { compartment, bytes, .. } => {
                self.arrivals.planned(self.device, compartment, bytes);
                None
            }
            Do::Inspect(id, segments) => Some(self.inspect(id, &segments)?),
            Do::Stage { segment, index, bytes } => {
                let now_ms = self.device.env.now().0.unsigned_abs();
                let put = self.staging.put_frame(&segment, index, &bytes);
                match put.and_then(|()| self.staging.flush_if_due(now_ms)) {
                    Ok(_) => None,
                    Err(e) => Some(Event::Broken(store_fault(&e))),
                }
            }
            Do::DropSegment(hash) => {
                self.asking.relay.iter().for_each(|r| r.distrust(hash));
                self.staging.drop_segment(&hash, MAX_FRAMES)?;
                None
            }
            Do::KeepDictionary { compartment, segment } => {
                tokio::task::block_in_place(|| self.worker.keep_dictionary(compartment, &segment))?;
                None
            }
            Do::Commit { head_version, head, set_hash } => {
                let set = set_hash.map(|h| encode(&h)).transpose()?;
                let version = encode(&head_version)?;
                let mut documents = vec![(doc::HEAD_VERSION, Some(version.as_slice())), (doc::HEAD, Some(&head))];
                if let Some(set) = &set {
                    documents.push((doc::SET_HASH, Some(set)));
                }
                self.device.state.put_all(&documents)?;
                self.device.reload()?;
                tokio::task::block_in_place(|| self.after_changes())?;
                None
            }
            Do::Done(_)
            | Do::Wipe(_)
            | Do::SendJournal
            | Do::Fetch(_)
            | Do::Wait { .. }
            | Do::Apply { .. }
            | Do::ApplyIndex { .. }
            | Do::Repair(_) => None,
        })
    }

    fn inspect(&mut self, id: CompartmentId, segments: &[(Hash32, u16)]) -> Result<Event, ClientError> {
        let mut staged = Vec::with_capacity(segments.len());
        for (hash, frames) in segments {
            staged.push((*hash, self.staging.frames(hash, *frames)?));
        }
        let frame = beatcheck_wire::segment::FRAME as u64;
        let (here, all) = staged.iter().flat_map(|(_, f)| f).fold((0, 0), |(h, n), f| (h + u64::from(*f), n + 1));
        self.planned = self.planned.max(self.arrivals.bytes) + (all - here) * frame;
        let hashes: Vec<Hash32> = segments.iter().map(|(h, _)| *h).collect();
        self.arrivals.staged(self.device, id, &hashes, here * frame);
        Ok(Event::Staged(id, staged))
    }

    /// Late hits, and the account of what is held now: after the trust state moved.
    fn after_changes(&mut self) -> Result<(), ClientError> {
        if self.report.compartments.is_empty() && self.report.withdrawn.is_empty() {
            return Ok(());
        }
        let view = self.device.view();
        let now = self.device.now();
        let sight = self.device.sight(&view, false);
        let mut consulted = Vec::new();
        for kind in beatcheck_model::RecordKind::ALL {
            consulted.extend(crate::on_record::consulted(&crate::cover::of(&sight, None, &[kind], now)));
        }
        consulted.iter_mut().for_each(|c| c.state = "held".into());
        self.device.account(&view, now, vec![Line::of(EntryKind::Synced { consulted })])?;
        self.late_hits()
    }

    /// What is owed since something has changed, now or in a sync that was broken off.
    fn late_hits(&mut self) -> Result<(), ClientError> {
        if self.device.is_wiped() {
            return Ok(());
        }
        for hit in self.device.watch_late_hits(&self.device.view(), self.device.now(), &self.worker.halt)? {
            (self.progress)(SyncProgress::LateHit(hit.clone()));
            self.report.late_hits.push(hit);
        }
        Ok(())
    }

    fn end(&mut self, outcome: beatcheck_sync::Outcome) -> Result<(), ClientError> {
        let failed: Vec<Failure> = outcome.failed.iter().map(|(id, f)| self.failure(Some(*id), f)).collect();
        self.report.failed.extend(failed);
        self.report.fault = outcome.fault.as_ref().map(|f| self.failure(None, f));
        self.report.ask_again_s = outcome.ask_again_s;
        self.report.deferred = outcome.deferred.iter().map(|id| self.device.name(id)).collect();
        for id in &outcome.rebuilt {
            self.rebuilt(id)?;
        }
        self.device.note_pace(outcome.ask_again_s, outcome.fault.as_ref())?;
        if self.report.fault.is_some() && !self.report.compartments.is_empty() {
            // What was applied before the link broke is in force: it may change what officers were told.
            self.device.reload()?;
            tokio::task::block_in_place(|| self.after_changes())?;
        }
        tokio::task::block_in_place(|| self.late_hits())
    }

    /// A compartment was fetched anew because it could not be mended row by row: noted, and in the account.
    fn rebuilt(&mut self, id: &CompartmentId) -> Result<(), ClientError> {
        let (device, name) = (self.device, self.device.name(id));
        device.note_integrity(id, |i| (i.suspect, i.rebuilds) = (false, i.rebuilds + 1))?;
        let rows = device.view().held.get(id).map_or(0, |m| m.rows);
        let kind = EntryKind::Repaired { compartment: id.to_string(), name: name.clone(), rows, rebuilt: true };
        device.account(&device.view(), device.now(), vec![Line::of(kind)])?;
        self.report.mended.push(Mended { compartment: name, rows, bytes: 0, rebuilt: true });
        device.reload()
    }

    fn failure(&self, id: Option<CompartmentId>, fault: &SyncFault) -> Failure {
        let compartment = id.map(|id| self.device.name(&id));
        Failure { compartment, code: fault.code().into(), text: fault.to_string() }
    }
}
