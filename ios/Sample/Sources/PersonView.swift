// The person check. Fields correct nothing, suggest nothing and learn nothing (`personalField`); they are emptied with the answer.

import BeatcheckApple
import SwiftUI

struct PersonView: View {
    let model: PatrolModel

    var body: some View {
        VStack(spacing: 8) {
            Spacer(minLength: 0)
            TextField("Surname", text: text(\.surname)).personalField().field()
            TextField("Given names", text: text(\.given)).personalField().field()
            TextField("Born: day, month, year, or the year", text: text(\.born)).personalField(.numbersAndPunctuation).field()
            TextField("Number of a document", text: text(\.identifier)).personalField().field()
            PurposePicker(model: model)
            Button("Check person") { Task { await model.checkPerson() } }
                .buttonStyle(LargeButton())
                .disabled(!model.person.canCheck || model.busy)
        }
        .padding(8)
    }

    private func text(_ path: WritableKeyPath<PersonEntry, String> & Sendable) -> Binding<String> {
        Binding(get: { @MainActor in model.person[keyPath: path] }, set: { @MainActor in model.person[keyPath: path] = $0 })
    }
}
