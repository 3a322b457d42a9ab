// What device management hands over through the app, and what it hears back. The settings: docs/mdm.md.
import BeatcheckCore
import Foundation

extension Beatcheck {
    /// Reads MDM's configuration for an app that is not enrolled yet: what to hand to ``enrol(_:vault:)``.
    ///
    /// `json` is `com.apple.configuration.managed` of the app's user defaults, as a JSON object.
    ///
    /// - Throws: ``BeatcheckError/invalid(_:)`` with code `managed`.
    public static func managedSettings(json: String) throws(BeatcheckError) -> ManagedSettings {
        do { return try BeatcheckCore.managedConfiguration(json: json) } catch { throw BeatcheckError(error) }
    }

    /// The nonce for logging in at the force's identity provider before an enrolment with this code: the ID token in
    /// `EnrolOptions` must bear it. Only where the hub asks for one. Asks nobody.
    ///
    /// - Throws: ``BeatcheckError/invalid(_:)`` with code `enrol_code` for one that does not read.
    public static func enrolmentNonce(code: String) throws(BeatcheckError) -> String {
        do { return try BeatcheckCore.enrolmentNonce(code: code) } catch { throw BeatcheckError(error) }
    }

    /// Applies MDM's configuration: at each start, and whenever the system says that it changed. It can tell where the
    /// hub is and shorten the lease; it cannot grant anything.
    ///
    /// - Throws: ``BeatcheckError/invalid(_:)`` with code `managed`; nothing was changed.
    @discardableResult
    public func applyManagedConfiguration(json: String) async throws(BeatcheckError) -> ManagedApplied {
        try await work.run { [device] in try device.applyManagedConfiguration(json: json) }
    }

    /// Puts a signed policy in force that device management handed over as bytes; in force when this returns.
    ///
    /// - Throws: ``BeatcheckError/invalid(_:)`` with code `policy_refused`; the policy in force stays.
    @discardableResult
    public func takePolicy(_ signed: Data) async throws(BeatcheckError) -> PolicyTaken {
        try await work.run { [device] in try device.takePolicy(signed: signed) }
    }

    /// What MDM may be told of this device: to be written to `com.apple.feedback.managed`.
    public func keyedStates() async throws(BeatcheckError) -> [KeyedState] {
        try await work.run { [device] in try device.keyedStates() }
    }

    /// Which version of the app this is: at each start. Policy may want a newer one.
    public func setAppVersion(_ version: String) async throws(BeatcheckError) {
        try await work.run { [device] in try device.setAppVersion(version: version) }
    }
}
