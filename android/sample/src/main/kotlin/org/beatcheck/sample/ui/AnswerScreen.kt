// The answer: outcome and what to do, then danger, then candidates; freshness below, where it never scrolls away.

package org.beatcheck.sample.ui

import android.graphics.Color
import android.graphics.Typeface
import android.view.View
import org.beatcheck.sample.R
import org.beatcheck.sample.model.AnswerModel
import org.beatcheck.sample.model.Card
import org.beatcheck.sample.model.Line
import org.beatcheck.sample.model.Tone

internal class AnswerScreen(private val kit: Kit, answer: AnswerModel, linked: (Card) -> Unit, back: () -> Unit) : Screen {
    /** Always on the screen. */
    val freshness: View = kit.label(Line(answer.freshness.text, answer.freshness.tone), size = 16f).apply {
        setBackgroundColor(Kit.GREY)
        minHeight = kit.dp(48)
        gravity = android.view.Gravity.CENTER_VERTICAL
    }

    private val title = kit.heading(answer.title, answer.tone).apply {
        textSize = 36f
        // The whole answer as the core would have it read, as soon as it is there; what is silent is not in it.
        contentDescription = answer.spoken
        accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_ASSERTIVE
    }

    override val view: View = kit.screen(
        answer.title,
        kit.column(
            title,
            *answer.alerts.filter { it.tone == Tone.DANGER }.map { kit.label(it, 22f) }.toTypedArray(),
            // What wants care about any candidate, before the candidates.
            *answer.cards.flatMap { it.dangers }.distinct().map { kit.label(it, 22f) }.toTypedArray(),
            kit.label(Line(answer.confirm, Tone.CAUTION)),
            *answer.alerts.filter { it.tone != Tone.DANGER }.map { kit.label(it) }.toTypedArray(),
            *answer.cards.map { card(it, linked) }.toTypedArray(),
            *listOfNotNull(answer.more).map { kit.label(Line(it, Tone.CAUTION)) }.toTypedArray(),
        ),
        freshness,
        kit.button(kit.text(R.string.back), main = true) { back() },
    )

    private fun card(card: Card, linked: (Card) -> Unit): View = kit.column().apply {
        setBackgroundColor(Color.rgb(0x16, 0x18, 0x1b))
        setPadding(kit.dp(4), kit.dp(8), kit.dp(4), kit.dp(8))
        addView(kit.label(Line(card.title, Tone.CALM), 24f).apply { typeface = Typeface.DEFAULT_BOLD })
        card.dangers.forEach { addView(kit.label(it)) }
        if (card.silent.isNotEmpty()) addView(silent(card.silent))
        card.lines.forEach { addView(kit.label(it, if (it.tone == Tone.QUIET) 15f else 18f)) }
        addView(kit.button(kit.text(R.string.linked), spoken = "${kit.text(R.string.linked)}: ${card.title}") { linked(card) })
    }

    /** Seen and not heard: a screen reader passes over it and over all in it. */
    private fun silent(lines: List<Line>): View = kit.column().apply {
        tag = SILENT
        importantForAccessibility = View.IMPORTANT_FOR_ACCESSIBILITY_NO_HIDE_DESCENDANTS
        setBackgroundColor(Color.rgb(0x33, 0x28, 0x00))
        addView(kit.label(Line(kit.text(R.string.eyes_only), Tone.QUIET), 15f))
        lines.forEach { addView(kit.label(it)) }
    }

    companion object {
        const val SILENT = "silent"
    }
}
