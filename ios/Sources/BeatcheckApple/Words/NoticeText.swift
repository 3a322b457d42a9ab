// What a notification may say: lock screens are read by anybody, and screen readers speak them. So: never a name, a mark, a marker, a reference, nor
// how many. What it is about stands in the app, behind the lock.

/// Notifications. Texts are English; an app may put its own in place, by the same rule.
public enum NoticeText: String, Sendable, CaseIterable {
    /// An answer given earlier has changed.
    case lateHit
    /// Contact is overdue: the lease will end.
    case contactDue
    /// Space for the account runs low.
    case accountLow

    public var title: String { "Beatcheck" }

    public var body: String {
        switch self {
        case .lateHit: "Something you checked has changed. Open the app now."
        case .contactDue: "Open the app where there is a connection."
        case .accountLow: "Open the app where there is a connection, and leave it open until it has synced."
        }
    }

    /// One notification of each kind at most: a later one replaces it.
    public var identifier: String { "org.beatcheck.notice.\(rawValue)" }

    /// What an event is worth; nothing for most. Whatever it carries is left where it is.
    public static func of(lateHits: Int, leaseHoursLeft: Double?, accountLow: Bool) -> [NoticeText] {
        var out: [NoticeText] = []
        if lateHits > 0 { out.append(.lateHit) }
        if let left = leaseHoursLeft, left < 8 { out.append(.contactDue) }
        if accountLow { out.append(.accountLow) }
        return out
    }
}
