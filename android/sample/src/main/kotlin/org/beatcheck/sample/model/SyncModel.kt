// What the data screen says: what a sync is at, how long the lease lasts, and how fresh each source is.

package org.beatcheck.sample.model

import java.time.Duration
import java.time.Instant
import org.beatcheck.SyncState
import org.beatcheck.ffi.CoverageState
import org.beatcheck.ffi.DeviceStatus

data class SyncModel(val headline: Line, val percent: Int?, val running: Boolean, val lines: List<Line>) {
    companion object {
        fun of(state: SyncState, status: DeviceStatus?, now: Instant): SyncModel = SyncModel(
            headline = headline(state),
            percent = percent(state),
            running = state !is SyncState.Idle,
            lines = status?.let { lines(it, now) }.orEmpty(),
        )

        private fun headline(state: SyncState) = when (state) {
            is SyncState.Idle -> {
                val last = state.last
                when {
                    last == null -> Line("Not synced since the app was started", Tone.QUIET)
                    last.complete -> Line("All that is published for you is on this phone", Tone.CALM)
                    last.fault == "cancelled" -> Line("Stopped", Tone.QUIET)
                    else -> Line("The last sync did not finish", Tone.CAUTION)
                }
            }
            SyncState.Connecting -> Line("Connecting…", Tone.CALM)
            is SyncState.Fetching -> Line("Fetching, ${percent(state) ?: 0} %", Tone.CALM)
            is SyncState.Applying -> Line("Putting in place, ${percent(state) ?: 0} %", Tone.CALM)
            is SyncState.Waiting -> Line("Waiting for the network", Tone.CAUTION)
        }

        private fun percent(state: SyncState): Int? = when (state) {
            is SyncState.Fetching -> share(state.bytes, state.of)
            is SyncState.Applying -> share(state.rows, state.of)
            else -> null
        }

        private fun share(part: Long, whole: Long): Int? = if (whole <= 0) null else (part * 100 / whole).toInt().coerceIn(0, 100)

        private fun lines(status: DeviceStatus, now: Instant): List<Line> {
            val ends = time(status.leaseEnds)
            val lease = when {
                status.leaseEnded -> Line("The lease has ended: this phone does not answer until it reaches its hub", Tone.DANGER)
                ends == null -> Line("No lease yet", Tone.CAUTION)
                else -> Duration.between(now, ends).let {
                    Line("Answers for another ${it.toHours()} h without contact", if (it.toHours() < 4) Tone.CAUTION else Tone.CALM)
                }
            }
            val sources = status.compartments.map {
                val since = time(it.asOf)?.let { at -> age(Duration.between(at, now)) } ?: "not here yet"
                val current = it.state == CoverageState.CURRENT
                Line("${it.source}: $since" + if (current) "" else " (${words(it.state)})", if (current) Tone.CALM else Tone.CAUTION)
            }
            val waiting = status.journal.pending
            val account = Line(if (waiting == 0uL) "The account is sent" else "$waiting entries of the account wait to be sent", Tone.QUIET)
            return listOf(lease) + sources + account
        }

        private fun words(state: CoverageState) = when (state) {
            CoverageState.CURRENT -> "current"
            CoverageState.STALE -> "old"
            CoverageState.MISSING -> "missing"
            CoverageState.WITHHELD -> "withheld"
            CoverageState.MARKS_ONLY -> "marks only"
        }
    }
}
