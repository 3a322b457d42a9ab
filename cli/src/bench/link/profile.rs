//! The links that are emulated: poor signal as officers meet it.
//!
//! Rates are those of the link layer that carries IP, so headers count. Delay and loss hold in each direction. The
//! numbers are the design's; the two that it leaves open (rate and delay of `lift-and-cell-edge`) are said below.

/// How often the signal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    /// Seconds with signal, from the start of the link on.
    pub(super) up_s: u64,
    /// Seconds without, after them.
    pub(super) down_s: u64,
}

/// What one direction of a link does to packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    /// Kilobits a second; none is no limit.
    pub(super) kbit_s: Option<u64>,
    pub(super) delay_ms: u64,
    /// The delay varies evenly by so much to either side.
    pub(super) jitter_ms: u64,
    /// Share of packets lost on the air.
    pub(super) loss: f64,
    pub(super) outage: Option<Outage>,
}

/// A link in both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Profile {
    pub(super) name: &'static str,
    down_kbit_s: Option<u64>,
    up_kbit_s: Option<u64>,
    delay_ms: u64,
    jitter_ms: u64,
    loss: f64,
    outage: Option<Outage>,
    /// Records that fit in minutes, where the caller names no number.
    pub(super) vehicles: u64,
}

const NONE: Profile = Profile {
    name: "clean",
    down_kbit_s: None,
    up_kbit_s: None,
    delay_ms: 0,
    jitter_ms: 0,
    loss: 0.0,
    outage: None,
    vehicles: 2000,
};

/// The baseline: no limit of any kind.
pub(super) const CLEAN: &str = "clean";
/// The profile that has a goal, and is run when none is named.
pub(super) const EDGE_LOSSY: &str = "edge-lossy";

/// All profiles, the baseline first.
pub(super) const PROFILES: [Profile; 7] = [
    NONE,
    Profile { name: "3g-average", down_kbit_s: Some(780), up_kbit_s: Some(330), delay_ms: 100, ..NONE },
    Profile { name: EDGE_LOSSY, down_kbit_s: Some(240), up_kbit_s: Some(200), delay_ms: 400, loss: 0.01, ..NONE },
    // A tenth of edge-lossy's rate: a quarter of the records, so that it ends in minutes.
    Profile {
        name: "2g-rural",
        down_kbit_s: Some(20),
        up_kbit_s: Some(18),
        delay_ms: 650,
        loss: 0.02,
        vehicles: 500,
        ..NONE
    },
    Profile { name: "slow-4g", down_kbit_s: Some(1600), up_kbit_s: Some(750), delay_ms: 75, ..NONE },
    Profile {
        name: "busy-cell",
        down_kbit_s: Some(400),
        up_kbit_s: Some(200),
        delay_ms: 175,
        jitter_ms: 150,
        loss: 0.035,
        ..NONE
    },
    // The design names outages and loss only: rate and delay are a busy cell's, without its jitter.
    Profile {
        name: "lift-and-cell-edge",
        down_kbit_s: Some(400),
        up_kbit_s: Some(200),
        delay_ms: 100,
        loss: 0.07,
        outage: Some(Outage { up_s: 20, down_s: 40 }),
        ..NONE
    },
];

impl Profile {
    /// The profile of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|p| p.name == name)
    }

    /// From the hub to the device.
    pub(super) const fn down(&self) -> Shape {
        self.shape(self.down_kbit_s)
    }

    /// From the device to the hub.
    pub(super) const fn up(&self) -> Shape {
        self.shape(self.up_kbit_s)
    }

    const fn shape(&self, kbit_s: Option<u64>) -> Shape {
        let (delay_ms, jitter_ms, loss, outage) = (self.delay_ms, self.jitter_ms, self.loss, self.outage);
        Shape { kbit_s, delay_ms, jitter_ms, loss, outage }
    }

    /// Longest time there and back through an empty queue, in milliseconds.
    pub(super) const fn round_trip_ms(&self) -> u64 {
        2 * (self.delay_ms + self.jitter_ms)
    }

    /// `780/330 kbit/s, 100 ms, loss 0%`
    pub(super) fn describe(&self) -> String {
        let rate = match (self.down_kbit_s, self.up_kbit_s) {
            (Some(down), Some(up)) => format!("{down}/{up} kbit/s down/up"),
            _ => "no limit of rate".to_owned(),
        };
        let jitter = if self.jitter_ms > 0 { format!(" +- {}", self.jitter_ms) } else { String::new() };
        let outage = self.outage.map(|o| format!(", {} s up, {} s down", o.up_s, o.down_s)).unwrap_or_default();
        format!("{rate}, {}{jitter} ms each way, loss {}%{outage}", self.delay_ms, (self.loss * 1e4).round() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_has_a_name_of_its_own_and_says_what_it_is() {
        for (i, p) in PROFILES.iter().enumerate() {
            assert_eq!(Profile::named(p.name), Some(p));
            assert!(PROFILES[..i].iter().all(|q| q.name != p.name));
            assert!((0.0..0.5).contains(&p.loss) && p.jitter_ms <= p.delay_ms, "{}", p.name);
        }
        assert_eq!(PROFILES[0].name, CLEAN);
        assert!(Profile::named("5g").is_none());
        let busy = Profile::named("busy-cell").unwrap().describe();
        assert_eq!(busy, "400/200 kbit/s down/up, 175 +- 150 ms each way, loss 3.5%");
    }
}
