// Who needs the device awake, and when it is to be paused. iOS suspends an app without a word and kills it (0xdead10cc) if it holds a lock
// on a file in a shared container at that moment; SQLite holds one during each transaction. Beside that, a transaction that is frozen half way
// keeps its journal on disk for as long as the phone likes. So: whenever nobody needs the device, it is paused.

import BeatcheckCore
import Foundation

/// Pauses the device when the last of those who need it goes, resumes it when the first comes. Thread-safe; `begin` and `end` may block
/// (`pause` waits for what is being written), so not on the main thread.
public final class WakeKeeper: @unchecked Sendable {
    /// The name under which the foreground holds the device.
    public static let foreground = "foreground"

    private let device: any FieldDevice
    private let log: @Sendable (String) -> Void
    /// One at a time through pause and resume.
    private let lock = NSLock()
    /// Guarded by `lock`.
    private var holders: [String: Int] = [:]
    private var closed = false

    /// `log` gets stable codes only: no personal data.
    public init(device: any FieldDevice, log: @escaping @Sendable (String) -> Void = { _ in }) {
        self.device = device
        self.log = log
    }

    /// `name` needs the device. Whether it can be used: not if it is closed or was wiped.
    @discardableResult
    public func begin(_ name: String) -> Bool {
        lock.withLock {
            guard !closed else { return false }
            if holders.isEmpty {
                do {
                    try device.resume()
                } catch {
                    note("resume", error)
                    closed = (error as? ApiError)?.stableCode == "closed"
                    return false
                }
            }
            holders[name, default: 0] += 1
            return true
        }
    }

    /// `name` needs it no longer. When this returns and nobody else does, no file is locked and iOS may suspend the app.
    public func end(_ name: String) {
        lock.withLock {
            guard let count = holders[name] else { return }
            holders[name] = count > 1 ? count - 1 : nil
            guard holders.isEmpty, !closed else { return }
            do {
                try device.pause()
            } catch {
                // `still_busy` pauses all the same; the sync that held it up sees the pause at its next step.
                note("pause", error)
            }
        }
    }

    /// Whether anybody holds it.
    public var isHeld: Bool { lock.withLock { !holders.isEmpty } }

    private func note(_ what: String, _ error: any Error) {
        log("\(what): \((error as? ApiError)?.stableCode ?? "unknown")")
    }
}
