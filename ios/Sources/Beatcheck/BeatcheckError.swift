// The few errors that an app can act on. Mapped from the core's exhaustively, here and nowhere else.
import BeatcheckCore
import Foundation

/// What went wrong: the case says what the app should do, ``officerText`` what the officer is shown.
///
/// ```swift
/// do {
///     show(try await beatcheck.check(plate: plate, purpose: "traffic_stop"))
/// } catch {
///     switch error {                       // typed: no default needed
///     case .notEnrolled: showEnrolment()
///     case .locked: showUnlock(error.officerText)
///     case .suspended: break               // paused, closed or cancelled: by this app
///     case .hub, .notAccounted, .invalid, .storage: showProblem(error.officerText)
///     }
///     log(error.logText)
/// }
/// ```
///
/// None of the texts carries personal data or a secret, nor what a key vault's own error said.
public enum BeatcheckError: Error, Sendable, Hashable {
    /// The texts of an error.
    public struct Details: Sendable, Hashable {
        /// Stable; the table is in `docs/cli.md`.
        public let code: String
        /// For the officer: what to do.
        public let officerText: String
        /// For a log: the code and its cause.
        public let logText: String

        init(_ code: String, _ officerText: String, _ logText: String) {
            self.code = code
            self.officerText = officerText
            self.logText = logText
        }
    }

    /// Enrol first, or anew: show the enrolment screen.
    case notEnrolled(Details)
    /// Ask for the PIN or the biometric check, or wait: show the unlock screen.
    case locked(Details)
    /// The hub could not be reached, or refused: checks go on with what is held. Try later, or do what the text says.
    case hub(Details)
    /// The check is not on record, so there is no answer: show nothing of it.
    case notAccounted(Details)
    /// What was given cannot be used: mend it, trying again unchanged will not help.
    case invalid(Details)
    /// Files, keys or space on this device: tell the officer.
    case storage(Details)
    /// The device is paused (`paused`) or was closed (`closed`), or the task was cancelled (`cancelled`).
    case suspended(Details)

    /// All three texts.
    public var details: Details {
        switch self {
        case .notEnrolled(let d), .locked(let d), .hub(let d), .notAccounted(let d), .invalid(let d), .storage(let d),
            .suspended(let d):
            d
        }
    }

    /// Stable code.
    public var code: String { details.code }
    /// For the officer: what to do.
    public var officerText: String { details.officerText }
    /// For a log: the code and its cause.
    public var logText: String { details.logText }

    /// A task that was cancelled before its call began. The same code and words as the core's.
    static let cancelled = suspended(Details("cancelled", "Cancelled.", "cancelled: before it began"))

    /// The core's error. Anything else can only be a fault in the binding (a panic in the core comes as one): its text
    /// is not looked at, since nobody has reviewed it.
    init(_ error: any Error) {
        switch error {
        case let error as BeatcheckError: self = error
        case let error as ApiError: self.init(api: error)
        default:
            self = .storage(Details(
                "internal",
                "Something went wrong in this app. Restart it, and use the radio until then.",
                "internal: \(type(of: error))"
            ))
        }
    }

    private init(api: ApiError) {
        switch api {
        case .NotEnrolled(let code, let officer, let log): self = .notEnrolled(Details(code, officer, log))
        case .Locked(let code, let officer, let log): self = .locked(Details(code, officer, log))
        case .Hub(let code, let officer, let log): self = .hub(Details(code, officer, log))
        case .NotAccounted(let code, let officer, let log): self = .notAccounted(Details(code, officer, log))
        case .Invalid(let code, let officer, let log): self = .invalid(Details(code, officer, log))
        case .Storage(let code, let officer, let log): self = .storage(Details(code, officer, log))
        case .Suspended(let code, let officer, let log): self = .suspended(Details(code, officer, log))
        }
    }
}

extension BeatcheckError: LocalizedError, CustomStringConvertible {
    /// What `localizedDescription` shows: the officer's text.
    public var errorDescription: String? { officerText }
    /// What a log gets.
    public var description: String { logText }
}
