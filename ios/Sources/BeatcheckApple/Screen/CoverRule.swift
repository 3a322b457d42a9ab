// When the screen is covered: in the app switcher, whose picture iOS keeps on disk, and while the screen is recorded or mirrored.
// Pure; PrivacyCover.swift draws it.
//
// A screenshot cannot be prevented by an app on iOS, and is told only afterwards: forbid it by device management (restriction
// `allowScreenShot`). What an app can do against recording and mirroring is to show nothing meanwhile, which this does.

/// Where the app's window stands.
public enum WindowPhase: Sendable, Equatable {
    case active
    /// In front, but not in charge: the app switcher, a call, the notification centre, Face ID's own dialogue.
    case inactive
    case background
}

/// What is shown.
public enum Cover: Sendable, Equatable {
    case none
    /// The app's name and nothing of what is under it.
    case plain
    /// The same, and why.
    case recording
}

public enum CoverRule {
    /// `presencePending`: the biometric check that we ask for ourselves makes the window inactive. Then nothing secret is shown yet, and the cover
    /// stays away, lest it flash.
    public static func cover(_ phase: WindowPhase, captured: Bool, presencePending: Bool = false) -> Cover {
        if captured { return .recording }
        switch phase {
        case .active: return .none
        case .inactive: return presencePending ? .none : .plain
        case .background: return .plain
        }
    }
}
