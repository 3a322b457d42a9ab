// Foreground and background, as a sequence of steps: pure enough to be tested, driven by AppLifeObserver.swift on a phone.

import BeatcheckCore
import Foundation

/// A span of time that iOS grants after an app has left the foreground (`beginBackgroundTask`).
public protocol GraceTime: Sendable {
    /// Begins one; `expired` is called when it is nearly over. Nothing if iOS grants none.
    func begin(_ name: String, expired: @escaping @Sendable () -> Void) -> Int?
    func end(_ id: Int)
}

/// What happens when the app leaves the foreground, and when it comes back.
///
/// Leaving: within a granted span the device is locked (unless `locksInBackground` is off), then paused; the span ends when files are at
/// rest. Coming back: it is resumed, and looks whether it is time to lock (`tick`), before any check can be made.
public final class ForegroundLife: @unchecked Sendable {
    private let device: any FieldDevice
    private let keeper: WakeKeeper
    private let grace: any GraceTime
    private let locksInBackground: Bool
    private let onLockedChange: @Sendable (_ readable: Bool) -> Void
    /// Leaving and coming back in the order in which they happen.
    private let queue: any StepQueue
    /// Touched on `queue` only: iOS says some things twice, and the keeper counts.
    private var here = false

    /// `locksInBackground`: keys of records are forgotten when the app leaves the foreground, as docs/unlock.md has it. Off, they stay in the
    /// memory of a suspended app until it comes back and `tick` finds that it was idle for too long: a suspended app has no timer.
    /// `onLockedChange` is called from the queue.
    public init(
        device: any FieldDevice,
        keeper: WakeKeeper,
        grace: any GraceTime,
        queue: any StepQueue,
        locksInBackground: Bool = true,
        onLockedChange: @escaping @Sendable (_ readable: Bool) -> Void
    ) {
        self.device = device
        self.keeper = keeper
        self.grace = grace
        self.queue = queue
        self.locksInBackground = locksInBackground
        self.onLockedChange = onLockedChange
    }

    /// The app is in the foreground, or is about to be.
    public func entered() {
        queue.async { [self] in
            guard !here, keeper.begin(WakeKeeper.foreground) else { return }
            here = true
            let readable = (try? device.tick()) ?? false
            onLockedChange(readable)
        }
    }

    /// The app has left the foreground. Call it on the main thread, from the notification itself: the span must be asked for before
    /// iOS thinks that there is nothing left to do.
    public func left() {
        let device = self.device
        // What the span's end finds still running is broken off, so that the pause under way gets through.
        let span = grace.begin("beatcheck.pause") { device.cancelSync() }
        queue.async { [self] in
            if locksInBackground {
                // It is locked even where this could not be put on record.
                try? device.lock()
                onLockedChange(false)
            }
            if here {
                here = false
                keeper.end(WakeKeeper.foreground)
            }
            if let span { grace.end(span) }
        }
    }
}

/// Runs steps one after the other, off the main thread.
public protocol StepQueue: Sendable {
    func async(_ step: @escaping @Sendable () -> Void)
}
