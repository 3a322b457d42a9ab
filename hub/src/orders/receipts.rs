//! What comes back with the account: receipts of orders, and what a device says of itself.

use crate::HubError;
use beatcheck_model::Timestamp;
use beatcheck_wire::DeviceId;
use beatcheck_wire::journal::{DeviceReport, Receipt};
use rusqlite::{Connection, params};

/// Bytes of a text in a report that are kept, at most.
const MAX_TEXT: usize = 64;
/// Problems in a report that are kept, at most.
const MAX_PROBLEMS: usize = 32;

/// Notes receipts; twice the same is the same as once. Returns how many orders are obeyed by them that were not before.
///
/// A receipt counts only for an order that means the device: the batch's signature says who sends it.
pub(crate) fn note_receipts(
    conn: &Connection,
    device: DeviceId,
    receipts: &[Receipt],
    now: Timestamp,
) -> Result<usize, HubError> {
    let mut note = conn.prepare_cached(
        "INSERT OR IGNORE INTO order_receipt (order_id, device, at, received)
         SELECT o.id, d.id, ?3, ?4 FROM device_order o, device d WHERE o.id = ?1 AND d.id = ?2 AND (
             o.device = d.id OR (o.device IS NULL AND o.approved IS NOT NULL AND d.enrolled <= o.ordered))",
    )?;
    let mut obeyed =
        conn.prepare_cached("UPDATE device_order SET obeyed = ?3 WHERE id = ?1 AND device = ?2 AND obeyed IS NULL")?;
    let mut orders = 0;
    for r in receipts {
        if note.execute(params![r.order.0, device.0, r.at.0, now.0])? > 0 {
            tracing::info!(%device, order = %r.order, "an order was obeyed");
            obeyed.execute(params![r.order.0, device.0, now.0])?;
            orders += 1;
        }
    }
    Ok(orders)
}

/// Ends what is moot once a device has erased itself: nothing is left to purge.
pub(crate) fn note_wiped(conn: &Connection, device: DeviceId, now: Timestamp) -> Result<(), HubError> {
    conn.execute(
        "UPDATE device_order SET cancelled = ?2, cancelled_by = 'wiped'
         WHERE device = ?1 AND kind = 'purge' AND obeyed IS NULL AND cancelled IS NULL",
        params![device.0, now.0],
    )?;
    Ok(())
}

/// Notes what a device says of itself: evidence, cut to bounds, for those who look after the fleet.
pub(crate) fn note_report(conn: &Connection, device: DeviceId, report: &DeviceReport) -> Result<(), HubError> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    // Codes only: whatever else a device writes there is not shown to anyone.
    let code = |p: &&String| p.len() <= MAX_TEXT && p.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let problems: Vec<&String> = report.problems.iter().filter(code).take(MAX_PROBLEMS).collect();
    let app: String = report.app_version.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    conn.prepare_cached(
        "UPDATE device SET reported_app = ?2, reported_pending = ?3, reported_root = ?4, reported_counter = ?5,
                reported_unlocked = ?6, reported_problems = ?7 WHERE id = ?1",
    )?
    .execute(params![
        device.0,
        app,
        whole(report.pending),
        whole(report.root_version),
        report.counter.map(whole),
        report.unlocked,
        serde_json::to_string(&problems).unwrap_or_else(|_| "[]".into()),
    ])?;
    Ok(())
}
