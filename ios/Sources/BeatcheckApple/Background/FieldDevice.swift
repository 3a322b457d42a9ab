// The calls of an enrolled device that the platform's own occasions need: background tasks, pushes, suspension. A protocol, so that the
// decisions can be tested without a hub; `Device` is the one that counts.

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

extension Device: FieldDevice {}

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
