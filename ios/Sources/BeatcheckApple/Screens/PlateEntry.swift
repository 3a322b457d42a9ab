// What the plate keypad writes. Its own keys, and not the system's keyboard: large, one-handed, and with nothing that learns.

import Foundation

/// A registration mark as it is being keyed in.
public struct PlateEntry: Sendable, Equatable {
    /// Longest mark that is taken: foreign ones have more characters than British ones.
    public static let most = 12
    /// Rows of the keypad: digits on top, then letters as on the keyboards that officers know.
    public static let rows: [[Character]] = [Array("1234567890"), Array("QWERTYUIOP"), Array("ASDFGHJKL"), Array("ZXCVBNM")]

    /// As keyed, without spaces; what the check is asked for.
    public private(set) var text = ""

    public init() {}

    /// A key. Anything but a letter or a digit is not taken; small letters become large ones.
    public mutating func press(_ key: Character) {
        guard text.count < Self.most, let upper = key.uppercased().first, upper.isASCII, upper.isLetter || upper.isNumber else { return }
        text.append(upper)
    }

    public mutating func delete() { _ = text.popLast() }
    public mutating func clear() { text = "" }

    /// Whether there is enough to ask with.
    public var canCheck: Bool { text.count >= 2 }

    /// With the gap of the current British form (AB12 CDE), so that it is compared with the plate at a glance; else as keyed.
    public var shown: String {
        let c = Array(text)
        let isCurrent = c.count == 7 && c[0...1].allSatisfy(\.isLetter) && c[2...3].allSatisfy(\.isNumber) && c[4...6].allSatisfy(\.isLetter)
        return isCurrent ? String(c[0...3]) + " " + String(c[4...6]) : text
    }

    /// For VoiceOver: character by character, as it is said over the radio, and never as a word.
    public var spoken: String {
        text.isEmpty ? "No mark entered" : text.map(String.init).joined(separator: " ")
    }
}
