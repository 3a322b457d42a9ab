// An answer, in the order in which it must be read: danger, outcome, what to do, candidates. How fresh stands above it (FreshnessBar). Plain
// `Text` everywhere: nothing can be selected or copied.

import Beatcheck
import BeatcheckApple
import SwiftUI

struct AnswerView: View {
    let answer: AnswerScreen
    let model: PatrolModel

    var body: some View {
        VStack(spacing: 0) {
            ScrollView {
                VStack(alignment: .leading, spacing: 12) {
                    head
                    if let refused = answer.refused {
                        Text(verbatim: refused.text).font(.title3)
                        Text(verbatim: "Code \(refused.code)").font(.footnote).foregroundStyle(Color.quiet)
                    }
                    ForEach(answer.cards) { card in CardView(card: card, model: model) }
                    if answer.more > 0 {
                        Text(verbatim: "\(answer.more) more agreed and are not listed. Ask with more detail.").font(.headline)
                    }
                    ForEach(answer.notes, id: \.self) { note in Text(verbatim: note) }
                    Divider()
                    ForEach(answer.sources, id: \.source) { line in
                        ToneLine(text: "\(line.source): \(line.text)", tone: line.tone)
                    }
                    Text(verbatim: "Reference \(answer.reference)").font(.footnote).foregroundStyle(Color.quiet)
                }
                .padding(8)
            }
            Button("Done") { model.putAway() }.buttonStyle(LargeButton()).padding(8)
        }
    }

    /// Read aloud as one: the core's text, in which no silent marker is.
    private var head: some View {
        VStack(alignment: .leading, spacing: 8) {
            if !answer.banner.isEmpty { ToneLine(text: answer.banner, tone: .danger).font(.title2.bold()) }
            ToneLine(text: answer.heading, tone: answer.tone).font(.title.bold())
            if !answer.confirm.isEmpty { Text(verbatim: answer.confirm).font(.title3.bold()) }
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel(answer.spoken)
        .accessibilityAddTraits(.isHeader)
        .accessibilitySortPriority(2)
    }
}

/// One candidate: markers first.
struct CardView: View {
    let card: SubjectCard
    let model: PatrolModel

    var body: some View {
        VStack(alignment: .leading, spacing: 8) {
            read
            ForEach(card.details, id: \.self) { detail in
                HStack(alignment: .firstTextBaseline) {
                    Text(verbatim: detail.label).foregroundStyle(Color.quiet)
                    Spacer(minLength: 8)
                    Text(verbatim: detail.value).multilineTextAlignment(.trailing)
                }
                .accessibilityElement(children: .combine)
            }
            Button("Show what is linked") { Task { await model.checkLinked(card) } }
                .buttonStyle(LargeButton(main: false))
                .disabled(model.busy)
        }
        .padding(12)
        .overlay { RoundedRectangle(cornerRadius: 12).stroke(Color.quiet) }
    }

    /// For the eyes all markers; for VoiceOver those that may be spoken (`card.spoken`).
    private var read: some View {
        VStack(alignment: .leading, spacing: 8) {
            ForEach(Array(card.markers.enumerated()), id: \.offset) { item in
                ToneLine(text: MarkerText.of(item.element), tone: .danger).font(.headline)
            }
            Text(verbatim: card.standing).font(.headline)
            Text(verbatim: card.title).font(.title2.bold())
            ForEach(card.reasons, id: \.self) { reason in Text(verbatim: reason) }
            Text(verbatim: card.provenance).font(.callout).foregroundStyle(Color.quiet)
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel(card.spoken)
    }
}

enum MarkerText {
    static func of(_ marker: MarkerLine) -> String {
        [marker.text, marker.action, marker.since.map { "since \($0)" } ?? "", marker.silent ? "(do not say aloud)" : ""]
            .filter { !$0.isEmpty }.joined(separator: ". ")
    }
}
