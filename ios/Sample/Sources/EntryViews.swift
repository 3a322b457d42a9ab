// The screens before the patrol's: enrol, unlock, choose a PIN, start a shift. Fields at the bottom, where the thumb is. What was typed is in
// `@State`, which is not saved with the scene (`@SceneStorage` would be), and is emptied when it was used.

import BeatcheckApple
import SwiftUI

struct EnrolView: View {
    @ObservedObject var patrol: Patrol
    @State private var code = ""
    @State private var pin = ""
    @State private var again = ""

    var body: some View {
        Entry(title: "Enrol this phone", error: patrol.model.error, busy: patrol.model.busy) {
            if patrol.isConfigured {
                Text("Type the code that you were given, and choose a PIN that you use nowhere else.")
                TextField("Code", text: $code).personalField().field()
                SecureField("PIN", text: $pin).field()
                SecureField("PIN again", text: $again).field()
                if pin != again, !again.isEmpty { Text("The two PINs differ.") }
                Button("Enrol") {
                    let (code, pin) = (code, pin)
                    (self.pin, again) = ("", "")
                    Task {
                        await patrol.enrol(code: code, pin: pin)
                        self.code = ""
                        await Notices.ask()
                    }
                }
                .buttonStyle(LargeButton())
                .disabled(code.isEmpty || pin.isEmpty || pin != again || patrol.model.busy)
            } else {
                Text("Device management has not yet told this app where its hub is. Connect to the Internet and wait, or tell support.")
            }
        }
    }
}

struct UnlockView: View {
    let model: PatrolModel
    @State private var pin = ""

    var body: some View {
        Entry(title: "Locked", error: model.error, busy: model.busy) {
            SecureField("PIN", text: $pin).field()
            Button("Unlock") {
                let given = pin
                pin = ""
                Task { await model.unlock(pin: given) }
            }
            .buttonStyle(LargeButton())
            .disabled(pin.isEmpty || model.busy)
            if model.biometrics {
                Button("Use Face ID or Touch ID") { Task { await model.unlockWithBiometrics() } }
                    .buttonStyle(LargeButton(main: false))
                    .disabled(model.busy)
            }
        }
    }
}

struct ChoosePinView: View {
    let model: PatrolModel
    @State private var old = ""
    @State private var new = ""
    @State private var again = ""

    var body: some View {
        Entry(title: "Choose a PIN", error: model.error, busy: model.busy) {
            Text("Your force's policy wants a PIN, or a longer one.")
            if model.hasPin { SecureField("PIN now", text: $old).field() }
            SecureField("New PIN", text: $new).field()
            SecureField("New PIN again", text: $again).field()
            Button("Set PIN") {
                let (was, will) = (model.hasPin ? old : nil, new)
                (old, new, again) = ("", "", "")
                Task { await model.choosePin(old: was, new: will) }
            }
            .buttonStyle(LargeButton())
            .disabled(new.isEmpty || new != again || model.busy)
        }
    }
}

struct ShiftView: View {
    let model: PatrolModel

    var body: some View {
        Entry(title: "No shift is on", error: model.error, busy: model.busy) {
            Text("Start your shift where there is a connection. Until then nothing can be checked.")
            // Where policy wants a login, the app gets an ID token first (docs/identity.md), with `loginNonce()` as its nonce.
            Button("Start shift") { Task { await model.startShift() } }.buttonStyle(LargeButton()).disabled(model.busy)
        }
    }
}

/// A heading, what went wrong, and fields within the thumb's reach.
private struct Entry<Content: View>: View {
    let title: String
    let error: OfficerError?
    let busy: Bool
    @ViewBuilder let content: () -> Content

    var body: some View {
        VStack(alignment: .leading, spacing: 12) {
            Text(verbatim: title).font(.largeTitle.bold()).accessibilityAddTraits(.isHeader)
            Spacer(minLength: 0)
            if let error { ErrorView(error: error) }
            if busy { ProgressView() }
            content()
        }
        .padding()
    }
}

extension View {
    /// A field as large as a button.
    func field() -> some View {
        padding(.horizontal, 14).frame(minHeight: 56).background(Color.key, in: RoundedRectangle(cornerRadius: 12)).font(.title3)
    }
}
