// The core's shapes under this module's name, so that an app needs one import. They are generated, and all `Sendable`
// values. Where an app has a type of the same name, `BeatcheckCore.Answer` is never ambiguous.
import BeatcheckCore
import Foundation

// -- asking and answers
public typealias VehicleQuery = BeatcheckCore.VehicleQuery
public typealias PersonQuery = BeatcheckCore.PersonQuery
public typealias Why = BeatcheckCore.Why
public typealias Answer = BeatcheckCore.Answer
public typealias AnswerError = BeatcheckCore.AnswerError
public typealias Outcome = BeatcheckCore.Outcome
public typealias Hit = BeatcheckCore.Hit
public typealias Grade = BeatcheckCore.Grade
public typealias Reason = BeatcheckCore.Reason
public typealias ShownMarker = BeatcheckCore.ShownMarker
public typealias Disclosure = BeatcheckCore.Disclosure
public typealias Detail = BeatcheckCore.Detail
public typealias Coverage = BeatcheckCore.Coverage
public typealias CoverageState = BeatcheckCore.CoverageState
public typealias Arriving = BeatcheckCore.Arriving
public typealias WarningsState = BeatcheckCore.WarningsState
public typealias RecordKind = BeatcheckCore.RecordKind
public typealias Sex = BeatcheckCore.Sex
/// RFC 3339, UTC; ``Beatcheck/date(_:)`` makes a `Date` of it.
public typealias Timestamp = BeatcheckCore.Timestamp
/// `1984`, `1984-02` or `1984-02-29`: as much as is known.
public typealias PartialDate = BeatcheckCore.PartialDate

// -- the device
public typealias EnrolOptions = BeatcheckCore.EnrolOptions
public typealias DeviceStatus = BeatcheckCore.DeviceStatus
public typealias CompartmentStatus = BeatcheckCore.CompartmentStatus
public typealias JournalStatus = BeatcheckCore.JournalStatus
public typealias UnlockStatus = BeatcheckCore.UnlockStatus
public typealias ClockStatus = BeatcheckCore.ClockStatus
public typealias Shift = BeatcheckCore.Shift
public typealias LateHit = BeatcheckCore.LateHit
public typealias Lifecycle = BeatcheckCore.Lifecycle
public typealias WipeReport = BeatcheckCore.WipeReport
public typealias Recovered = BeatcheckCore.Recovered
public typealias GlassBroken = BeatcheckCore.GlassBroken

// -- syncing
public typealias Network = BeatcheckCore.Network
public typealias SyncReport = BeatcheckCore.SyncReport
public typealias SyncEvent = BeatcheckCore.SyncEvent
public typealias CompartmentChange = BeatcheckCore.CompartmentChange
public typealias Mended = BeatcheckCore.Mended
public typealias Failure = BeatcheckCore.Failure

// -- device management
public typealias ManagedSettings = BeatcheckCore.ManagedSettings
public typealias ManagedApplied = BeatcheckCore.ManagedApplied
public typealias PolicyTaken = BeatcheckCore.PolicyTaken
public typealias KeyedState = BeatcheckCore.KeyedState
public typealias Severity = BeatcheckCore.Severity

// -- the key vault

/// Keys that never leave the phone's secure element, as an app implements it (or takes it from BeatcheckApple).
///
/// Its calls come in on the core's threads, several at once: it must be `Sendable` in truth. It throws ``VaultError``
/// and nothing else (another error counts as `.Failed`, and its text goes nowhere). Destroying a key that is not there
/// succeeds. It must not call the device that it belongs to. The device holds it until it is closed.
public typealias KeyVault = BeatcheckCore.KeyVault
public typealias KeyUse = BeatcheckCore.KeyUse
public typealias VaultError = BeatcheckCore.VaultError

extension Beatcheck {
    /// A time that the core gave, as a `Date`; none if it is none.
    public static func date(_ timestamp: Timestamp) -> Date? {
        let plain = ISO8601DateFormatter()
        if let date = plain.date(from: timestamp) { return date }
        plain.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        return plain.date(from: timestamp)
    }
}
