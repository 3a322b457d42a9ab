// An answer as the screen shows it: what stands where and in which colour. Order, wording and every judgement are the core's; what is decided
// here is only that danger stands on top, that freshness is always there, and that silent markers are seen and not heard.

package org.beatcheck.sample.model

import java.time.Duration
import java.time.Instant
import java.time.format.DateTimeParseException
import org.beatcheck.ffi.Answer
import org.beatcheck.ffi.CoverageState
import org.beatcheck.ffi.Hit
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.RecordKind
import org.beatcheck.ffi.WarningsState
import org.beatcheck.isCut
import org.beatcheck.silentMarkers
import org.beatcheck.sourcesNotSearched
import org.beatcheck.speakableMarkers
import org.beatcheck.spokenText
import org.beatcheck.staleSources

/** How loud a thing is. */
enum class Tone { DANGER, CAUTION, CALM, QUIET }

data class Line(val text: String, val tone: Tone)

/** One candidate. */
data class Card(
    val title: String,
    val dangers: List<Line>,
    /** Shown; never spoken. */
    val silent: List<Line>,
    val lines: List<Line>,
    val kind: RecordKind,
    val id: String,
)

/** How old what was searched is, and what was not searched. Never hidden, never scrolled away. */
data class Freshness(val text: String, val tone: Tone)

data class AnswerModel(
    val title: String,
    val tone: Tone,
    val confirm: String,
    val alerts: List<Line>,
    val cards: List<Card>,
    val more: String?,
    val freshness: Freshness,
    val spoken: String,
) {
    companion object {
        fun of(answer: Answer, now: Instant): AnswerModel = AnswerModel(
            title = title(answer.outcome),
            tone = tone(answer),
            confirm = answer.confirm,
            alerts = alerts(answer),
            cards = answer.hits.map(::card),
            more = if (answer.isCut) "${answer.total - answer.hits.size.toULong()} more agree" else null,
            freshness = freshness(answer, now),
            spoken = answer.spokenText,
        )

        private fun title(outcome: Outcome) = when (outcome) {
            Outcome.HIT -> "HIT"
            Outcome.POSSIBLE -> "POSSIBLE"
            Outcome.NO_TRACE -> "NO TRACE"
            Outcome.CANNOT_SAY -> "CANNOT SAY"
        }

        /** `no trace` is calm at the most, and green is nothing: it does not say that nothing is wrong. */
        private fun tone(answer: Answer) = when (answer.outcome) {
            Outcome.HIT -> Tone.DANGER
            Outcome.POSSIBLE, Outcome.CANNOT_SAY -> Tone.CAUTION
            Outcome.NO_TRACE -> if (answer.sourcesNotSearched.isEmpty() && answer.staleSources.isEmpty()) Tone.CALM else Tone.CAUTION
        }

        private fun alerts(answer: Answer) = buildList {
            if (answer.banner.isNotBlank()) add(Line(answer.banner, Tone.DANGER))
            answer.error?.let { add(Line(it.text, Tone.CAUTION)) }
            when (answer.warningsState) {
                WarningsState.LOADED -> Unit
                WarningsState.PARTIAL -> add(Line("Not all warnings are loaded", Tone.CAUTION))
                WarningsState.NOT_LOADED -> add(Line("Warnings are not loaded", Tone.CAUTION))
            }
            answer.notes.forEach { add(Line(it.text, Tone.QUIET)) }
        }

        private fun card(hit: Hit) = Card(
            title = hit.title,
            dangers = hit.speakableMarkers.map { Line(listOf(it.text, it.action).filter(String::isNotBlank).joinToString(". "), Tone.DANGER) },
            silent = hit.silentMarkers.map { Line(listOf(it.text, it.action).filter(String::isNotBlank).joinToString(". "), Tone.CAUTION) },
            lines = hit.details.map { Line("${it.label}: ${it.value}", Tone.CALM) } +
                hit.reasons.map { Line(it.text, Tone.QUIET) } +
                Line("Source: ${hit.source}", Tone.QUIET),
            kind = hit.kind,
            id = hit.id,
        )

        private fun freshness(answer: Answer, now: Instant): Freshness {
            val searched = answer.coverage.filter { it.state == CoverageState.CURRENT || it.state == CoverageState.STALE }
            val oldest = searched.mapNotNull { time(it.asOf) }.minOrNull()
            val parts = listOfNotNull(
                oldest?.let { "Data as of ${age(Duration.between(it, now))}" } ?: "No data was searched",
                answer.staleSources.distinct().takeIf { it.isNotEmpty() }?.let { "OLD: ${it.joinToString()}" },
                answer.sourcesNotSearched.distinct().takeIf { it.isNotEmpty() }?.let { "NOT SEARCHED: ${it.joinToString()}" },
            )
            val whole = parts.size == 1 && oldest != null
            return Freshness(parts.joinToString("\n"), if (whole) Tone.CALM else Tone.CAUTION)
        }
    }
}

/** A time of the core's; nothing if there is none. */
internal fun time(text: String?): Instant? = try {
    text?.let(Instant::parse)
} catch (_: DateTimeParseException) {
    null
}

/** How long ago, in the one unit that matters. A clock that went backwards is "just now". */
internal fun age(past: Duration): String = when {
    past.toMinutes() < 1 -> "just now"
    past.toHours() < 1 -> "${past.toMinutes()} min ago"
    past.toDays() < 1 -> "${past.toHours()} h ago"
    past.toDays() == 1L -> "1 day ago"
    else -> "${past.toDays()} days ago"
}
