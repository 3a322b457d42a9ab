// What syncing is at, from two sources: calls that begin and end, and the events between them, which come later on another thread.

package org.beatcheck

import kotlinx.coroutines.flow.MutableStateFlow
import org.beatcheck.ffi.SyncReport

internal class SyncTracker {
    val state = MutableStateFlow<SyncState>(SyncState.Idle())
    private var running = 0
    private var last: BeatcheckEvent.SyncFinished? = null

    fun begin() = synchronized(this) {
        running++
        state.value = SyncState.Connecting
    }

    fun end() = synchronized(this) {
        running--
        if (running == 0) state.value = SyncState.Idle(last)
    }

    /** A report says the same as the event that follows it, and earlier. */
    fun finished(report: SyncReport) = synchronized(this) {
        last = BeatcheckEvent.SyncFinished(report.complete, report.fault?.code)
    }

    fun heard(event: BeatcheckEvent) {
        val at = event.progress() ?: return
        synchronized(this) {
            if (event is BeatcheckEvent.SyncFinished) last = event
            // What comes after the end of a call is of the past; between two syncs of a watch there is none.
            state.value = if (running > 0 && at !is SyncState.Idle) at else SyncState.Idle(last)
        }
    }
}
