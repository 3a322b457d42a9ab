// Answers that have changed since they were given, as the data screen lists them: newest first, a page at a time. The texts are the core's; they
// may name who was checked, so they are on the screen of an unlocked app and nowhere else.

package org.beatcheck.sample.model

import java.time.Duration
import java.time.Instant
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import org.beatcheck.ffi.LateHit

/** @property more whether there are older ones than these. */
data class LateHitsModel(val lines: List<Line>, val more: Boolean) {
    companion object {
        /** Lines of one page: few enough for a screen. */
        const val PAGE = 10

        /**
         * Reads the first `pages` of the list, and one more to know whether it goes on. From the newest each time: what has come meanwhile
         * stands on top, and nothing is left out between two pages.
         */
        suspend fun read(hits: Flow<LateHit>, pages: Int, now: Instant): LateHitsModel {
            val shown = pages * PAGE
            val read = hits.take(shown + 1).toList()
            return LateHitsModel(read.take(shown).map { line(it, now) }, more = read.size > shown)
        }

        private fun line(hit: LateHit, now: Instant): Line {
            // When the officer asked, and not when it was noticed: that is what they remember.
            val since = time(hit.asked)?.let { "Asked ${age(Duration.between(it, now))}. " }.orEmpty()
            // A withdrawal takes a reason to act away; the others may be one.
            return Line(since + hit.text, if (hit.change == "withdrawn") Tone.CALM else Tone.CAUTION)
        }
    }
}
