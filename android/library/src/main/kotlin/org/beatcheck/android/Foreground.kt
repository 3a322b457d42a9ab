// Whether the app is on the screen, and what follows for the lock. The core locks by itself while the process runs; a process in the background
// may be frozen, and its timers with it. So the time away is measured here, by a clock that goes on while the phone sleeps.

package org.beatcheck.android

/** When an app that goes to the background is locked. */
public enum class BackgroundLock {
    /** When policy's `idle_lock_minutes` have passed since. */
    BY_POLICY,

    /** As soon as it is not on the screen any more. */
    AT_ONCE,
}

/** Counts the activities on the screen. Main thread. */
internal class Foreground(
    private val elapsedMs: () -> Long,
    private val rule: BackgroundLock,
) {
    private var shown = 0
    private var hiddenAt: Long? = null

    /** Whether anything of the app is on the screen. */
    val isShown: Boolean get() = shown > 0

    /** An activity came to the screen. True if it is the first: the app is back. */
    fun started(): Boolean = ++shown == 1

    /** An activity left the screen; `turning` if it is only being made anew, as when the phone is turned. True if the app is gone. */
    fun stopped(turning: Boolean): Boolean {
        shown = (shown - 1).coerceAtLeast(0)
        if (shown > 0 || turning) return false
        hiddenAt = elapsedMs()
        return true
    }

    /** Whether to lock now that the app is gone. */
    fun lockWhenHidden(): Boolean = rule == BackgroundLock.AT_ONCE

    /** Whether to lock before anything is shown again, given policy's minutes (0: never). */
    fun lockWhenBack(idleMinutes: Long): Boolean {
        val away = elapsedMs() - (hiddenAt ?: return false)
        hiddenAt = null
        return idleMinutes > 0 && away >= idleMinutes * 60_000
    }
}
