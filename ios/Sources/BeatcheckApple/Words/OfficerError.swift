// Errors as an officer reads them: the core's own words (they say what to do), with a heading and the one next step of this app.

import Beatcheck
import BeatcheckCore

/// An error on the screen.
public struct OfficerError: Sendable, Equatable {
    /// What the app offers.
    public enum Step: Sendable, Equatable {
        case enrol, unlock, syncLater, tryAgain, callSupport, reopen
    }

    public let heading: String
    /// The core's text: what happened and what to do. Carries no personal data.
    public let text: String
    /// Stable code, to be quoted to support.
    public let code: String
    public let step: Step

    public init(_ error: any Error) {
        switch error {
        case let error as BeatcheckError:
            self.init(error)
        case let error as ApiError:
            self.init(error)
        case let error as SystemTooOld:
            self.init("This phone is too old", error.text, "system_too_old", .callSupport)
        default:
            // Its text is not looked at: nobody has reviewed it.
            self.init("That did not work", "Try again. If it keeps failing, tell support.", "unknown", .tryAgain)
        }
    }

    private init(_ error: BeatcheckError) {
        switch error {
        case .notEnrolled(let d): self.init(.notEnrolled, d.officerText, d.code)
        case .locked(let d): self.init(.locked, d.officerText, d.code)
        case .hub(let d): self.init(.hub, d.officerText, d.code)
        case .notAccounted(let d): self.init(.notAccounted, d.officerText, d.code)
        case .invalid(let d): self.init(.invalid, d.officerText, d.code)
        case .storage(let d): self.init(.storage, d.officerText, d.code)
        case .suspended(let d): self.init(.suspended, d.officerText, d.code)
        }
    }

    private init(_ error: ApiError) {
        switch error {
        case .NotEnrolled(let code, let text, _): self.init(.notEnrolled, text, code)
        case .Locked(let code, let text, _): self.init(.locked, text, code)
        case .Hub(let code, let text, _): self.init(.hub, text, code)
        case .NotAccounted(let code, let text, _): self.init(.notAccounted, text, code)
        case .Invalid(let code, let text, _): self.init(.invalid, text, code)
        case .Storage(let code, let text, _): self.init(.storage, text, code)
        case .Suspended(let code, let text, _): self.init(.suspended, text, code)
        }
    }

    private enum Kind { case notEnrolled, locked, hub, notAccounted, invalid, storage, suspended }

    private init(_ kind: Kind, _ text: String, _ code: String) {
        switch kind {
        case .notEnrolled: self.init("This phone is not enrolled", text, code, .enrol)
        case .locked: self.init("Locked", text, code, .unlock)
        case .hub: self.init("Not done at the hub", text, code, .syncLater)
        // Nothing may be shown of a check that is not on record: the heading must not be taken for an answer.
        case .notAccounted: self.init("Not checked", text, code, .tryAgain)
        case .invalid: self.init("That cannot be used", text, code, .tryAgain)
        case .storage: self.init("A problem on this phone", text, code, .callSupport)
        case .suspended: self.init("Beatcheck was paused", text, code, code == "closed" ? .reopen : .tryAgain)
        }
    }

    private init(_ heading: String, _ text: String, _ code: String, _ step: Step) {
        self.heading = heading
        self.text = text
        self.code = code
        self.step = step
    }
}
