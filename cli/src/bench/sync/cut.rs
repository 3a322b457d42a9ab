//! Line: what a dropped link costs. A first sync through a proxy that cuts the connection once, half-way.
//!
//! Lost is what came down through the proxy beyond what an uncut sync of the same records takes. That counts everything:
//! bytes that were under way, bytes fetched twice, and the second connection's handshake.

use super::ZSTD_JSON;
use super::json::client::Spec;
use super::json::server::Server;
use super::provision::{Provisioned, provision_at};
use super::proxy::Proxy;
use super::world::{KINDS, World};
use crate::bench::doing;
use crate::bench::figure::Figure;
use crate::bench::main_job::synced;
use crate::exit::Failure;
use beatcheck_wire::segment::FRAME;

pub(super) const CASE: &str = "lost on a dropped link";
/// Syncs until everything is there, at most.
const SYNCS: u32 = 5;

pub(super) fn run(world: &mut World, server: &Server, uncut: &Provisioned) -> Result<Vec<Figure>, Failure> {
    let _bar = doing("a sync whose link is cut");
    let proxy = Proxy::start(world.serving.port()?, uncut.down / 2)?;
    let device = world.enrol_at(&format!("https://127.0.0.1:{}", proxy.port()))?;
    // Enrolling went through it too, over a connection of its own.
    let before = proxy.down();
    let mut syncs = 1;
    while let Err(e) = device.sync().and_then(|(report, _)| synced(&report)) {
        if syncs == SYNCS {
            return Err(e);
        }
        syncs += 1;
    }
    let ours = lost(&proxy, proxy.down() - before, uncut.down)?;

    let spec = |port, sources| Spec { port, files: server.files().clone(), home: world.dir.join("cut"), sources };
    let sources = KINDS.into_iter().map(|k| world.pages(k, server)).collect::<Result<Vec<_>, _>>()?;
    let (whole, _) = provision_at(world, &spec(server.port(), sources.clone()))?;
    let proxy = Proxy::start(server.port(), whole.down / 2)?;
    provision_at(world, &spec(proxy.port(), sources))?;
    let theirs = lost(&proxy, proxy.down(), whole.down)?;
    // The store that was built there is not wanted.
    let _ = std::fs::remove_dir_all(world.dir.join("cut"));

    Ok(vec![
        Figure::lower(CASE, "bytes down again, handshake with it", ours, "B")
            .goal(Some(FRAME as f64))
            .other(ZSTD_JSON, Ok(theirs)),
        Figure::lower(CASE, "largest piece that is fetched again", FRAME as f64, "B").goal(Some(FRAME as f64)),
        Figure::lower(CASE, "syncs until complete", f64::from(syncs), ""),
    ])
}

/// What came down beyond the uncut sync; only if the link was cut at all.
fn lost(proxy: &Proxy, down: u64, uncut: u64) -> Result<f64, Failure> {
    match proxy.connections() {
        (2.., true) => Ok(down.saturating_sub(uncut) as f64),
        (n, cut) => Err(Failure::new("io", format!("the link was not cut and made anew: {n} connections, cut: {cut}"))),
    }
}
