// Errors as an officer reads them: the core's own words (they say what to do), with a heading and the one next step of this app.

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
        guard let error = error as? ApiError else {
            self.init("That did not work", "Try again. If it keeps failing, tell support.", "unknown", .tryAgain)
            return
        }
        switch error {
        case .NotEnrolled(let code, let officer, _):
            self.init("This phone is not enrolled", officer, code, .enrol)
        case .Locked(let code, let officer, _):
            self.init("Locked", officer, code, .unlock)
        case .Hub(let code, let officer, _):
            self.init("Not done at the hub", officer, code, .syncLater)
        case .NotAccounted(let code, let officer, _):
            // Nothing may be shown of a check that is not on record: the heading must not be taken for an answer.
            self.init("Not checked", officer, code, .tryAgain)
        case .Invalid(let code, let officer, _):
            self.init("That cannot be used", officer, code, .tryAgain)
        case .Storage(let code, let officer, _):
            self.init("A problem on this phone", officer, code, .callSupport)
        case .Suspended(let code, let officer, _):
            self.init("Beatcheck was paused", officer, code, code == "closed" ? .reopen : .tryAgain)
        }
    }

    private init(_ heading: String, _ text: String, _ code: String, _ step: Step) {
        self.heading = heading
        self.text = text
        self.code = code
        self.step = step
    }
}
