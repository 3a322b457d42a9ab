// What device management, pushes and shifts do with a device: called by fewer screens than the rest, and so not in the facade's file.

package org.beatcheck

import org.beatcheck.ffi.ApiException
import org.beatcheck.ffi.GlassBroken
import org.beatcheck.ffi.KeyedState
import org.beatcheck.ffi.ManagedApplied
import org.beatcheck.ffi.ManagedSettings
import org.beatcheck.ffi.PolicyTaken
import org.beatcheck.ffi.Shift
import org.beatcheck.ffi.managedConfiguration
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * A push came in: how long to wait before a [Beatcheck.sync]. The wait spreads a fleet that was pushed to at once. What the push
 * carries is not looked at, for nobody has signed it.
 */
public suspend fun Beatcheck.handlePush(payload: ByteArray): Duration =
    engine.call(engine.workers.control) { it.handlePush(payload).toLong().seconds }

/**
 * Applies device management's configuration, a JSON object: at each start, and whenever the system says that it changed. It can tell where
 * the hub is and shorten the lease; it cannot grant anything. The settings: `docs/mdm.md`.
 *
 * @throws BeatcheckException.Invalid `managed`: it does not fit, and nothing was changed.
 */
public suspend fun Beatcheck.applyManagedConfiguration(json: String): ManagedApplied =
    engine.change { it.applyManagedConfiguration(json) }

/**
 * Reads device management's configuration for an app that is not enrolled yet: what goes into an [Enrolment]. Touches no device, but may
 * load the native library: not for the main thread.
 *
 * @throws BeatcheckException.Invalid `managed`.
 */
public fun Beatcheck.Companion.readManagedConfiguration(json: String): ManagedSettings {
    NativeLibrary.check()
    try {
        return managedConfiguration(json)
    } catch (e: ApiException) {
        throw e.asBeatcheck()
    }
}

/**
 * The nonce for logging in at the force's identity provider before an enrolment with this code: the ID token of the [Enrolment] must bear
 * it. Only where the hub asks for one. Asks nobody, but may load the native library: not for the main thread.
 *
 * @throws BeatcheckException.Invalid `enrol_code` for one that does not read.
 */
public fun Beatcheck.Companion.enrolmentNonce(code: String): String {
    NativeLibrary.check()
    try {
        return org.beatcheck.ffi.enrolmentNonce(code)
    } catch (e: ApiException) {
        throw e.asBeatcheck()
    }
}

/**
 * Puts a signed policy in force that device management handed over as bytes; in force when this returns, for checks under way too.
 *
 * @throws BeatcheckException.Invalid `policy_refused`: the one in force stays.
 */
public suspend fun Beatcheck.takePolicy(signed: ByteArray): PolicyTaken = engine.change { it.takePolicy(signed) }

/** What device management may be told of this device: to be set as keyed app states. No personal data. */
public suspend fun Beatcheck.keyedStates(): List<KeyedState> = engine.call(engine.workers.control) { it.keyedStates() }

/**
 * Opens warnings and stolen vehicles on the officer's own word after the lease has ended, if policy has that. It is on record before it
 * opens anything, and every answer under it says so.
 *
 * @throws BeatcheckException.Invalid `break_glass`; the log text says why.
 */
public suspend fun Beatcheck.breakGlass(reason: String): GlassBroken = engine.change { it.breakGlass(reason) }

/** A nonce for logging in at the force's identity provider before a shift. Asks the hub. */
public suspend fun Beatcheck.loginNonce(): String = engine.call(engine.workers.control) { it.loginNonce() }

/** Starts a shift at the hub, with an ID token where policy wants one. Asks the hub. */
public suspend fun Beatcheck.startShift(idToken: String? = null): Shift = engine.change { it.shiftStart(idToken) }

/** Ends the shift; needs no hub. Where policy says so, records are erased, or are ciphertext until the next one. */
public suspend fun Beatcheck.endShift(): Unit = engine.change { it.shiftEnd() }

/**
 * Sets a relay (`https://HOST:PORT`), a cache near by that is asked before the hub is; null: only the hub. It cannot read or alter what it
 * carries, and a sync goes on without it.
 */
public suspend fun Beatcheck.setRelay(relay: String?): Unit = engine.call(engine.workers.control) { it.setRelay(relay) }

/**
 * Reads stored rows again, for about [time], and compares them with what was published: for idle time, such as a background task while
 * charging. True if all that was due is done; what was found is in [Beatcheck.status].
 */
public suspend fun Beatcheck.scrub(time: Duration): Boolean =
    engine.call(engine.workers.control) { it.scrub(time.coerceAtLeast(1.milliseconds).inWholeMilliseconds.toULong()) }
