//! Purges: what is held of a compartment is erased by order, with a receipt, and fetched again if it is still granted.
//!
//! Before the grant that orders it is kept, so that an order that was cut short is found in it again and obeyed from its
//! beginning; the receipt is written once, whichever way it went (`beatcheck_store`: entries that are written once).

use super::Run;
use crate::ClientError;
use crate::account::Line;
use crate::device::{View, doc};
use beatcheck_audit::EntryKind;
use beatcheck_wire::policy::Policy;
use beatcheck_wire::{CompartmentId, Grant, PurgeOrder};
use std::collections::BTreeSet;

/// All that is kept in the state of one compartment beside its rows.
pub(super) const BESIDE: [&str; 4] = [doc::HELD, doc::DICTIONARY, doc::INDEX, doc::INTEGRITY];

impl Run<'_> {
    /// Obeys the grant's purges that were not obeyed before.
    pub(super) fn purge(&mut self, grant: &Grant, policy: &Policy) -> Result<(), ClientError> {
        let device = self.device;
        let obeyed = device.journal.obeyed()?;
        let orders: Vec<&PurgeOrder> = grant.purges.iter().filter(|p| !obeyed.contains(&p.order)).collect();
        if orders.is_empty() {
            return Ok(());
        }
        let ids: BTreeSet<CompartmentId> = orders.iter().map(|p| p.compartment).collect();
        let named = |id: &CompartmentId| {
            let next = grant.compartments.iter().find(|c| c.id == *id).map(|c| c.name.clone());
            next.unwrap_or_else(|| device.name(id))
        };
        for id in &ids {
            device.shelf.take(id);
        }
        device.env.step("purge: shelf");
        let files: Vec<_> = {
            let mut ring = device.ring();
            let files =
                ring.files().into_iter().filter(|(id, _)| ids.contains(id)).filter_map(|(_, file)| file).collect();
            // The segment keys too: a dictionary or a list of marks is sealed under them. The grant brings them again.
            ring.retain(|id| !ids.contains(id));
            ring.rotate(&device.home, &*device.vault, &device.env)?;
            files
        };
        device.env.step("purge: keys");
        self.staging.clear()?;
        device.env.step("purge: staged");
        for file in files {
            beatcheck_store::shred_file(&device.home.record_file(&file))?;
            device.env.step("purge: file");
        }
        let beside: Vec<String> = ids.iter().flat_map(|id| BESIDE.iter().map(move |p| format!("{p}{id}"))).collect();
        let mut documents: Vec<(&str, Option<&[u8]>)> = beside.iter().map(|name| (name.as_str(), None)).collect();
        documents.push((doc::SET_HASH, None));
        device.arriving(|all| all.retain(|id, _| !ids.contains(id)));
        device.state.put_all(&documents)?;
        device.reload()?;
        device.env.step("purge: state");
        let view = View { grant: Some(grant.clone()), policy: Some(policy.clone()), ..(*device.view()).clone() };
        for p in orders {
            let kind = EntryKind::Purged {
                compartment: p.compartment.to_string(),
                name: named(&p.compartment),
                order: p.order.to_string(),
            };
            device.account_once(&view, &format!("purge/{}", p.order), Some(p.order), Line::of(kind))?;
            device.env.step("purge: receipt");
        }
        Ok(())
    }
}
