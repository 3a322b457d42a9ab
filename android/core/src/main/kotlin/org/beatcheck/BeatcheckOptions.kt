// What an app may choose, with choices that are right for most.

package org.beatcheck

import kotlinx.coroutines.CoroutineDispatcher
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/**
 * How a [Beatcheck] runs. The defaults are right for a phone.
 *
 * Dispatchers that are given here stay the app's: [Beatcheck.close] ends only threads that Beatcheck made. Calls into the core block
 * their thread, so `Dispatchers.Main` and `Dispatchers.Default` are wrong for any of them.
 *
 * @property checkThreads most checks that run at the same time; further ones wait. Ignored where [checkDispatcher] is given.
 * @property checkDispatcher where checks run; null: threads of Beatcheck's own, which end when idle.
 * @property syncDispatcher where syncs run, one after another; null: one thread of Beatcheck's own.
 * @property controlDispatcher where all else runs (opening, unlocking, status): it may wait for a hub or for an officer before a
 *   biometric question; null: a few threads of Beatcheck's own.
 * @property hold how long the hub may hold the question of a [Beatcheck.sync] if it has nothing new, at most 25 seconds.
 * @property eventBuffer events that wait for a slow collector of [Beatcheck.events]; beyond, the oldest are lost to it.
 * @property onVaultFailure hears what the app's key vault threw, for the app's own log; called on the thread on which it was thrown.
 *   The core is told only that the vault failed, unless it threw a [VaultException][org.beatcheck.ffi.VaultException].
 * @property tickEvery how often it is looked whether it is time to lock. Checks look for themselves, so this is for the screen.
 */
public data class BeatcheckOptions(
    val checkThreads: Int = 4,
    val checkDispatcher: CoroutineDispatcher? = null,
    val syncDispatcher: CoroutineDispatcher? = null,
    val controlDispatcher: CoroutineDispatcher? = null,
    val hold: Duration = Duration.ZERO,
    val eventBuffer: Int = 256,
    val tickEvery: Duration = 1.minutes,
    val onVaultFailure: (Throwable) -> Unit = {},
) {
    init {
        require(checkThreads in 1..64) { "checkThreads must be 1 to 64" }
        require(eventBuffer in 1..65_536) { "eventBuffer must be 1 to 65536" }
        require(tickEvery.isPositive()) { "tickEvery must be positive" }
        holdSeconds(hold)
    }
}

/** A hold as the core takes it. */
internal fun holdSeconds(hold: Duration): UShort {
    require(!hold.isNegative() && hold.inWholeSeconds <= 25) { "hold must be 0 to 25 seconds" }
    return hold.inWholeSeconds.toInt().toUShort()
}

/**
 * What enrolment needs beside what [Beatcheck] knows.
 *
 * @property hub the hub, as `https://HOST:PORT`.
 * @property code the one-time code that the hub's operator gave.
 * @property caPem the hub's CA certificate, PEM; the code names the root that names it, so it may come by any way.
 * @property pin a PIN that each opening will need; null: the vault alone protects. A String stays in the JVM's memory until it is
 *   collected, and nothing can erase it earlier: the core erases its copy, this language cannot.
 * @property asset what device management calls this device, where it told the app: a code may be bound to it.
 * @property idToken an ID token of the force's identity provider, where the hub asks for one.
 */
public class Enrolment(
    public val hub: String,
    public val code: String,
    public val caPem: String,
    public val pin: String? = null,
    public val asset: String = "",
    public val idToken: String = "",
)
