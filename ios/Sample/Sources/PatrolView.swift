// The patrol's screens: vehicle, person, sync, and the answer in the place of any of them. On top of each, whatever is scrolled: how fresh.

import BeatcheckApple
import SwiftUI

struct PatrolView: View {
    @ObservedObject var patrol: Patrol
    @State private var place = Place.vehicle

    enum Place: Hashable { case vehicle, person, sync }

    var body: some View {
        let model = patrol.model
        VStack(spacing: 0) {
            FreshnessBar(model: model)
            if let answer = model.answer {
                AnswerView(answer: answer, model: model)
            } else {
                if let error = model.error { ErrorView(error: error).padding(.horizontal) }
                switch place {
                case .vehicle: VehicleView(model: model)
                case .person: PersonView(model: model)
                case .sync: SyncView(patrol: patrol)
                }
                HStack(spacing: 8) {
                    tab("Vehicle", "car.fill", .vehicle)
                    tab("Person", "person.fill", .person)
                    tab("Sync", "arrow.triangle.2.circlepath", .sync)
                }
                .padding(.horizontal, 8)
            }
        }
    }

    private func tab(_ title: String, _ image: String, _ to: Place) -> some View {
        Button(action: { place = to }) {
            VStack(spacing: 2) {
                Image(systemName: image).accessibilityHidden(true)
                Text(verbatim: title).font(.footnote.bold())
            }
            .frame(maxWidth: .infinity, minHeight: 60)
            .foregroundStyle(place == to ? Color.black : Color.white)
            .background(place == to ? Color.white : Color.key, in: RoundedRectangle(cornerRadius: 12))
        }
        .buttonStyle(.plain)
        .accessibilityLabel(title)
        .accessibilityAddTraits(place == to ? .isSelected : .isButton)
    }
}

/// Of the answer if there is one; else of the phone as a whole. Never scrolled away, never hidden.
struct FreshnessBar: View {
    let model: PatrolModel

    var body: some View {
        VStack(spacing: 0) {
            if let answer = model.answer {
                ToneLine(text: answer.freshness, tone: answer.freshnessTone)
            } else if let held = model.held {
                ToneLine(text: held.line, tone: held.tone)
            } else {
                ToneLine(text: "How fresh is not known.", tone: .unknown)
            }
            // An answer given earlier has changed: above everything until it was read.
            if !model.progress.late.isEmpty {
                Button(action: { model.sawLate() }) {
                    ToneLine(text: "Something you checked has changed. Read it on the sync screen, then tap here.", tone: .danger)
                }
                .buttonStyle(.plain)
            }
        }
        .accessibilityElement(children: .contain)
        .accessibilitySortPriority(1)
    }
}

/// Why the officer asks: one of those that policy allows.
struct PurposePicker: View {
    let model: PatrolModel

    var body: some View {
        Picker("Purpose", selection: Binding(get: { @MainActor in model.purpose }, set: { @MainActor in model.purpose = $0 })) {
            ForEach(model.purposes, id: \.self) { purpose in
                Text(verbatim: purpose.split(separator: "_").joined(separator: " ")).tag(purpose)
            }
        }
        .pickerStyle(.menu)
        .tint(Color.white)
        .frame(minHeight: 44)
    }
}
