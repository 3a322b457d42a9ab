// How old something is, in words. Times come from the core as text (RFC 3339).

import Foundation

/// Ages and times for the screen.
public enum Age {
    /// Reads a time of the core's.
    public static func date(_ timestamp: String?) -> Date? {
        guard let timestamp else { return nil }
        // Made each time: a formatter is not to be shared between threads.
        let formatter = ISO8601DateFormatter()
        if let date = formatter.date(from: timestamp) { return date }
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        if let date = formatter.date(from: timestamp) { return date }
        // Of another precision than the formatter takes: whole seconds will do.
        guard let dot = timestamp.firstIndex(of: "."), timestamp.hasSuffix("Z") else { return nil }
        formatter.formatOptions = [.withInternetDateTime]
        return formatter.date(from: timestamp[..<dot] + "Z")
    }

    /// `5 min old`, `3 h old`, `2 days old`; rounded down, except that nothing is ever `0`. A time that lies ahead is said to, for then a clock is
    /// wrong, and one that is not known is `age not known`: neither may look fresh.
    public static func words(of timestamp: String?, at now: Date) -> String {
        guard let then = date(timestamp) else { return "age not known" }
        let seconds = now.timeIntervalSince(then)
        if seconds < -120 { return "dated ahead of the clock" }
        return "\(span(max(seconds, 0))) old"
    }

    /// `under a minute`, `5 min`, `3 h`, `2 days`.
    public static func span(_ seconds: TimeInterval) -> String {
        switch seconds {
        case ..<60: return "under a minute"
        case ..<3600: return "\(Int(seconds / 60)) min"
        case ..<(48 * 3600): return "\(Int(seconds / 3600)) h"
        default: return "\(Int(seconds / 86400)) days"
        }
    }
}
