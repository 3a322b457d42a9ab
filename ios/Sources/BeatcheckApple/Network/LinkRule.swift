// Which of the core's three kinds of network this is, and when a change of it is worth a sync. Pure; PathMonitor.swift feeds it.
//
// What iOS does not say: whether the phone roams. CoreTelephony's answers were withdrawn, and NWPath has none. `isExpensive` is true of
// cellular and of a personal hotspot. So roaming is never found out here: policy's roaming budget does not apply by itself on
// an iPhone, and the metered one does. An app that knows better (a switch for officers on duty abroad) says `roaming`.

import BeatcheckCore

/// What the system says of the way out, at one moment.
public struct LinkSample: Sendable, Equatable {
    /// Whether there is one.
    public var usable: Bool
    /// Paid for by volume, says the system: cellular, a hotspot.
    public var expensive: Bool
    /// Low Data Mode.
    public var constrained: Bool

    public init(usable: Bool, expensive: Bool = false, constrained: Bool = false) {
        self.usable = usable
        self.expensive = expensive
        self.constrained = constrained
    }

    /// As the core calls it; nothing where there is no way out. Low Data Mode on Wi-Fi counts as metered: somebody asked for thrift.
    public func network(roaming: Bool = false) -> Network? {
        guard usable else { return nil }
        if roaming { return .roaming }
        return expensive || constrained ? .metered : .unmetered
    }
}

/// What a change of the link is worth.
public enum LinkChange: Sendable, Equatable {
    case nothing
    /// Contact is back: sync soon (the core spreads and holds back where the hub wants it).
    case reconnected(Network)
    /// Still there, but of another kind: a running watch should be begun anew with it.
    case changed(Network)
    /// Gone. Checks go on; nothing is to be said to the officer but how old the answers are.
    case lost
}

/// Turns a stream of samples into the changes that matter. A value: keep it on one queue.
public struct LinkTracker: Sendable {
    /// The kind now; nothing while there is no way out.
    public private(set) var network: Network?
    private var seen = false

    public init() {}

    /// The first sample counts as a reconnection where there is a way out: an app that starts wants a sync.
    public mutating func take(_ sample: LinkSample, roaming: Bool = false) -> LinkChange {
        let new = sample.network(roaming: roaming)
        defer {
            network = new
            seen = true
        }
        switch (network, new) {
        case (nil, let kind?): return .reconnected(kind)
        case (let old?, let kind?): return old == kind ? .nothing : .changed(kind)
        case (.some, nil): return .lost
        case (nil, nil): return seen ? .nothing : .lost
        }
    }
}
