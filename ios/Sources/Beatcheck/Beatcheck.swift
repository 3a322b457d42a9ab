// The facade: an enrolled device as a Swift app holds it. Opening, enrolling, checking, and what is held. Syncing,
// lifecycle and device management are in the files beside this one; the rules of the core are in none of them.
import BeatcheckCore
import Foundation

/// An enrolled device. Hold one, for the life of the app's process.
///
/// ```swift
/// import Beatcheck
///
/// let options = EnrolOptions(home: home.path, hub: hub, code: code, caPem: pem, pin: pin, appVersion: "1.0")
/// let beatcheck = try await Beatcheck.enrol(options, vault: vault)       // later: Beatcheck.open(home:vault:pin:)
/// try await beatcheck.sync()
/// let answer = try await beatcheck.check(plate: "AB12 CDE", purpose: "traffic_stop")
/// switch answer.outcome {
/// case .hit, .possible: show(answer.confirm, answer.hits)
/// case .noTrace, .cannotSay: show(answer.text)                           // no trace is not all right
/// }
/// ```
///
/// **Threading.** Every function may be called from any task or actor, the main actor too: the core's blocking calls
/// run on queues of this object's own, never on Swift's cooperative pool. Checks run side by side, as many as there are
/// processor cores, and never wait for a sync. Syncs run one after another.
///
/// **Cancelling.** A task that is cancelled gives up what has not begun. A check that has begun runs to its end, since
/// it is on record; a sync is broken off, keeps what it fetched, and throws ``BeatcheckError/suspended(_:)`` with code
/// `cancelled`.
///
/// **Lifetime.** ``close()`` it, or let go of it: with the last reference it is closed too, a moment later. Tasks in
/// its functions and running ``events`` loops do not end that way; ``close()`` ends them.
///
/// **Binding and library.** ``open(home:vault:pin:)`` and ``enrol(_:vault:)`` check first that library and package are
/// of one version. A library whose functions differ from the generated code is worse, and is not an error that can be
/// caught: the generated code ends the process at its first call ("UniFFI API checksum mismatch").
public final class Beatcheck: Sendable {
    /// Version of this package; the library must be of the same.
    public static let packageVersion = "0.1.0"

    let device: Device
    let feed: Feed
    let checks = Lane("checks", width: max(2, ProcessInfo.processInfo.activeProcessorCount), qos: .userInitiated)
    let syncs = Lane("sync", width: 1, qos: .utility)
    // Two: the second of two watches is refused by the core, and does not wait for the first for ever.
    let watches = Lane("watch", width: 2, qos: .utility)
    let work = Lane("work", width: 4, qos: .userInitiated)
    // Apart from the others: nothing that is stuck may delay a pause.
    let lifecycle = Lane("lifecycle", width: 2, qos: .userInitiated)
    static let opening = Lane("opening", width: 2, qos: .userInitiated)

    private init(_ device: Device) {
        self.device = device
        feed = Feed(device)
    }

    deinit {
        let device = device
        lifecycle.submit { device.shutDown() }
    }

    // MARK: - Beginning

    /// Whether this package and the library that was linked are of one version. Opening and enrolling ask it by
    /// themselves.
    ///
    /// - Throws: ``BeatcheckError/invalid(_:)`` with code `binding`.
    public static func checkBinding(version: String = packageVersion) throws(BeatcheckError) {
        do { try bindingCheck(version: version) } catch { throw BeatcheckError(error) }
    }

    /// Version of the library, with the commit it was built from where known.
    public static var libraryVersion: String { BeatcheckCore.version() }

    /// Enrols this device with a one-time code. Nothing is kept unless all of it succeeded.
    ///
    /// - Throws: ``BeatcheckError/invalid(_:)`` for a code that cannot be used or a device that is enrolled already,
    ///   ``BeatcheckError/hub(_:)`` if the hub refused or was not reached, ``BeatcheckError/storage(_:)`` for vault and
    ///   files.
    public static func enrol(_ options: EnrolOptions, vault: any KeyVault) async throws(BeatcheckError) -> Beatcheck {
        try checkBinding()
        return try await opening.run { Beatcheck(try Device.enrol(options: options, vault: vault)) }
    }

    /// Opens an enrolled device. `pin` unlocks it at once, where one is set.
    ///
    /// - Throws: ``BeatcheckError/notEnrolled(_:)``, ``BeatcheckError/locked(_:)`` for a PIN that is missing or wrong,
    ///   ``BeatcheckError/storage(_:)`` if vault or files fail.
    public static func open(home: URL, vault: any KeyVault, pin: String? = nil) async throws(BeatcheckError) -> Beatcheck {
        try checkBinding()
        let path = home.path
        return try await opening.run { Beatcheck(try Device.open(home: path, vault: vault, pin: pin)) }
    }

    /// A vault in plain files, for tests and simulators only: it protects nothing against who can read the disk.
    public static func deskVault(at directory: URL) throws -> any KeyVault {
        try BeatcheckCore.deskVault(dir: directory.path)
    }

    // MARK: - Checking

    /// Checks a vehicle by its mark, for a purpose that policy allows (``DeviceStatus`` lists them).
    ///
    /// A refused check is an answer too: `cannotSay`, with `error`. Milliseconds; on record before it returns.
    ///
    /// - Throws: ``BeatcheckError/notAccounted(_:)`` if it could not be put on record: then nothing may be shown.
    public func check(plate: String, purpose: String) async throws(BeatcheckError) -> Answer {
        try await check(vehicle: VehicleQuery(vrm: plate), why: Why(purpose: purpose))
    }

    /// Checks a vehicle by its mark, its VIN, or what is known of it.
    public func check(vehicle query: VehicleQuery, why: Why) async throws(BeatcheckError) -> Answer {
        try await checks.run { [device] in try device.checkVehicle(query: query, why: why) }
    }

    /// Checks a person by any of name, date of birth or identifier.
    public func check(person query: PersonQuery, why: Why) async throws(BeatcheckError) -> Answer {
        try await checks.run { [device] in try device.checkPerson(query: query, why: why) }
    }

    /// Shows what is linked with a record that an answer has shown: from a person to vehicles and associates, from a
    /// vehicle to keeper and known users. The record itself stands first. A check like any other.
    public func check(linkedWith hit: Hit, why: Why) async throws(BeatcheckError) -> Answer {
        try await check(linkedWith: hit.kind, record: hit.id, why: why)
    }

    /// The same, by a record's kind and id.
    public func check(linkedWith kind: RecordKind, record: String, why: Why) async throws(BeatcheckError) -> Answer {
        try await checks.run { [device] in try device.checkLinked(of: kind, record: record, why: why) }
    }

    // MARK: - What is held

    /// What this device holds, how fresh, and what waits to be sent.
    public func status() async throws(BeatcheckError) -> DeviceStatus {
        try await work.run { [device] in try device.status() }
    }

    /// Reads stored rows again for about so long and compares them with what was published: for idle time, such as a
    /// background task while charging. Whether all that was due is done; what was found is in the status.
    public func scrub(for duration: Duration) async throws(BeatcheckError) -> Bool {
        let (seconds, attoseconds) = duration.components
        let ms = UInt64(max(0, seconds)) * 1000 + UInt64(max(0, attoseconds)) / 1_000_000_000_000_000
        return try await work.run { [device] in try device.scrub(ms: ms) }
    }

    /// Opens warnings and stolen vehicles on the officer's own word after the lease has ended, if policy has that. On
    /// record before it opens anything, and every answer under it says so.
    public func breakGlass(reason: String) async throws(BeatcheckError) -> GlassBroken {
        try await work.run { [device] in try device.breakGlass(reason: reason) }
    }
}
