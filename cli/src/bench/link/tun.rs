//! Two network namespaces joined by two TUN devices, and between the devices the emulated link.
//!
//! What the kernel sends into one device is read here as an IP packet, goes through the [`Line`] of its direction, and
//! is written to the other device when it is due. So connections, retransmissions, windows and timers are the kernel's
//! own, and only the link is made up. The devices are made where the run is and keep their handles here when they move
//! into a namespace; they go with the handles, whatever ends this process. Namespaces stay, so they bear the process
//! id, and each run clears away those of runs that are dead.

use super::child::Limit;
use super::network::{Board, Side};
use super::profile::Profile;
use crate::exit::Failure;
use std::process::Command;

/// The hub's address on the link.
pub(super) const HUB_ADDRESS: &str = "10.77.0.1";

#[cfg(target_os = "linux")]
pub(super) use linux::Tun;

/// Elsewhere there is none.
#[cfg(not(target_os = "linux"))]
pub(super) struct Tun(std::convert::Infallible);

#[cfg(not(target_os = "linux"))]
impl Tun {
    pub(super) fn begin(_: &Profile, _: u64, _: &Limit) -> Result<Self, Failure> {
        Err(Failure::new("io", "network namespaces exist on Linux only"))
    }

    pub(super) fn command(&self, _: Side) -> Result<Command, Failure> {
        match self.0 {}
    }

    pub(super) fn board(&self) -> &Board {
        match self.0 {}
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::super::super::step::io;
    use super::super::child;
    use super::super::line::Line;
    use super::super::network::tell;
    use super::super::pipe::{MTU, Micros, Pipe};
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Once};
    use std::thread::JoinHandle;
    use std::time::{Duration, Instant};
    use tun_rs::{DeviceBuilder, SyncDevice};

    const DEVICE_ADDRESS: &str = "10.77.0.2";
    const NETWORK: &str = "10.77.0.0/30";
    /// Namespaces of every run begin so; the process id follows.
    const PREFIX: &str = "beatcheck-link-";
    /// The congestion control of most servers and phones; a machine's own default may be another.
    const CONGESTION: &str = "cubic";
    /// `ip` answers within this time.
    const IP: Duration = Duration::from_secs(10);
    /// Longest sleep of the link's thread: how soon it notices that it is to end.
    const NAP: Micros = 20_000;
    /// Packets read from one device before the other has its turn.
    const AT_ONCE: usize = 64;
    /// Version in the first byte of an IPv4 packet. Others (router solicitations of IPv6) are the kernel's own chatter.
    const IPV4: u8 = 4;

    /// The two namespaces and the link between them.
    pub(in super::super) struct Tun {
        board: Board,
        end: Arc<AtomicBool>,
        thread: Option<JoinHandle<()>>,
        // After the thread: it holds the devices.
        hub: Namespace,
        device: Namespace,
    }

    impl Tun {
        /// Sets both up.
        ///
        /// # Errors
        /// What is missing, and how to get it.
        pub(in super::super) fn begin(profile: &Profile, seed: u64, limit: &Limit) -> Result<Self, Failure> {
            needs(limit)?;
            clear_away(limit)?;
            let (hub, to_hub) = Namespace::new("hub", HUB_ADDRESS, limit)?;
            let (device, to_device) = Namespace::new("device", DEVICE_ADDRESS, limit)?;
            let (board, end) = (Board::default(), Arc::new(AtomicBool::new(false)));
            let lines = Lines {
                down: Line::new(Pipe::new(profile.down(), seed, 0)),
                up: Line::new(Pipe::new(profile.up(), seed, 1)),
            };
            let (told, stop) = (Arc::clone(&board), Arc::clone(&end));
            let thread = std::thread::Builder::new()
                .name("link".into())
                .spawn(move || lines.carry(&to_hub, &to_device, &told, &stop))
                .map_err(io("starting the link"))?;
            Ok(Self { board, end, thread: Some(thread), hub, device })
        }

        pub(in super::super) fn command(&self, side: Side) -> Result<Command, Failure> {
            let namespace = match side {
                Side::Hub => &self.hub,
                Side::Device => &self.device,
            };
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &namespace.name]);
            command.arg(std::env::current_exe().map_err(io("finding this program"))?);
            Ok(command)
        }

        pub(in super::super) const fn board(&self) -> &Board {
            &self.board
        }
    }

    impl Drop for Tun {
        fn drop(&mut self) {
            self.end.store(true, Ordering::Relaxed);
            if let Some(thread) = self.thread.take() {
                // A link that panicked has ended, too.
                let _ = thread.join();
            }
        }
    }

    /// Runs `ip`; what it printed.
    fn ip(line: &[&str], limit: &Limit) -> Result<String, Failure> {
        let mut command = Command::new("ip");
        command.args(line);
        let ended = child::run(command, &limit.within(IP))?;
        if ended.ok {
            return Ok(ended.out);
        }
        let mut text = format!("`ip {}` failed: {}", line.join(" "), ended.complaint());
        if text.contains("not permitted") || text.contains("ermission denied") {
            text += " (it takes root with CAP_NET_ADMIN and CAP_SYS_ADMIN: sudo, or a privileged container)";
        }
        Err(Failure::new("io", text))
    }

    /// Says what is missing, if anything is.
    fn needs(limit: &Limit) -> Result<(), Failure> {
        let found = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join("ip").is_file()));
        if !found {
            return Err(Failure::new("io", "`ip` is not installed: apt-get install iproute2"));
        }
        if !Path::new("/dev/net/tun").exists() {
            let how = "modprobe tun, or start the container with --device /dev/net/tun --cap-add NET_ADMIN";
            return Err(Failure::new("io", format!("/dev/net/tun is not there: {how}")));
        }
        ip(&["netns", "list"], limit).map(drop)
    }

    /// Removes the namespaces of runs whose process is gone, and what still runs in them.
    fn clear_away(limit: &Limit) -> Result<(), Failure> {
        for line in ip(&["netns", "list"], limit)?.lines() {
            let name = line.split_ascii_whitespace().next().unwrap_or_default();
            let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
            if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
                crate::complain(&format!("clearing away {name}, left by a run that is dead"));
                remove(name, limit);
            }
        }
        Ok(())
    }

    /// Ends what runs in a namespace of ours, and removes it.
    fn remove(name: &str, limit: &Limit) {
        use rustix::process::{Pid, Signal, kill_process};
        // Each step may fail because the thing is gone already, which is what is wanted.
        for pid in ip(&["netns", "pids", name], limit).unwrap_or_default().lines() {
            if let Some(pid) = pid.trim().parse().ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        let _ = ip(&["netns", "del", name], limit);
    }

    /// A namespace of this run; removed when dropped.
    struct Namespace {
        name: String,
    }

    impl Namespace {
        /// Makes it, with a TUN device in it that has this address; the device's other end.
        fn new(side: &str, address: &str, limit: &Limit) -> Result<(Self, SyncDevice), Failure> {
            let pid = std::process::id();
            let this = Self { name: format!("{PREFIX}{pid}-{side}") };
            let name = this.name.as_str();
            ip(&["netns", "add", name], limit)?;
            let device = device_name(pid, side);
            let tun = DeviceBuilder::new()
                .name(&device)
                .enable(false)
                .build_sync()
                .map_err(io("opening a TUN device (/dev/net/tun needs root with CAP_NET_ADMIN)"))?;
            tun.set_nonblocking(true).map_err(io("setting up a TUN device"))?;
            ip(&["link", "set", &device, "netns", name], limit)?;
            ip(&["-n", name, "address", "add", &format!("{address}/30"), "dev", &device], limit)?;
            ip(&["-n", name, "link", "set", &device, "mtu", &MTU.to_string(), "up"], limit)?;
            ip(&["-n", name, "link", "set", "lo", "up"], limit)?;
            // By the route: a namespace may not choose for itself what the machine's administrator does not allow to all.
            let route = ["-n", name, "route", "replace", NETWORK, "dev", &device, "src", address];
            if let Err(e) = ip(&[&route[..], &["congctl", CONGESTION]].concat(), limit) {
                static SAID: Once = Once::new();
                SAID.call_once(|| crate::complain(&format!("not {CONGESTION}, but the machine's own: {}", e.text)));
            }
            Ok((this, tun))
        }
    }

    /// At most 15 characters, which is why it does not begin as the namespaces do.
    fn device_name(pid: u32, side: &str) -> String {
        format!("bcheck{pid}{}", side.chars().next().unwrap_or_default())
    }

    impl Drop for Namespace {
        fn drop(&mut self) {
            // A run that was stopped still clears away.
            remove(&self.name, &Limit::new(Arc::default(), IP));
        }
    }

    /// Both directions.
    struct Lines {
        down: Line,
        up: Line,
    }

    impl Lines {
        /// Carries packets until it is to end.
        fn carry(mut self, hub: &SyncDevice, device: &SyncDevice, board: &Board, end: &AtomicBool) {
            let begun = Instant::now();
            let now = || begun.elapsed().as_micros() as Micros;
            let mut buffer = vec![0; 65_536];
            while !end.load(Ordering::Relaxed) {
                take_in(hub, &mut self.down, &mut buffer, now());
                take_in(device, &mut self.up, &mut buffer, now());
                hand_over(&mut self.down, device, now());
                hand_over(&mut self.up, hub, now());
                tell(board, |told| {
                    (told.moved.down, told.moved.up) = (self.down.totals(), self.up.totals());
                    told.under_way = self.down.under_way() + self.up.under_way();
                });
                let due = [self.down.next(), self.up.next()].into_iter().flatten().min();
                let nap = due.map_or(NAP, |due| due.saturating_sub(now()).min(NAP));
                let nap = Timespec { tv_sec: 0, tv_nsec: (nap * 1000) as _ };
                let mut both = [PollFd::new(hub, PollFlags::IN), PollFd::new(device, PollFlags::IN)];
                if poll(&mut both, Some(&nap)).is_err() {
                    // Interrupted, which does no harm; should it be more, this must not become a busy loop.
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    /// What the kernel has to send.
    fn take_in(from: &SyncDevice, line: &mut Line, buffer: &mut [u8], now: Micros) {
        for _ in 0..AT_ONCE {
            // Nothing there, or a device that is not up yet: both are asked again.
            let Ok(len) = from.recv(buffer) else { return };
            let packet = &buffer[..len.min(buffer.len())];
            if packet.first().is_some_and(|b| b >> 4 == IPV4) {
                line.put(now, packet);
            }
        }
    }

    /// What has arrived.
    fn hand_over(line: &mut Line, to: &SyncDevice, now: Micros) {
        while let Some(packet) = line.take(now) {
            // A device that takes nothing is being removed.
            let _ = to.send(&packet);
        }
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn names_of_devices_fit() {
            // The largest process id that Linux gives.
            assert!(super::device_name(4_194_304, "hub").len() <= 15);
        }
    }
}
