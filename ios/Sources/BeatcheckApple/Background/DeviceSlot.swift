// Where the app's one device is found by what iOS starts the app for: a background task comes in on a thread of its own, perhaps before
// the device has been opened. It waits here for a moment; it opens nothing by itself, so a device is never opened twice.

import BeatcheckCore
import Foundation

/// Holds the device between those who open it and those who need it. Thread-safe.
///
/// ```swift
/// let slot = DeviceSlot()
/// let tasks = BackgroundTasks(prefix: "org.example.app", network: { … }, open: { slot.wait(10) })
/// // once it is known:      slot.settle(beatcheck.field, keeper)      or, where there is none:      slot.settle(nil)
/// ```
public final class DeviceSlot: @unchecked Sendable {
    private let changed = NSCondition()
    /// Guarded by `changed`.
    private var settled = false
    private var held: (any FieldDevice, WakeKeeper)?

    public init() {}

    /// The device is open; or there is none, and those who wait go away empty-handed.
    public func settle(_ device: (any FieldDevice)?, _ keeper: WakeKeeper? = nil) {
        changed.lock()
        defer { changed.unlock() }
        held = device.flatMap { device in keeper.map { (device, $0) } }
        settled = true
        changed.broadcast()
    }

    /// The device; nothing if there is none, or none yet after so many seconds. Blocks: not on the main thread, which opens it.
    public func wait(_ seconds: TimeInterval) -> (any FieldDevice, WakeKeeper)? {
        let until = Date(timeIntervalSinceNow: seconds)
        changed.lock()
        defer { changed.unlock() }
        while !settled, changed.wait(until: until) {}
        return held
    }

    /// What is there now.
    public var now: (any FieldDevice, WakeKeeper)? { wait(0) }
}
