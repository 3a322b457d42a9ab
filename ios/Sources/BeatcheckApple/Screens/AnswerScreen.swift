// An answer as it is laid out: in the order in which it must be read, with what may be spoken kept apart from what may not. The words
// are the core's wherever it has any; nothing is concluded here that it did not say. There is no green, and no word `clear`.

import BeatcheckCore
import Foundation

/// How a line is set off. Never by colour alone: each has a word or sign too.
public enum Tone: String, Sendable, Equatable {
    /// Danger to somebody: first, largest.
    case danger
    /// Something was found: compare, confirm.
    case found
    /// Nothing was found in what was searched. Grey, never green.
    case nothing
    /// It cannot be said, or not wholly.
    case unknown
}

/// A marker on the screen.
public struct MarkerLine: Sendable, Equatable {
    public let text: String
    public let action: String
    public let since: String?
    /// For the officer's eyes: not read aloud, not in a notification, hidden from VoiceOver (`accessibilityHidden`).
    public let silent: Bool
}

/// One candidate.
public struct SubjectCard: Sendable, Equatable, Identifiable {
    public let id: String
    public let kind: RecordKind
    /// `HIT` or `POSSIBLE`, with how well it agrees in words.
    public let standing: String
    public let title: String
    /// Danger first, as the core sorted them; spoken and silent together, for the eyes.
    public let markers: [MarkerLine]
    public let reasons: [String]
    public let details: [Detail]
    /// Source and how old: on every card.
    public let provenance: String
    /// For VoiceOver: markers that may be spoken, then the rest. Silent ones are not in it.
    public let spoken: String
}

/// How a source stood when it was searched.
public struct FreshnessLine: Sendable, Equatable {
    public let source: String
    public let text: String
    public let tone: Tone
}

/// The whole screen, top to bottom in the order of its fields.
public struct AnswerScreen: Sendable, Equatable {
    /// Above everything: such as a weak candidate that carries firearms. Empty if none.
    public let banner: String
    public let heading: String
    public let tone: Tone
    /// Always on the screen, whatever is scrolled: the oldest of what was searched, what was not, whether warnings were loaded.
    public let freshness: String
    public let freshnessTone: Tone
    /// What to do before acting.
    public let confirm: String
    /// Why it was refused, in the core's words.
    public let refused: OfficerRefusal?
    public let cards: [SubjectCard]
    /// More agreed than are listed.
    public let more: UInt64
    public let notes: [String]
    public let sources: [FreshnessLine]
    public let reference: String
    /// What is read aloud: the core's text, in which no silent marker is.
    public let spoken: String

    /// `now` says how old things are by the time they are looked at, which may be later than the check.
    public init(_ answer: Answer, now: Date) {
        banner = answer.banner
        refused = answer.error.map { OfficerRefusal(code: $0.code, text: $0.text) }
        cards = answer.hits.map { SubjectCard($0, now: now) }
        let listed = UInt64(answer.hits.count)
        more = answer.total > listed ? answer.total - listed : 0
        notes = answer.notes.map(\.text)
        confirm = answer.confirm
        reference = answer.reference
        spoken = answer.text
        sources = answer.coverage.map { FreshnessLine($0, now: now) }
        (heading, tone) = Self.heading(answer)
        (freshness, freshnessTone) = Self.freshness(answer, now: now)
    }

    private static func heading(_ answer: Answer) -> (String, Tone) {
        let danger = !answer.banner.isEmpty
        switch answer.outcome {
        case .hit: return ("HIT", danger ? .danger : .found)
        case .possible: return (answer.total == 1 ? "POSSIBLE MATCH" : "POSSIBLE MATCHES", danger ? .danger : .found)
        case .noTrace: return ("NO TRACE in the sources searched", .nothing)
        case .cannotSay: return ("CANNOT SAY", .unknown)
        }
    }

    /// One line. What is missing is said before what is old, and warnings before both.
    private static func freshness(_ answer: Answer, now: Date) -> (String, Tone) {
        var parts: [String] = []
        switch answer.warningsState {
        case .loaded: break
        case .partial: parts.append("Warnings only partly loaded: assume unknown")
        case .notLoaded: parts.append("Warnings not loaded: assume unknown")
        }
        let searched = answer.coverage.filter { [.current, .stale, .marksOnly].contains($0.state) }
        let left = answer.coverage.count - searched.count
        if left > 0 { parts.append(left == 1 ? "1 source NOT searched" : "\(left) sources NOT searched") }
        let stale = searched.filter { $0.state == .stale }.count
        if stale > 0 { parts.append(stale == 1 ? "1 source STALE" : "\(stale) sources STALE") }
        if searched.contains(where: { $0.state == .marksOnly }) { parts.append("records still arriving") }
        let whole = parts.isEmpty
        if searched.isEmpty {
            parts.append("nothing was searched")
        } else if searched.contains(where: { Age.date($0.asOf) == nil }) {
            parts.append("oldest: age not known")
        } else if let oldest = searched.min(by: { Age.date($0.asOf)! < Age.date($1.asOf)! }) {
            parts.append("oldest source \(Age.words(of: oldest.asOf, at: now))")
        }
        return (parts.joined(separator: ". ") + ".", whole && !searched.isEmpty ? .nothing : .unknown)
    }
}

/// Why a check was refused.
public struct OfficerRefusal: Sendable, Equatable {
    public let code: String
    public let text: String
}

extension SubjectCard {
    init(_ hit: Hit, now: Date) {
        id = hit.id
        kind = hit.kind
        title = [hit.vrm, hit.title].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "  ")
        standing = hit.outcome == .hit ? "HIT" : "POSSIBLE: \(Self.word(hit.grade))"
        markers = hit.markers.map {
            MarkerLine(text: $0.text, action: $0.action, since: $0.since, silent: $0.disclosure == .silent)
        }
        reasons = hit.reasons.map(\.text)
        details = hit.details
        provenance = "\(hit.source), \(Age.words(of: hit.asOf, at: now))"
        let aloud = markers.filter { !$0.silent }.map { $0.action.isEmpty ? $0.text : "\($0.text). \($0.action)" }
        spoken = (aloud + [standing, title] + reasons + [provenance]).filter { !$0.isEmpty }.joined(separator: ". ")
    }

    /// In words, never in per cent.
    static func word(_ grade: Grade) -> String {
        switch grade {
        case .weak: "little agrees"
        case .fair: "some agrees"
        case .strong: "nearly all agrees"
        case .certain: "all that was asked agrees"
        }
    }
}

extension FreshnessLine {
    init(_ coverage: Coverage, now: Date) {
        source = coverage.source
        let age = Age.words(of: coverage.asOf, at: now)
        switch coverage.state {
        case .current: (text, tone) = ("searched, \(age)", .nothing)
        case .stale: (text, tone) = ("searched, \(age): STALE", .unknown)
        case .marksOnly: (text, tone) = ("only its list of marks was searched" + Self.coming(coverage), .unknown)
        case .missing: (text, tone) = ("NOT searched: not on this phone yet" + Self.coming(coverage), .unknown)
        case .withheld: (text, tone) = ("NOT searched: \(Self.why(coverage.withheld))", .unknown)
        }
    }

    private static func coming(_ coverage: Coverage) -> String {
        guard let arriving = coverage.arriving else { return "" }
        let when = arriving.secondsLeft.map { ", about \(Age.span(TimeInterval($0)))" } ?? ""
        return " (\(arriving.sharePercent)% has come\(when))"
    }

    private static func why(_ code: String?) -> String {
        switch code {
        case "lease": "its lease ended: connect and sync"
        case "too_old": "too old: withheld by policy"
        case "break_glass": "the lease ended, and break-glass does not open it"
        default: "withheld by policy"
        }
    }
}
