// The form of a person check: what was typed, and whether there is enough to ask with. The core judges the rest; nothing of it is
// kept, and nothing of it is ever saved with the state of a scene.

import BeatcheckCore
import Foundation

/// What an officer typed.
public struct PersonEntry: Sendable, Equatable {
    public var surname = ""
    public var given = ""
    /// Digits and signs as typed: `12/03/1984`, `1984-03-12`, `1984`.
    public var born = ""
    public var identifier = ""

    public init() {}

    /// A name, or an identifier. A date of birth alone asks for half a town.
    public var canCheck: Bool {
        !trim(surname).isEmpty || !trim(identifier).isEmpty
    }

    /// As the core takes it. A date that does not read is handed on as typed: the core says what is wrong with it.
    public var query: PersonQuery {
        PersonQuery(surname: some(surname), given: some(given), dob: Self.date(trim(born)), identifier: some(identifier))
    }

    public mutating func clear() { self = PersonEntry() }

    private func trim(_ text: String) -> String { text.trimmingCharacters(in: .whitespacesAndNewlines) }
    private func some(_ text: String) -> String? { trim(text).isEmpty ? nil : trim(text) }

    /// Day first, as it is said on the street: `12/3/1984`, `12.03.1984`, `12 03 1984`, `12031984`.
    static func date(_ text: String) -> String? {
        if text.isEmpty { return nil }
        var parts = text.split(whereSeparator: { "/. -".contains($0) }).map(String.init)
        if parts.count == 1, text.count == 8 {
            let c = Array(text)
            parts = [String(c[0..<2]), String(c[2..<4]), String(c[4..<8])]
        }
        guard parts.count == 3, parts[2].count == 4, let day = Int(parts[0]), let month = Int(parts[1]), let year = Int(parts[2]) else {
            return text
        }
        return String(format: "%04d-%02d-%02d", year, month, day)
    }
}
