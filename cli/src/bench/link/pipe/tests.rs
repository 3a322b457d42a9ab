//! The emulator in virtual time.

use super::super::profile::Outage;
use super::*;

const PLAIN: Shape = Shape { kbit_s: None, delay_ms: 0, jitter_ms: 0, loss: 0.0, outage: None };
const SECOND: Micros = 1_000_000;

/// Packets of `len` bytes, one every `gap`, until `end`: when each was put in, and what became of it.
fn run(shape: Shape, seed: u64, len: usize, gap: Micros, end: Micros) -> (Vec<(Micros, Fate)>, Totals) {
    let mut pipe = Pipe::new(shape, seed, 0);
    let fates = (0..end / gap).map(|i| (i * gap, pipe.offer(i * gap, len))).collect();
    (fates, pipe.totals())
}

fn arrivals(fates: &[(Micros, Fate)]) -> Vec<(Micros, Micros)> {
    let arrives = |(put, fate): &(Micros, Fate)| match fate {
        Fate::Arrives(at) => Some((*put, *at)),
        _ => None,
    };
    fates.iter().filter_map(arrives).collect()
}

#[test]
fn without_limits_a_packet_arrives_at_once() {
    let (fates, totals) = run(PLAIN, 1, 1400, 10, SECOND);
    assert!(fates.iter().all(|(put, fate)| *fate == Fate::Arrives(*put)));
    assert_eq!((totals.sent.packets, totals.lost.packets), (100_000, 0));
}

#[test]
fn the_rate_is_kept_and_what_is_too_much_is_dropped() {
    // 240 kbit/s are 30,000 B/s; offered are ten times as many, for 20 seconds.
    let (fates, totals) = run(Shape { kbit_s: Some(240), ..PLAIN }, 1, 1000, 3333, 20 * SECOND);
    let arrived = arrivals(&fates);
    let within = arrived.iter().filter(|(_, at)| (5 * SECOND..15 * SECOND).contains(at)).count();
    assert!((298..=302).contains(&within), "{within} kB in 10 s");
    assert_eq!(totals.full.packets + arrived.len() as u64, totals.sent.packets);
    // The queue: 64 full packets are more than a second of this rate.
    let longest = arrived.iter().map(|(put, at)| at - put).max().unwrap();
    let queue = QUEUE_PACKETS * MTU as u64 * 8000 / 240;
    assert!((queue - 50_000..=queue + 1).contains(&longest), "{longest} us in the queue");
    // Of a fast link the second is more.
    assert_eq!([queue_bytes(240), queue_bytes(1600)], [89_600, 200_000]);
    // Half the rate passes whole.
    let (_, totals) = run(Shape { kbit_s: Some(240), ..PLAIN }, 1, 1000, 66_667, 20 * SECOND);
    assert_eq!(totals.full, Count::default());
}

#[test]
fn the_delay_is_kept_and_jitter_never_reorders() {
    let (fates, _) = run(Shape { delay_ms: 400, ..PLAIN }, 1, 500, 1000, SECOND);
    assert!(arrivals(&fates).iter().all(|(put, at)| at - put == 400_000));
    // Packets far apart, so that none waits for the one before it.
    let shape = Shape { delay_ms: 175, jitter_ms: 150, ..PLAIN };
    let apart = arrivals(&run(shape, 1, 500, SECOND, 2000 * SECOND).0);
    let delays: Vec<u64> = apart.iter().map(|(put, at)| at - put).collect();
    assert!(delays.iter().all(|d| (25_000..=325_000).contains(d)));
    let mean = delays.iter().sum::<u64>() / delays.len() as u64;
    assert!((168_000..182_000).contains(&mean), "{mean} us");
    assert!(delays.iter().max().unwrap() - delays.iter().min().unwrap() > 280_000);
    let close = arrivals(&run(shape, 1, 500, 1000, 10 * SECOND).0);
    assert!(close.windows(2).all(|w| w[0].1 <= w[1].1));
}

#[test]
fn the_loss_is_near_its_share_and_uses_the_link() {
    for loss in [0.01, 0.035, 0.07] {
        let (_, totals) = run(Shape { loss, ..PLAIN }, 7, 100, 100, 10 * SECOND);
        let share = totals.lost.packets as f64 / totals.sent.packets as f64;
        assert!((share / loss - 1.0).abs() < 0.1, "{share} for {loss}");
        assert_eq!(totals.lost.bytes, totals.lost.packets * 100);
    }
    // All lost, and yet the queue fills.
    let (_, totals) = run(Shape { kbit_s: Some(20), loss: 1.0, ..PLAIN }, 7, 1000, 1000, SECOND);
    assert!(totals.full.packets > 900 && totals.lost.packets > 80, "{totals:?}");
}

#[test]
fn an_outage_drops_and_ends() {
    let shape = Shape { outage: Some(Outage { up_s: 20, down_s: 40 }), ..PLAIN };
    let (fates, totals) = run(shape, 1, 100, 100_000, 180 * SECOND);
    for (put, fate) in &fates {
        let down = put % (60 * SECOND) >= 20 * SECOND;
        assert_eq!(*fate == Fate::Outage, down, "at {put}");
    }
    assert_eq!((totals.outage.packets, totals.sent.packets), (1200, 1800));
    let pipe = Pipe::new(shape, 1, 0);
    assert_eq!([pipe.back_at(19 * SECOND), pipe.back_at(80 * SECOND)], [None, Some(120 * SECOND)]);
    // What waits in the queue when the signal goes is lost with it.
    let mut slow = Pipe::new(Shape { kbit_s: Some(8), ..shape }, 1, 0);
    assert_eq!(slow.offer(19 * SECOND, 2000), Fate::Outage);
}

#[test]
fn the_same_seed_gives_the_same_link_and_another_another() {
    let shape = Shape { kbit_s: Some(400), delay_ms: 175, jitter_ms: 150, loss: 0.035, outage: None };
    let fates = |seed| run(shape, seed, 700, 15_000, 60 * SECOND).0;
    assert_eq!(fates(5), fates(5));
    assert_ne!(fates(5), fates(6));
    let (mut down, mut up) = (Pipe::new(shape, 5, 0), Pipe::new(shape, 5, 1));
    let both: Vec<bool> = (0..500).map(|i| down.offer(i * 20_000, 9) == up.offer(i * 20_000, 9)).collect();
    assert!(both.contains(&false), "the two directions of a link must not lose the same packets");
}
