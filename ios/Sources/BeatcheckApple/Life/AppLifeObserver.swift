// UIKit's notifications and background spans, handed to ForegroundLife. Compiled on Apple's phones only.

#if canImport(UIKit) && !os(watchOS)
import Dispatch
import Foundation
import UIKit

/// `UIApplication.beginBackgroundTask`. Not for app extensions.
public struct ApplicationGrace: GraceTime {
    public init() {}

    public func begin(_ name: String, expired: @escaping @Sendable () -> Void) -> Int? {
        // Both calls are safe from any thread, says UIKit; its annotation is stricter, so the main actor is assumed where we are on it.
        MainActor.assumeIsolated {
            let box = Box()
            let id = UIApplication.shared.beginBackgroundTask(withName: name) {
                expired()
                // A span that is not ended when it expires ends the app.
                if let id = box.id { UIApplication.shared.endBackgroundTask(id) }
            }
            box.id = id
            return id == .invalid ? nil : id.rawValue
        }
    }

    public func end(_ id: Int) {
        DispatchQueue.main.async { UIApplication.shared.endBackgroundTask(UIBackgroundTaskIdentifier(rawValue: id)) }
    }

    @MainActor private final class Box {
        var id: UIBackgroundTaskIdentifier?
    }
}

/// A serial dispatch queue.
public struct SerialSteps: StepQueue {
    private let queue: DispatchQueue

    public init(_ label: String = "org.beatcheck.life") {
        queue = DispatchQueue(label: label, qos: .userInitiated)
    }

    public func async(_ step: @escaping @Sendable () -> Void) { queue.async(execute: step) }
}

/// Listens for as long as it is kept.
@MainActor
public final class AppLifeObserver {
    private let tokens: Tokens

    public init(_ life: ForegroundLife) {
        let center = NotificationCenter.default
        tokens = Tokens([
            center.addObserver(forName: UIApplication.willEnterForegroundNotification, object: nil, queue: .main) { _ in life.entered() },
            center.addObserver(forName: UIApplication.didEnterBackgroundNotification, object: nil, queue: .main) { _ in life.left() },
        ])
        // A launch in the foreground sends no willEnterForeground to an app without scenes. Said twice is said once.
        if UIApplication.shared.applicationState != .background { life.entered() }
    }

    /// Takes the observers away when nobody keeps them.
    private final class Tokens: @unchecked Sendable {
        private let all: [any NSObjectProtocol]
        init(_ all: [any NSObjectProtocol]) { self.all = all }
        deinit { all.forEach { NotificationCenter.default.removeObserver($0) } }
    }
}
#endif
