// Syncing and staying in contact. Which network may be used, and when the system gives an app time, is the app's (and
// BeatcheckApple's).
import BeatcheckCore
import Foundation

extension Beatcheck {
    /// Fetches what changed and sends the account. Takes as long as it takes; checks go on meanwhile.
    ///
    /// `network` is what the app knows of the way there: policy has budgets for those that are paid for by volume.
    /// `hold` lets the hub hold the question for so many seconds (at most 25) if it has nothing new.
    ///
    /// - Returns: What was done. The link's and the hub's faults are in it (`fault`, `failed`), and so is a
    ///   cancellation by ``cancelSync()``: they are no errors, since what came before them is in force.
    /// - Throws: What stopped it before it could do anything; ``BeatcheckError/suspended(_:)`` with code `cancelled`
    ///   when the calling task was cancelled, with nothing lost; ``BeatcheckError/hub(_:)`` with code `sync_running`
    ///   while a ``watch(network:)`` runs.
    @discardableResult
    public func sync(over network: Network = .unmetered, hold: Int = 0) async throws(BeatcheckError) -> SyncReport {
        let holdS = UInt16(clamping: hold)
        let report = try await syncs.run(end: { [device] in device.cancelSync() }) { [device] in
            try device.syncOver(network: network, holdS: holdS)
        }
        if let fault = report.fault, fault.code == "cancelled", Task.isCancelled {
            throw .suspended(.init(fault.code, "Cancelled. What was fetched is kept.", "cancelled: by its task"))
        }
        return report
    }

    /// Stays in contact with the hub for as long as the calling task is not cancelled; what happens comes by
    /// ``events``. For the foreground.
    ///
    /// ```swift
    /// .task { try? await beatcheck.watch() }      // SwiftUI cancels it when the view goes
    /// ```
    ///
    /// Returns when the task was cancelled, after ``cancelSync()``, or when the device was wiped: send what is left of
    /// its account then (``sendLastWords(home:vault:)``).
    public func watch(network: Network = .unmetered) async throws(BeatcheckError) {
        try await watches.run(end: { [device] in device.stopWatch(); device.cancelSync() }) { [device] in
            try device.watch(network: network)
        }
    }

    /// Ends a sync or a watch that is running, soon, whoever began it. What was applied is in force, what was fetched
    /// is kept. Returns at once.
    public func cancelSync() {
        device.cancelSync()
    }

    /// A push came in: after how long to sync. What it carries is not looked at.
    public func handlePush(_ payload: Data = Data()) async throws(BeatcheckError) -> Duration {
        .seconds(try await work.run { [device] in try device.handlePush(payload: payload) })
    }

    /// Sets a relay (`https://HOST:PORT`), a cache near by that is asked before the hub is; none: only the hub.
    public func setRelay(_ relay: String?) async throws(BeatcheckError) {
        try await work.run { [device] in try device.setRelay(relay: relay) }
    }

    /// Sends what a wiped device still has of its account; returns the number of entries sent. It can be tried again.
    public static func sendLastWords(home: URL, vault: any KeyVault) async throws(BeatcheckError) -> UInt64 {
        let path = home.path
        return try await opening.run { try BeatcheckCore.sendLastWords(home: path, vault: vault) }
    }
}
