//! Line: what a dropped link costs. First syncs through a proxy that cuts the connection once, each at another place; the
//! worst counts, since what a batch loses depends on where in it the cut falls.
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
/// Where it is cut, in hundredths of all that comes down.
const PLACES: [u64; 3] = [29, 53, 83];

pub(super) fn run(world: &mut World, server: &Server, uncut: &Provisioned) -> Result<Vec<Figure>, Failure> {
    let _bar = doing("syncs whose link is cut");
    let (mut ours, mut theirs, mut syncs) = (0.0_f64, 0.0_f64, 0);
    let sources = KINDS.into_iter().map(|k| world.pages(k, server)).collect::<Result<Vec<_>, _>>()?;
    let home = world.dir.join("cut");
    let spec = |port| Spec { port, files: server.files().clone(), home: home.clone(), sources: sources.clone() };
    let (whole, _) = provision_at(world, &spec(server.port()))?;
    for place in PLACES {
        let (lost, taken) = ours_cut(world, uncut.down, place)?;
        (ours, syncs) = (ours.max(lost), syncs.max(taken));
        let proxy = Proxy::start(server.port(), whole.down * place / 100)?;
        provision_at(world, &spec(proxy.port()))?;
        theirs = theirs.max(lost_by(&proxy, proxy.down(), whole.down)?);
    }
    // The store that was built there is not wanted.
    let _ = std::fs::remove_dir_all(&home);
    Ok(vec![
        Figure::lower(CASE, "bytes down again, handshake with it, worst", ours, "B")
            .goal(Some(FRAME as f64))
            .n(PLACES.len())
            .other(ZSTD_JSON, Ok(theirs)),
        Figure::lower(CASE, "largest piece that is fetched again", FRAME as f64, "B").goal(Some(FRAME as f64)),
        Figure::lower(CASE, "syncs until complete, worst", f64::from(syncs), ""),
    ])
}

/// A new device whose first sync is cut: bytes lost, and the syncs it took.
fn ours_cut(world: &mut World, uncut: u64, place: u64) -> Result<(f64, u32), Failure> {
    let proxy = Proxy::start(world.serving.port()?, uncut * place / 100)?;
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
    let lost = lost_by(&proxy, proxy.down() - before, uncut)?;
    let _ = std::fs::remove_dir_all(&device.home);
    Ok((lost, syncs))
}

/// What came down beyond the uncut sync; only if the link was cut at all.
fn lost_by(proxy: &Proxy, down: u64, uncut: u64) -> Result<f64, Failure> {
    match proxy.connections() {
        (2.., true) => Ok(down.saturating_sub(uncut) as f64),
        (n, cut) => Err(Failure::new("io", format!("the link was not cut and made anew: {n} connections, cut: {cut}"))),
    }
}
