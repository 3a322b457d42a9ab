// What happens on a device, as values: events, the state of the device and of its syncs. All of it comes from the core, by
// pulling; nothing here decides.

package org.beatcheck

import org.beatcheck.ffi.LateHit
import org.beatcheck.ffi.SyncEvent
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * Something that happened. Comes from [Beatcheck.events], in the order in which it happened.
 *
 * Events are for showing. None is the only word of anything: what each says is also in [Beatcheck.status], in a
 * [SyncReport][org.beatcheck.ffi.SyncReport] or in [Beatcheck.state], so one that was lost does no harm.
 */
public sealed interface BeatcheckEvent {
    /** Connecting to the hub. */
    public data object Connecting : BeatcheckEvent

    /** [bytes] were fetched of the [of] planned so far, lately [bytesPerSecond]. */
    public data class Fetched(val bytes: Long, val of: Long, val bytesPerSecond: Long) : BeatcheckEvent

    /** [rows] of [of] are applied to [compartment]. What was there before answers until they all are. */
    public data class Applying(val compartment: String, val rows: Long, val of: Long) : BeatcheckEvent

    /** [compartment] answers from its new state. */
    public data class Usable(val compartment: String) : BeatcheckEvent

    /** [compartment]'s list of marks answers: what is on it is possible, until its records have come. */
    public data class MarksUsable(val compartment: String) : BeatcheckEvent

    /** The sync waits for [delay] before its next try. */
    public data class Waiting(val delay: Duration) : BeatcheckEvent

    /**
     * An answer given earlier has changed: tell the officer. The [hit]'s text may name who was checked: show it in the app, unlocked,
     * and in no notification.
     */
    public data class LateHitCame(val hit: LateHit) : BeatcheckEvent

    /** A sync ended; [complete]: all that is published for this device is held. [fault] is the code of what ended it, if something did. */
    public data class SyncFinished(val complete: Boolean, val fault: String?) : BeatcheckEvent

    /** Another policy is in force: purposes and limits may have changed, so read the status again. */
    public data class PolicyChanged(val policyVersion: Long) : BeatcheckEvent

    /** Records can no longer be read: show the unlock screen. */
    public data object Locked : BeatcheckEvent

    /** Records can be read. */
    public data object Unlocked : BeatcheckEvent

    /** The device was erased: [Beatcheck.sendLastWords], then the enrolment screen. */
    public data object Wiped : BeatcheckEvent
}

/** What can be done with the device now. [Beatcheck.state] holds it. */
public sealed interface BeatcheckState {
    /** Not opened yet. Whatever is called first opens it. */
    public data object Unopened : BeatcheckState

    /** There is no enrolled device in the home directory: [Beatcheck.enrol]. */
    public data object NotEnrolled : BeatcheckState

    /** Records cannot be read: [Beatcheck.unlock]. Syncs bring no records. */
    public data object Locked : BeatcheckState

    /**
     * The lock is open. A check may be refused all the same (a lease that ended, a newer app or a shift that is wanted): its answer
     * says why, and so does `unlock.barred` of [Beatcheck.status].
     */
    public data object Ready : BeatcheckState

    /** [Beatcheck.pause] was called: until [Beatcheck.resume] everything is refused. */
    public data object Paused : BeatcheckState

    /** Erased, by the officer, by the hub or by too many wrong PINs: [Beatcheck.sendLastWords], then [Beatcheck.enrol] anew. */
    public data object Wiped : BeatcheckState

    /** [Beatcheck.close] was called. Final. */
    public data object Closed : BeatcheckState
}

/** What syncing is at. [Beatcheck.syncState] holds it. */
public sealed interface SyncState {
    /**
     * Nothing is under way.
     *
     * @property last how the last one of this object ended; null before the first.
     */
    public data class Idle(val last: BeatcheckEvent.SyncFinished? = null) : SyncState

    /** One begins. */
    public data object Connecting : SyncState

    /** Bytes come: [bytes] of [of], [bytesPerSecond]. */
    public data class Fetching(val bytes: Long, val of: Long, val bytesPerSecond: Long) : SyncState

    /** Rows are applied: [rows] of [of] to [compartment]. */
    public data class Applying(val compartment: String, val rows: Long, val of: Long) : SyncState

    /** The link failed; the next try is in [delay]. */
    public data class Waiting(val delay: Duration) : SyncState
}

/** The core's event as ours. The compiler refuses it when the core has one more. */
internal fun SyncEvent.asBeatcheck(): BeatcheckEvent = when (this) {
    is SyncEvent.Connecting -> BeatcheckEvent.Connecting
    is SyncEvent.Fetched -> BeatcheckEvent.Fetched(bytes.toLong(), of.toLong(), bytesPerS.toLong())
    is SyncEvent.Applying -> BeatcheckEvent.Applying(compartment, rows.toLong(), of.toLong())
    is SyncEvent.Usable -> BeatcheckEvent.Usable(compartment)
    is SyncEvent.MarksUsable -> BeatcheckEvent.MarksUsable(compartment)
    is SyncEvent.Waiting -> BeatcheckEvent.Waiting(ms.toLong().milliseconds)
    is SyncEvent.LateHit -> BeatcheckEvent.LateHitCame(hit)
    is SyncEvent.Finished -> BeatcheckEvent.SyncFinished(complete, fault)
    is SyncEvent.PolicyChanged -> BeatcheckEvent.PolicyChanged(policyVersion.toLong())
    is SyncEvent.Locked -> BeatcheckEvent.Locked
    is SyncEvent.Unlocked -> BeatcheckEvent.Unlocked
    is SyncEvent.Wiped -> BeatcheckEvent.Wiped
}

/** What a sync is at after this event; null where that says nothing of it. */
internal fun BeatcheckEvent.progress(): SyncState? = when (this) {
    is BeatcheckEvent.Connecting -> SyncState.Connecting
    is BeatcheckEvent.Fetched -> SyncState.Fetching(bytes, of, bytesPerSecond)
    is BeatcheckEvent.Applying -> SyncState.Applying(compartment, rows, of)
    is BeatcheckEvent.Waiting -> SyncState.Waiting(delay)
    is BeatcheckEvent.SyncFinished -> SyncState.Idle(this)
    is BeatcheckEvent.Usable, is BeatcheckEvent.MarksUsable, is BeatcheckEvent.LateHitCame, is BeatcheckEvent.PolicyChanged,
    is BeatcheckEvent.Locked, is BeatcheckEvent.Unlocked, is BeatcheckEvent.Wiped,
    -> null
}
