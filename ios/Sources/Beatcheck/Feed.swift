// Pulls the core's events on a thread of its own and hands them to whoever asks, and keeps the state that they add up
// to.
import BeatcheckCore
import Foundation

/// How a device stands, for a view to show. Follows what happens with a moment's delay; no decision of the core is made
/// by it.
public struct DeviceState: Sendable, Hashable {
    /// What a sync is doing.
    public enum Syncing: Sendable, Hashable {
        case idle
        case connecting
        case fetching(bytes: UInt64, of: UInt64)
        case applying(compartment: String, rows: UInt64, of: UInt64)
        case waiting(milliseconds: UInt64)
    }

    /// How the last sync ended.
    public struct LastSync: Sendable, Hashable {
        /// Whether all that is published for this device is held.
        public let complete: Bool
        /// Code of the fault that ended it, if one did.
        public let fault: String?
    }

    /// Whether the device can be used.
    public internal(set) var lifecycle: Lifecycle
    /// Whether records can be read.
    public internal(set) var unlocked: Bool
    /// What a sync is doing now.
    public internal(set) var syncing: Syncing = .idle
    /// How the last one of this process ended; none before the first.
    public internal(set) var lastSync: LastSync?
    /// Version of the policy in force.
    public internal(set) var policyVersion: UInt64

    mutating func take(_ event: SyncEvent) {
        switch event {
        case .connecting: syncing = .connecting
        case .fetched(let bytes, let of, _): syncing = .fetching(bytes: bytes, of: of)
        case .applying(let compartment, let rows, let of): syncing = .applying(compartment: compartment, rows: rows, of: of)
        case .waiting(let ms): syncing = .waiting(milliseconds: ms)
        case .finished(let complete, let fault):
            syncing = .idle
            lastSync = LastSync(complete: complete, fault: fault)
        case .policyChanged(let version): policyVersion = version
        case .locked: unlocked = false
        case .unlocked: unlocked = true
        case .wiped:
            lifecycle = .wiped
            unlocked = false
        case .usable, .marksUsable, .lateHit: break
        }
    }
}

extension Beatcheck {
    /// What happens, as it is pulled from the core: progress of syncs, late hits, another policy, locked, unlocked,
    /// wiped.
    ///
    /// ```swift
    /// for await event in beatcheck.events {
    ///     if case .lateHit(let hit) = event { notify(hit) }
    /// }
    /// ```
    ///
    /// Each call begins a sequence of its own, from now on; the first one begins with what has happened since the
    /// device was opened. A reader who is slow loses the oldest beyond 256; each is also in a report or in the status.
    /// Ends with ``close()``.
    public var events: AsyncStream<SyncEvent> { feed.events() }

    /// How the device stands now.
    public var state: DeviceState { feed.now() }

    /// How the device stands: now, and after each change. A reader who is slow is given the newest only. Ends with
    /// ``close()``.
    public var states: AsyncStream<DeviceState> { feed.states() }
}

/// One reader of the core's queue, and many readers of it.
final class Feed: Sendable {
    static let kept = 256

    private struct Inside {
        var state: DeviceState
        var early: [SyncEvent] = []
        var heard = false
        var ended = false
        var nextID = 0
        var events: [Int: AsyncStream<SyncEvent>.Continuation] = [:]
        var states: [Int: AsyncStream<DeviceState>.Continuation] = [:]
    }

    private let device: Device
    private let inside: Guarded<Inside>

    /// Blocks for a moment: it asks for the status.
    init(_ device: Device) {
        self.device = device
        let status = try? device.status()
        inside = Guarded(Inside(state: DeviceState(
            lifecycle: device.lifecycle(),
            unlocked: status?.unlock.unlocked ?? false,
            policyVersion: status?.policyVersion ?? 0
        )))
        let puller = Thread { [self] in pull() }
        puller.name = "org.beatcheck.events"
        puller.start()
    }

    /// Until the device is closed. A wait is long because the core ends it when something comes or the device is
    /// closed.
    private func pull() {
        while true {
            let events = device.nextEvents(most: 64, waitMs: 60_000)
            if events.isEmpty, device.lifecycle() == .closed { break }
            for event in events { deliver(event) }
        }
        end()
    }

    private func deliver(_ event: SyncEvent) {
        let (readers, changed): ([AsyncStream<SyncEvent>.Continuation], Bool) = inside.with { inside in
            let before = inside.state
            inside.state.take(event)
            if !inside.heard {
                if inside.early.count == Self.kept { inside.early.removeFirst() }
                inside.early.append(event)
            }
            return (Array(inside.events.values), inside.state != before)
        }
        for reader in readers { reader.yield(event) }
        if changed { publish() }
    }

    /// Under the lock, so that no reader is left with an older state than another thread gave it: a yield calls nobody.
    private func publish() {
        inside.with { inside in
            for reader in inside.states.values { reader.yield(inside.state) }
        }
    }

    private func end() {
        refresh() // closed is the last that readers of states see
        let (events, states) = inside.with { inside in
            inside.ended = true
            defer { inside.events = [:]; inside.states = [:] }
            return (Array(inside.events.values), Array(inside.states.values))
        }
        for reader in events { reader.finish() }
        for reader in states { reader.finish() }
    }

    func now() -> DeviceState { inside.with { $0.state } }

    /// Looks at the lifecycle, which is not an event.
    func refresh() {
        let lifecycle = device.lifecycle()
        let changed = inside.with { inside in
            defer { inside.state.lifecycle = lifecycle }
            return inside.state.lifecycle != lifecycle
        }
        if changed { publish() }
    }

    func events() -> AsyncStream<SyncEvent> {
        AsyncStream(bufferingPolicy: .bufferingNewest(Self.kept)) { reader in
            let (id, ended): (Int, Bool) = inside.with { inside in
                for event in inside.early { reader.yield(event) }
                inside.early = []
                inside.heard = true
                inside.nextID += 1
                if !inside.ended { inside.events[inside.nextID] = reader }
                return (inside.nextID, inside.ended)
            }
            if ended { return reader.finish() }
            reader.onTermination = { [weak self] _ in self?.inside.with { $0.events[id] = nil } }
        }
    }

    func states() -> AsyncStream<DeviceState> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { reader in
            let (id, ended): (Int, Bool) = inside.with { inside in
                reader.yield(inside.state)
                inside.nextID += 1
                if !inside.ended { inside.states[inside.nextID] = reader }
                return (inside.nextID, inside.ended)
            }
            if ended { return reader.finish() }
            reader.onTermination = { [weak self] _ in self?.inside.with { $0.states[id] = nil } }
        }
    }
}
