// The calls of an enrolled device that the platform's own occasions need: background tasks, pushes, suspension. A protocol, so that the
// decisions can be tested without a hub; an app hands in `beatcheck.field`.

import Beatcheck
import BeatcheckCore
import Foundation

/// An enrolled device as the phone's occasions use it. All calls block, from any thread but the main one.
public protocol FieldDevice: AnyObject, Sendable {
    func syncOver(network: Network, holdS: UInt16) throws -> SyncReport
    func cancelSync()
    func scrub(ms: UInt64) throws -> Bool
    func pause() throws
    func resume() throws
    func lock() throws
    func tick() throws -> Bool
    func handlePush(payload: Data) throws -> UInt32
    func keyedStates() throws -> [KeyedState]
    func applyManagedConfiguration(json: String) throws -> ManagedApplied
    func lifecycle() -> Lifecycle
}

extension Beatcheck {
    /// This device for background tasks, pushes and suspension: their work has threads of its own, so its calls block.
    ///
    /// ```swift
    /// let keeper = WakeKeeper(device: beatcheck.field)
    /// ```
    public var field: any FieldDevice { Field(self) }
}

/// Keeps the facade, so that it is not closed under the work, and lets it know of what it does not see.
private final class Field: FieldDevice {
    private let beatcheck: Beatcheck
    private var device: Device { beatcheck.platformDevice }

    init(_ beatcheck: Beatcheck) { self.beatcheck = beatcheck }

    func syncOver(network: Network, holdS: UInt16) throws -> SyncReport { try device.syncOver(network: network, holdS: holdS) }
    func cancelSync() { device.cancelSync() }
    func scrub(ms: UInt64) throws -> Bool { try device.scrub(ms: ms) }
    func lock() throws { try device.lock() }
    func tick() throws -> Bool { try device.tick() }
    func handlePush(payload: Data) throws -> UInt32 { try device.handlePush(payload: payload) }
    func keyedStates() throws -> [KeyedState] { try device.keyedStates() }
    func applyManagedConfiguration(json: String) throws -> ManagedApplied { try device.applyManagedConfiguration(json: json) }
    func lifecycle() -> Lifecycle { device.lifecycle() }

    func pause() throws {
        defer { beatcheck.lifecycleChanged() }
        try device.pause()
    }

    func resume() throws {
        defer { beatcheck.lifecycleChanged() }
        try device.resume()
    }
}

extension ApiError {
    /// Its stable code, whichever variant.
    public var stableCode: String {
        switch self {
        case .NotEnrolled(let code, _, _), .Locked(let code, _, _), .Hub(let code, _, _), .NotAccounted(let code, _, _),
            .Invalid(let code, _, _), .Storage(let code, _, _), .Suspended(let code, _, _):
            return code
        }
    }
}
