// The state of sync in one line and a few, from the status and the events of a running sync.

import BeatcheckCore
import Foundation

/// What a running sync is doing.
public struct SyncProgress: Sendable, Equatable {
    /// Nothing if none runs.
    public private(set) var line: String?
    /// 0 to 1 where it can be said.
    public private(set) var share: Double?
    /// An answer given earlier has changed: to be shown until the officer has seen it.
    public private(set) var late: [LateHit] = []
    /// The device was erased.
    public private(set) var wiped = false
    /// Records can no longer be read: show the unlock screen.
    public private(set) var locked = false
    /// Policy has changed: purposes are to be read again.
    public private(set) var policyChanged = false

    public init() {}

    public mutating func take(_ event: SyncEvent) {
        switch event {
        case .connecting: (line, share) = ("Connecting", nil)
        case .fetched(let bytes, let of, _):
            (line, share) = ("Fetching", of == 0 ? nil : min(1, Double(bytes) / Double(of)))
        case .applying(_, let rows, let of):
            (line, share) = ("Taking in records", of == 0 ? nil : min(1, Double(rows) / Double(of)))
        case .usable, .marksUsable: break
        case .waiting: (line, share) = ("Waiting before the next try", nil)
        case .lateHit(let hit): if !late.contains(hit) { late.append(hit) }
        case .finished: (line, share) = (nil, nil)
        case .policyChanged: policyChanged = true
        case .locked: locked = true
        case .unlocked: locked = false
        case .wiped: wiped = true
        }
    }

    /// What changed, in a line: when the officer asked, by the clock that they know, and what is different now.
    public static func words(_ late: LateHit, now: Date) -> String {
        let asked = Age.date(late.asked).map { "Asked \(Age.span(max(0, now.timeIntervalSince($0)))) ago. " }
        return (asked ?? "") + late.text
    }

    /// The officer has seen what changed.
    public mutating func sawLate() { late = [] }
    public mutating func readPolicy() { policyChanged = false }
}

/// The sync screen.
public struct SyncScreen: Sendable, Equatable {
    /// One line, on every screen.
    public let line: String
    public let tone: Tone
    /// Every compartment, how it stands.
    public let sources: [FreshnessLine]
    /// What somebody should do, most urgent first.
    public let toDo: [String]

    public init(_ status: DeviceStatus, now: Date) {
        let contact = Age.date(status.lastContact).map { "Last contact \(Age.span(max(0, now.timeIntervalSince($0)))) ago" }
        var toDo: [String] = []
        if status.rolledBack { toDo.append("Files of this phone were put back: connect and sync before anything else.") }
        if status.leaseEnded { toDo.append("The lease has ended: connect and sync.") }
        if status.clock.state != "sound" { toDo.append("The clock cannot be trusted: set it to automatic, connect and sync.") }
        if status.journal.low { toDo.append("Space for the account runs low: connect, sync, and free space on this phone.") }
        if status.vault == "desk" { toDo.append("This vault protects nothing: not for use on patrol.") }
        if !status.lateHits.isEmpty { toDo.append("Something you checked has changed: read it.") }
        self.toDo = toDo
        let waiting = status.journal.pending
        let account = waiting == 0 ? "" : ". \(waiting) \(waiting == 1 ? "entry waits" : "entries wait") to be sent"
        line = (contact ?? "No contact yet: connect and sync") + account
        tone = contact == nil || !toDo.isEmpty ? .unknown : .nothing
        sources = status.compartments.map { FreshnessLine(Self.coverage($0), now: now) }
    }

    private static func coverage(_ c: CompartmentStatus) -> Coverage {
        Coverage(
            compartment: c.compartment, source: c.source, state: c.state, withheld: nil, asOf: c.asOf, watermark: c.watermark,
            records: c.records, unsearchable: c.unsearchable, arriving: c.arriving)
    }
}
