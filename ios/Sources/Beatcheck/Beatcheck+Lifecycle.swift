// Pausing, closing and wiping; locked and unlocked; shifts.
import BeatcheckCore
import Foundation

extension Beatcheck {
    // MARK: - Suspension

    /// Before the system suspends the app: breaks off a sync, waits until nothing is being written and no lock on a
    /// file is held. (iOS kills an app that is suspended while it holds a lock on a file that apps share.)
    ///
    /// Until ``resume()`` everything else throws ``BeatcheckError/suspended(_:)`` with code `paused`. Commonly
    /// milliseconds, at most 20 s. Twice is once. It happens even if the calling task is cancelled. Ask the system for
    /// the time:
    ///
    /// ```swift
    /// let time = UIApplication.shared.beginBackgroundTask()
    /// Task {
    ///     try? await beatcheck.pause()
    ///     await UIApplication.shared.endBackgroundTask(time)
    /// }
    /// ```
    ///
    /// - Throws: ``BeatcheckError/suspended(_:)`` with code `still_busy` if something was still under way after 20 s.
    ///   It is paused all the same.
    public func pause() async throws(BeatcheckError) {
        defer { feed.refresh() }
        try await lifecycle.run(cancellable: false) { [device] in try device.pause() }
    }

    /// After a pause. On a device that is not paused it does nothing.
    public func resume() async throws(BeatcheckError) {
        defer { feed.refresh() }
        try await lifecycle.run(cancellable: false) { [device] in try device.resume() }
    }

    /// Closes the device for good: as ``pause()``, and files are closed and keys forgotten, and ``events`` ends.
    /// Everything later throws ``BeatcheckError/suspended(_:)`` with code `closed`. Twice is once.
    public func close() async {
        _ = try? await lifecycle.run(cancellable: false) { [device] in device.shutDown() }
        feed.refresh()
    }

    // MARK: - Locked and unlocked

    /// Lets the officer in by PIN. Slow on purpose (a memory-hard function).
    ///
    /// - Throws: ``BeatcheckError/locked(_:)``: code `pin` for a wrong one, `pin_wait` where the next has to wait;
    ///   ``BeatcheckError/notEnrolled(_:)`` with code `wiped` where policy erases the device after so many.
    public func unlock(pin: String) async throws(BeatcheckError) {
        try await work.run { [device] in try device.unlockWithPin(pin: pin) }
    }

    /// Lets the officer in by the platform's biometric check, which the vault asks for.
    ///
    /// Where the vault's key is gone because fingers or faces were changed, unlock by PIN and set it up again.
    public func unlockWithBiometrics() async throws(BeatcheckError) {
        try await work.run { [device] in try device.unlockWithBiometric() }
    }

    /// Locks: keys of records are forgotten. For the app going to the background. Syncs go on and bring policy,
    /// withdrawals and wipes, but no records.
    public func lock() async throws(BeatcheckError) {
        try await work.run(cancellable: false) { [device] in try device.lock() }
    }

    /// Looks whether it is time to lock (idle for too long, a shift that is over): for a timer, once a minute.
    ///
    /// - Returns: Whether records can be read afterwards.
    @discardableResult
    public func tick() async throws(BeatcheckError) -> Bool {
        try await work.run { [device] in try device.tick() }
    }

    /// Sets a PIN, or another one; `old` where one is set.
    public func setPin(old: String? = nil, new: String) async throws(BeatcheckError) {
        try await work.run { [device] in try device.setPin(old: old, new: new) }
    }

    /// Lets the biometric check stand for the PIN, or no longer.
    public func setBiometrics(_ on: Bool) async throws(BeatcheckError) {
        try await work.run { [device] in try device.setBiometric(on: on) }
    }

    // MARK: - Shifts

    /// A nonce for logging in at the force's identity provider before a shift. Asks the hub.
    public func loginNonce() async throws(BeatcheckError) -> String {
        try await work.run { [device] in try device.loginNonce() }
    }

    /// Starts a shift at the hub, with an ID token where policy wants one.
    public func startShift(idToken: String? = nil) async throws(BeatcheckError) -> Shift {
        try await work.run { [device] in try device.shiftStart(idToken: idToken) }
    }

    /// Ends the shift; needs no hub. Where policy says so, records are erased, or are ciphertext until the next one.
    public func endShift() async throws(BeatcheckError) {
        try await work.run(cancellable: false) { [device] in try device.shiftEnd() }
    }

    // MARK: - The end

    /// Erases this device; entries of the account that wait are kept as ciphertext for ``sendLastWords(home:vault:)``.
    ///
    /// - Throws: Then nothing was erased.
    @discardableResult
    public func wipe() async throws(BeatcheckError) -> WipeReport {
        defer { feed.refresh() }
        return try await work.run(cancellable: false) { [device] in try device.wipe() }
    }

    /// Clears a device whose hardware key is lost (opening it throws `vault`), and keeps its account for the hub, which
    /// alone can open it. Then enrol anew with a code for the same officer.
    ///
    /// - Throws: Code `not_lost` if the device can be opened: nothing is touched.
    public static func recover(home: URL, vault: any KeyVault) async throws(BeatcheckError) -> Recovered {
        let path = home.path
        return try await opening.run { try BeatcheckCore.recover(home: path, vault: vault) }
    }
}
