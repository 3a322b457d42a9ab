// App Attest as the vault uses it: the two asynchronous steps of Apple's interface as one call that waits, with a bound.

import Dispatch
import Foundation

/// Attests that this is an unaltered copy of the app on a genuine device.
public protocol AttestService: Sendable {
    /// Whether there is such a thing here.
    var isSupported: Bool { get }
    /// Makes a new key and its attestation over `clientDataHash` (32 bytes). Blocks; not on the main thread.
    func attest(clientDataHash: Data) throws -> Data
}

/// None: a simulator, or an app extension.
public struct NoAttestService: AttestService {
    public init() {}
    public var isSupported: Bool { false }
    public func attest(clientDataHash: Data) throws -> Data { throw PlatformFault.noEnclave }
}

/// The two steps, as Apple's `DCAppAttestService` offers them.
public protocol AttestSteps: Sendable {
    var isSupported: Bool { get }
    func generateKey(_ done: @escaping @Sendable (Result<String, PlatformFault>) -> Void)
    func attestKey(_ key: String, clientDataHash: Data, _ done: @escaping @Sendable (Result<Data, PlatformFault>) -> Void)
}

/// Runs the steps one after the other and waits for each.
///
/// An attestation is for a key's first use, so every call makes a new key; the one exception is Apple's server being unavailable: then the
/// same key is to be tried again, as Apple asks, and it is, at the next call. What is made is used for nothing else, and its name is
/// kept in memory only.
public final class WaitingAttestService: AttestService, @unchecked Sendable {
    /// DCError.serverUnavailable.
    static let serverUnavailable = PlatformFault(domain: PlatformFault.deviceCheck, code: 4)

    private let steps: any AttestSteps
    private let patience: TimeInterval
    private let lock = NSLock()
    /// Guarded by `lock`.
    private var unused: String?

    public init(steps: any AttestSteps, patience: TimeInterval = 15) {
        self.steps = steps
        self.patience = patience
    }

    public var isSupported: Bool { steps.isSupported }

    public func attest(clientDataHash: Data) throws -> Data {
        let key = try lock.withLock { () -> String? in defer { unused = nil }; return unused }
            ?? wait { done in steps.generateKey(done) }
        do {
            return try wait { done in steps.attestKey(key, clientDataHash: clientDataHash, done) }
        } catch let fault as PlatformFault where fault == Self.serverUnavailable {
            lock.withLock { unused = key }
            throw fault
        }
    }

    private func wait<T: Sendable>(_ begin: (@escaping @Sendable (Result<T, PlatformFault>) -> Void) -> Void) throws -> T {
        let slot = Slot<T>()
        begin { slot.fill($0) }
        guard let result = slot.wait(patience) else { throw PlatformFault.tooLate }
        return try result.get()
    }
}

/// Holds one result until somebody comes for it; what comes later than that is dropped.
private final class Slot<T: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private let there = DispatchSemaphore(value: 0)
    /// Guarded by `lock`.
    private var result: Result<T, PlatformFault>?

    func fill(_ new: Result<T, PlatformFault>) {
        let first = lock.withLock { () -> Bool in
            guard result == nil else { return false }
            result = new
            return true
        }
        if first { there.signal() }
    }

    func wait(_ patience: TimeInterval) -> Result<T, PlatformFault>? {
        _ = there.wait(timeout: .now() + patience)
        return lock.withLock { result }
    }
}
