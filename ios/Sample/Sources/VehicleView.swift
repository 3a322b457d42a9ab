// The vehicle check: the mark as it stands on the plate, and keys of our own, all in the lower half of the screen.

import BeatcheckApple
import SwiftUI

struct VehicleView: View {
    let model: PatrolModel

    var body: some View {
        VStack(spacing: 8) {
            Spacer(minLength: 0)
            Text(verbatim: model.plate.text.isEmpty ? "Mark" : model.plate.shown)
                .font(.system(.largeTitle, design: .monospaced, weight: .bold))
                .lineLimit(1)
                .minimumScaleFactor(0.5)
                .frame(maxWidth: .infinity, minHeight: 64)
                .foregroundStyle(model.plate.text.isEmpty ? Color.quiet : Color.white)
                .background(Color.black, in: RoundedRectangle(cornerRadius: 12))
                .accessibilityLabel(model.plate.spoken)
                .accessibilityAddTraits(.updatesFrequently)
            PurposePicker(model: model)
            PlateKeypad(model: model)
            Button("Check vehicle") { Task { await model.checkPlate() } }
                .buttonStyle(LargeButton())
                .disabled(!model.plate.canCheck || model.busy)
        }
        .padding(8)
    }
}

/// Not the system's keyboard: large keys, nothing that learns or corrects.
struct PlateKeypad: View {
    let model: PatrolModel

    var body: some View {
        VStack(spacing: 6) {
            ForEach(PlateEntry.rows, id: \.self) { row in
                HStack(spacing: 4) {
                    ForEach(row, id: \.self) { key in
                        self.key(String(key), label: String(key)) { model.plate.press(key) }
                    }
                    if row == PlateEntry.rows.last {
                        self.key("⌫", label: "Delete") { model.plate.delete() }
                        self.key("✕", label: "Delete the whole mark") { model.plate.clear() }
                    }
                }
            }
        }
    }

    private func key(_ shown: String, label: String, _ press: @escaping @MainActor () -> Void) -> some View {
        Button(action: press) {
            Text(verbatim: shown)
                .font(.title2.bold())
                .minimumScaleFactor(0.6)
                .frame(maxWidth: .infinity, minHeight: 52)
                .background(Color.key, in: RoundedRectangle(cornerRadius: 8))
                .foregroundStyle(Color.white)
        }
        .buttonStyle(.plain)
        .accessibilityLabel(label)
    }
}
