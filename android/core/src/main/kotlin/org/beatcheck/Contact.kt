// Who of this process is in contact with the hub. The core lets one at a time, and one that comes between two syncs of a watch would
// end the watch: so it is settled here, before the core is asked.

package org.beatcheck

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first

internal class Contact {
    private enum class By { NOBODY, SYNC, WATCH, ENDING_WATCH }

    private val by = MutableStateFlow(By.NOBODY)

    /** Waits for a sync that runs and for a watch that ends. Refused while a watch goes on: it syncs all the time. */
    suspend fun sync() {
        while (!by.compareAndSet(By.NOBODY, By.SYNC)) {
            if (by.value == By.WATCH) throw BeatcheckException.watching()
            by.first { it == By.NOBODY || it == By.WATCH }
        }
    }

    /** Waits for whoever it is. */
    suspend fun watch() {
        while (!by.compareAndSet(By.NOBODY, By.WATCH)) by.first { it == By.NOBODY }
    }

    /** The watch, if there is one, was told to end. */
    fun ending() {
        by.compareAndSet(By.WATCH, By.ENDING_WATCH)
    }

    fun end() {
        by.value = By.NOBODY
    }
}
