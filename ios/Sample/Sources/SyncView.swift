// How the phone stands: what is to be done, what a sync is doing, each source, what has changed since it was checked, the shift.

import Beatcheck
import BeatcheckApple
import SwiftUI

struct SyncView: View {
    @ObservedObject var patrol: Patrol

    var body: some View {
        let model = patrol.model
        VStack(spacing: 8) {
            ScrollView {
                VStack(alignment: .leading, spacing: 8) {
                    ForEach(model.held?.toDo ?? [], id: \.self) { line in ToneLine(text: line, tone: .unknown).font(.headline) }
                    ForEach(model.progress.late, id: \.auditSeq) { late in
                        ToneLine(text: SyncProgress.words(late, now: Date()), tone: .danger)
                    }
                    if let line = model.progress.line {
                        Text(verbatim: line).font(.headline)
                        ProgressView(value: model.progress.share)
                    }
                    ForEach(model.held?.sources ?? [], id: \.source) { line in
                        ToneLine(text: "\(line.source): \(line.text)", tone: line.tone)
                    }
                    if model.biometricsOffered {
                        Toggle("Face ID or Touch ID instead of the PIN", isOn: Binding(
                            get: { @MainActor in model.biometrics }, set: { @MainActor on in Task { await model.setBiometrics(on) } }))
                        .frame(minHeight: 52)
                    }
                }
                .padding(8)
            }
            HStack(spacing: 8) {
                Button("Lock") { Task { try? await model.beatcheck?.lock() } }.buttonStyle(LargeButton(main: false))
                if model.onShift {
                    Button("End shift") { Task { await model.endShift() } }.buttonStyle(LargeButton(main: false))
                }
            }
            Button("Sync now") { Task { await patrol.sync() } }
                .buttonStyle(LargeButton())
                .disabled(model.progress.line != nil)
        }
        .padding(8)
    }
}
