// Dark, high contrast, large targets. A tone is never told by colour alone: words stand beside it. There is no green.

import BeatcheckApple
import SwiftUI

extension Tone {
    var fill: Color {
        switch self {
        case .danger: Color(red: 0.78, green: 0.05, blue: 0.08)
        case .found: Color(red: 1.0, green: 0.76, blue: 0.16)
        case .nothing: Color(red: 0.22, green: 0.22, blue: 0.24)
        case .unknown: Color(red: 0.16, green: 0.24, blue: 0.42)
        }
    }

    /// On `fill`, at a contrast of at least 5 : 1.
    var ink: Color { self == .found ? .black : .white }

    /// A sign beside the words.
    var sign: String {
        switch self {
        case .danger: "exclamationmark.octagon.fill"
        case .found: "magnifyingglass.circle.fill"
        case .nothing: "circle"
        case .unknown: "questionmark.diamond.fill"
        }
    }
}

extension Color {
    static var ground: Color { Color(red: 0.05, green: 0.05, blue: 0.06) }
    static var key: Color { Color(red: 0.24, green: 0.24, blue: 0.27) }
    static var quiet: Color { Color(red: 0.72, green: 0.72, blue: 0.75) }
}

/// A button for a thumb in a glove: at least 60 points high.
struct LargeButton: ButtonStyle {
    var main = true

    func makeBody(configuration: Configuration) -> some View {
        configuration.label
            .font(.title3.bold())
            .frame(maxWidth: .infinity, minHeight: 60)
            .foregroundStyle(main ? Color.black : Color.white)
            .background(main ? Color.white : Color.key, in: RoundedRectangle(cornerRadius: 12))
            .opacity(configuration.isPressed ? 0.6 : 1)
    }
}

/// A line in a tone: sign, words.
struct ToneLine: View {
    let text: String
    let tone: Tone

    var body: some View {
        HStack(alignment: .firstTextBaseline, spacing: 8) {
            Image(systemName: tone.sign).accessibilityHidden(true)
            Text(verbatim: text).frame(maxWidth: .infinity, alignment: .leading).fixedSize(horizontal: false, vertical: true)
        }
        .padding(12)
        .foregroundStyle(tone.ink)
        .background(tone.fill)
    }
}

/// An error: heading, what to do, and the code for support.
struct ErrorView: View {
    let error: OfficerError

    var body: some View {
        VStack(alignment: .leading, spacing: 4) {
            Text(verbatim: error.heading).font(.headline)
            Text(verbatim: error.text)
            Text(verbatim: "Code \(error.code)").font(.footnote).foregroundStyle(Color.quiet)
        }
        .frame(maxWidth: .infinity, alignment: .leading)
        .padding(12)
        .foregroundStyle(Color.white)
        .background(Tone.unknown.fill, in: RoundedRectangle(cornerRadius: 12))
        .accessibilityElement(children: .combine)
    }
}
