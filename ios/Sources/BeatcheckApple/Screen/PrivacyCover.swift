// The cover over the app's window, in UIKit and for SwiftUI. Compiled on Apple's phones only; CoverRule.swift decides.

#if canImport(SwiftUI) && canImport(UIKit) && !os(watchOS)
import SwiftUI
import UIKit

/// Covers what it is put on: `ContentView().privacyCover(title: "Beatcheck", recording: "Screen recording is on")`. Put it on the outermost
/// view of each window. Sheets and alerts lie above it: show what is secret in none, or cover that too.
public struct PrivacyCover: ViewModifier {
    @Environment(\.scenePhase) private var scenePhase
    @State private var captured = UIScreen.main.isCaptured
    let title: String
    let recording: String
    let presencePending: Bool

    public init(title: String, recording: String, presencePending: Bool = false) {
        self.title = title
        self.recording = recording
        self.presencePending = presencePending
    }

    public func body(content: Content) -> some View {
        let cover = CoverRule.cover(phase, captured: captured, presencePending: presencePending)
        content
            // VoiceOver must not read what is covered.
            .accessibilityHidden(cover != .none)
            .overlay {
                if cover != .none {
                    ZStack {
                        Color.black.ignoresSafeArea()
                        Text(cover == .recording ? recording : title).font(.title2).foregroundStyle(.white).padding()
                    }
                }
            }
            .onReceive(NotificationCenter.default.publisher(for: UIScreen.capturedDidChangeNotification)) { _ in
                captured = UIScreen.main.isCaptured
            }
            .transaction { $0.animation = nil }  // iOS takes its picture at once
    }

    private var phase: WindowPhase {
        switch scenePhase {
        case .active: .active
        case .inactive: .inactive
        case .background: .background
        @unknown default: .background
        }
    }
}

extension View {
    /// See `PrivacyCover`.
    public func privacyCover(title: String, recording: String, presencePending: Bool = false) -> some View {
        modifier(PrivacyCover(title: title, recording: recording, presencePending: presencePending))
    }

    /// For fields that take names, dates and numbers of persons: no correction, no suggestions from contacts, nothing for the keyboard to
    /// learn. iOS has no flag that forbids a keyboard to learn; with correction off Apple's own is not known to. Keep others out with
    /// `allowsExtension` below. Copying out of a text field cannot be forbidden in SwiftUI: answers are shown as plain `Text`, which offers none.
    public func personalField(_ keyboard: UIKeyboardType = .asciiCapable) -> some View {
        autocorrectionDisabled(true).textInputAutocapitalization(.characters).keyboardType(keyboard).textContentType(nil)
    }
}

/// For `application(_:shouldAllowExtensionPointIdentifier:)`.
@MainActor
public func allowsExtension(_ point: UIApplication.ExtensionPointIdentifier) -> Bool {
    point != .keyboard
}
#endif
