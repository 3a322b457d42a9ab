// Managed app configuration: what device management put into the app's user defaults, as the JSON that the core reads; and what it
// hears back. Which settings there are, and what each may do, the core knows (docs/mdm.md); nothing is interpreted here.

import BeatcheckCore
import Foundation

/// What is to be done with what was found.
public enum ManagedStep: Sendable, Equatable {
    /// Hand this to `applyManagedConfiguration`, or before enrolment to `managedConfiguration`.
    case apply(json: String)
    /// It cannot be known now: look again when the phone is unlocked.
    case wait
}

/// Reads and writes the two dictionaries of the AppConfig Community.
public enum ManagedConfiguration {
    /// Where iOS puts what device management sets.
    public static let key = "com.apple.configuration.managed"
    /// Where device management looks for feedback.
    public static let feedbackKey = "com.apple.feedback.managed"

    /// `protectedDataAvailable`: `UIApplication.isProtectedDataAvailable`. An app that iOS starts before the first unlock sees empty user
    /// defaults. An empty configuration would unset the lease's ceiling, so absence counts only when it can be known.
    public static func step(_ found: [String: Any]?, protectedDataAvailable: Bool) -> ManagedStep {
        if let found { return .apply(json: json(found)) }
        return protectedDataAvailable ? .apply(json: "{}") : .wait
    }

    /// The same from user defaults.
    public static func step(in defaults: UserDefaults, protectedDataAvailable: Bool) -> ManagedStep {
        step(defaults.dictionary(forKey: key), protectedDataAvailable: protectedDataAvailable)
    }

    /// As JSON, keys in order. A value that JSON has no form for (a date, data, a number that is none) becomes `{}`: the core refuses it by its
    /// name where it knows the setting, and ignores it where it does not. Left out, a setting would be unset without a word.
    static func json(_ dictionary: [String: Any]) -> String {
        let plain = dictionary.mapValues { JSONSerialization.isValidJSONObject([$0]) ? $0 : [String: Any]() }
        guard let data = try? JSONSerialization.data(withJSONObject: plain, options: [.sortedKeys]) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }

    /// The feedback dictionary of a device's states: texts only. A refused configuration stands under `configuration`, by its stable code.
    public static func feedback(_ states: [KeyedState], refused: String? = nil) -> [String: String] {
        var out: [String: String] = [:]
        for state in states { out[state.key] = state.data }
        if let refused { out["configuration"] = refused }
        return out
    }

    /// Writes it, if it differs: each write wakes whoever listens to user defaults.
    public static func write(_ feedback: [String: String], to defaults: UserDefaults) {
        if defaults.dictionary(forKey: feedbackKey) as? [String: String] != feedback {
            defaults.set(feedback, forKey: feedbackKey)
        }
    }
}

/// Applies the configuration at the start, and whenever user defaults change; writes the feedback. Keep it for as long as the device.
///
/// `UserDefaults.didChangeNotification` comes for every default of the app, in bursts: only a configuration that differs from the last
/// one is handed to the core.
public final class ManagedWatcher: @unchecked Sendable {
    private let device: any FieldDevice
    private let defaults: UserDefaults
    private let protectedDataAvailable: @Sendable () -> Bool
    private let queue: any StepQueue
    private let changed: @Sendable ([String]) -> Void
    /// Touched on `queue` only.
    private var last: String?
    private let token = Token()

    /// `changed` hears the names of settings that have another value, from `queue`.
    public init(
        device: any FieldDevice,
        defaults: UserDefaults = .standard,
        queue: any StepQueue,
        protectedDataAvailable: @escaping @Sendable () -> Bool,
        changed: @escaping @Sendable ([String]) -> Void = { _ in }
    ) {
        self.device = device
        self.defaults = defaults
        self.queue = queue
        self.protectedDataAvailable = protectedDataAvailable
        self.changed = changed
        token.begin(defaults) { [weak self] in self?.look() }
        look()
    }

    /// Looks now: also for the moment when the phone is unlocked (`protectedDataDidBecomeAvailable`), and after each sync for the feedback.
    public func look() {
        queue.async { [weak self] in self?.lookNow() }
    }

    private func lookNow() {
        guard case .apply(let json) = ManagedConfiguration.step(in: defaults, protectedDataAvailable: protectedDataAvailable()) else { return }
        var refused: String?
        if json != last {
            do {
                let applied = try device.applyManagedConfiguration(json: json)
                last = json
                if !applied.changed.isEmpty { changed(applied.changed) }
            } catch let error as ApiError {
                // Paused or locked passes: it is looked at again. A refusal is told until there is another configuration.
                if case .Invalid = error { refused = error.stableCode }
            } catch {
                refused = "unknown"
            }
        }
        if let states = try? device.keyedStates() {
            ManagedConfiguration.write(ManagedConfiguration.feedback(states, refused: refused), to: defaults)
        }
    }

    /// Takes the observer away when the watcher goes.
    private final class Token: @unchecked Sendable {
        private var token: (any NSObjectProtocol)?

        func begin(_ defaults: UserDefaults, _ work: @escaping @Sendable () -> Void) {
            token = NotificationCenter.default.addObserver(
                forName: UserDefaults.didChangeNotification, object: defaults, queue: nil) { _ in work() }
        }

        deinit {
            if let token { NotificationCenter.default.removeObserver(token) }
        }
    }
}
