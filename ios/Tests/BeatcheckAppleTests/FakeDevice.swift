// A device that notes what it is told, for the tests of occasions (background, push, suspension). What a real device does on those calls is
// tested with a real hub in EnclaveHubTests and in BeatcheckTests.

import BeatcheckCore
import Foundation
@testable import BeatcheckApple

final class FakeDevice: FieldDevice, @unchecked Sendable {
    private let mutex = NSLock()
    private var log: [String] = []
    /// What a sync gives, or throws; it runs on the caller's thread.
    var onSync: (FakeDevice) throws -> SyncReport = { _ in FakeDevice.report() }
    var onScrub: () -> Bool = { true }
    var onCancel: () -> Void = {}
    var fails: [String: ApiError] = [:]
    var pushWaitS: UInt32 = 0
    var states: [KeyedState] = []
    var readable = true

    var calls: [String] { mutex.withLock { log } }
    func count(_ name: String) -> Int { calls.filter { $0 == name }.count }

    static func report(complete: Bool = true, fault: String? = nil, askAgainS: UInt32 = 0, wiped: Bool = false) -> SyncReport {
        SyncReport(
            complete: complete, compartments: [], withdrawn: [], failed: [], deferred: [], locked: false, mended: [],
            fault: fault.map { Failure(compartment: nil, code: $0, text: "") }, requests: 0, bytesDown: 0, relayBytes: 0, bytesUp: 0,
            tookMs: 0, journalSent: 0, journalPending: 0, lateHits: [], askAgainS: askAgainS, wiped: wiped)
    }

    static func suspended(_ code: String) -> ApiError { .Suspended(code: code, officerText: "", logText: "") }

    private func note(_ name: String, _ key: String? = nil) throws {
        let error = mutex.withLock { () -> ApiError? in
            log.append(name)
            return fails[key ?? name]
        }
        if let error { throw error }
    }

    func syncOver(network: Network, holdS: UInt16) throws -> SyncReport {
        try note("sync \(network)", "sync")
        return try onSync(self)
    }
    func cancelSync() {
        try? note("cancel")
        onCancel()
    }
    func scrub(ms: UInt64) throws -> Bool {
        try note("scrub \(ms)", "scrub")
        return onScrub()
    }
    func pause() throws { try note("pause") }
    func resume() throws { try note("resume") }
    func lock() throws { try note("lock") }
    func tick() throws -> Bool {
        try note("tick")
        return readable
    }
    func handlePush(payload: Data) throws -> UInt32 {
        try note("push \(payload.count)", "push")
        return pushWaitS
    }
    func keyedStates() throws -> [KeyedState] {
        try note("states")
        return states
    }
    func applyManagedConfiguration(json: String) throws -> ManagedApplied {
        try note("managed \(json)", "managed")
        return ManagedApplied(changed: ["hub_url"], ignored: [])
    }
    func lifecycle() -> Lifecycle { .open }
}

/// Runs each step at once.
struct AtOnce: StepQueue {
    func async(_ step: @escaping @Sendable () -> Void) { step() }
}

/// A value that closures of tests share.
final class Box<T>: @unchecked Sendable {
    private let lock = NSLock()
    private var inner: T
    init(_ value: T) { inner = value }
    var value: T {
        get { lock.withLock { inner } }
        set { lock.withLock { inner = newValue } }
    }
    func change(_ work: (inout T) -> Void) { lock.withLock { work(&inner) } }
}
