// One background task from its start to its end: the same for app refresh, processing and push. Says "done" to iOS once, whatever
// happens, and leaves the device as the suspension that follows needs it. No Apple framework in here.

import BeatcheckCore
import Dispatch
import Foundation

/// What a run is to do.
public enum BackgroundWork: Sendable, Equatable {
    case sync(Network)
    /// A sync, and then stored rows read again for at most so many milliseconds.
    case upkeep(Network, scrubMs: UInt64)
}

/// Runs one task of iOS's. `run` blocks: give it a thread of its own. `expire` may be called from any thread, at any time.
///
/// ```swift
/// let run = BackgroundRun(device: device, keeper: keeper, name: "refresh") { success in task.setTaskCompleted(success: success) }
/// task.expirationHandler = { run.expire() }
/// queue.async { _ = run.run(.sync(.metered)) }
/// ```
public final class BackgroundRun: @unchecked Sendable {
    /// A scrub is asked for in pieces of so many milliseconds, so that an expiration is heard soon.
    static let pieceMs: UInt64 = 500

    private let device: any FieldDevice
    private let keeper: WakeKeeper
    private let name: String
    private let done: @Sendable (Bool) -> Void
    private let lock = NSLock()
    /// Guarded by `lock`.
    private var expired = false
    private var finished = false

    public init(device: any FieldDevice, keeper: WakeKeeper, name: String, done: @escaping @Sendable (Bool) -> Void) {
        self.device = device
        self.keeper = keeper
        self.name = name
        self.done = done
    }

    /// What came of it; nothing if the device could not be used. iOS is told before this returns, after the device was paused (unless
    /// something else needs it awake).
    public func run(_ work: BackgroundWork) -> SyncOutcome? {
        let holding = keeper.begin(name)
        var outcome: SyncOutcome?
        if holding, !isExpired {
            outcome = doIt(work)
        }
        if holding { keeper.end(name) }
        finish(success: outcome.map { !$0.failed && !isExpired } ?? false)
        return outcome
    }

    /// iOS's time is up: what runs is broken off, within what remains (a few seconds). The task is completed by `run` as soon as files are at
    /// rest; iOS kills an app that does not come to an end.
    public func expire() {
        lock.withLock { expired = true }
        cancel(again: 40)
    }

    /// Cancelling does nothing where no sync runs, and one may be about to begin: so it is said again until the run has ended.
    private func cancel(again: Int) {
        if lock.withLock({ finished }) { return }
        device.cancelSync()
        guard again > 0 else { return }
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(100)) { [self] in cancel(again: again - 1) }
    }

    private var isExpired: Bool { lock.withLock { expired } }

    private func doIt(_ work: BackgroundWork) -> SyncOutcome? {
        let network: Network
        let scrubMs: UInt64
        switch work {
        case .sync(let over): (network, scrubMs) = (over, 0)
        case .upkeep(let over, let ms): (network, scrubMs) = (over, ms)
        }
        let outcome: SyncOutcome
        do {
            outcome = SyncOutcome(try device.syncOver(network: network, holdS: 0))
        } catch let error as ApiError {
            outcome = SyncOutcome(complete: false, fault: error.stableCode, wiped: error.stableCode == "wiped")
        } catch {
            return nil
        }
        // A sync that failed for want of a network does not keep rows from being read.
        var left = outcome.wiped ? 0 : scrubMs
        while left > 0, !isExpired {
            let piece = min(left, Self.pieceMs)
            guard let complete = try? device.scrub(ms: piece), !complete else { break }
            left -= piece
        }
        return outcome
    }

    private func finish(success: Bool) {
        let first = lock.withLock { () -> Bool in
            defer { finished = true }
            return !finished
        }
        if first { done(success) }
    }
}
