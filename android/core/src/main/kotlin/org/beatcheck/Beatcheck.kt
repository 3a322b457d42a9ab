// The facade: what an app calls. Each function is one call of the core, on a thread of Beatcheck's own; what the core means by it, and
// what it refuses, is the core's. Threads, state and events are Engine's.

package org.beatcheck

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.withContext
import org.beatcheck.ffi.Answer
import org.beatcheck.ffi.Device
import org.beatcheck.ffi.DeviceStatus
import org.beatcheck.ffi.KeyVault
import org.beatcheck.ffi.LateHit
import org.beatcheck.ffi.Network
import org.beatcheck.ffi.PersonQuery
import org.beatcheck.ffi.RecordKind
import org.beatcheck.ffi.Recovered
import org.beatcheck.ffi.SyncReport
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.ffi.Why
import org.beatcheck.ffi.WipeReport
import java.io.File
import kotlin.time.Duration

/**
 * Encrypted offline checks on this device.
 *
 * ```
 * val beatcheck = Beatcheck(File(context.noBackupFilesDir, "beatcheck"), vault, BuildConfig.VERSION_NAME)
 * if (beatcheck.open() == BeatcheckState.NotEnrolled) beatcheck.enrol(Enrolment(hub, code, caPem, pin))
 * if (beatcheck.state.value == BeatcheckState.Locked) beatcheck.unlock(pin)
 * beatcheck.sync()
 * val answer = beatcheck.check(VehicleQuery(vrm = "AB12 CDE"), Why("traffic_stop"))
 * ```
 *
 * **Lifetime.** Make one for each home directory, hold it for the life of the process (in `Application`, not in an `Activity`), and
 * [close] it if it is ever given up. Making one does nothing: the first call loads the library and opens the device.
 *
 * **Threads.** Every function may be called from any thread, the main thread too. `suspend` functions do their work on threads of
 * Beatcheck's own and suspend meanwhile. Checks, syncs and all else have different threads: a check waits neither for a sync nor for
 * a biometric question. [close] alone blocks its caller; [shutDown] does the same without.
 *
 * **Cancelling.** [sync] and [watch] end when the coroutine that called them is cancelled: they return at once and the core breaks off
 * soon after. Nothing is half done: what was applied is in force and what was fetched is kept. Everything else is short; it is
 * finished before the cancelled caller goes on. A check whose caller was cancelled is on record all the same.
 *
 * **Errors** are [BeatcheckException]s, and nothing else is thrown but `CancellationException` and, for arguments out of range,
 * `IllegalArgumentException`. A check that is refused is an answer (`CANNOT_SAY`, with `error`) and no exception.
 *
 * @param home directory of the device's files, in the app's private storage and out of any backup. Made at enrolment.
 * @param vault keys that never leave the device's secure element. Called from Beatcheck's threads, several at a time.
 * @param appVersion the app's version: policy may want a newer one.
 * @param options dispatchers and the like; the defaults are right for a phone.
 */
public class Beatcheck @JvmOverloads constructor(
    home: File,
    vault: KeyVault,
    appVersion: String,
    private val options: BeatcheckOptions = BeatcheckOptions(),
) : AutoCloseable {
    internal val engine = Engine(home, vault, appVersion, options)

    /** What can be done with the device now. Has a value at once; equal values in a row are one. */
    public val state: StateFlow<BeatcheckState> = engine.state.asStateFlow()

    /** What syncing is at. Conflated, as every `StateFlow` is: for a progress bar, not for a log. */
    public val syncState: StateFlow<SyncState> = engine.syncs.state.asStateFlow()

    /**
     * What happens, in order. Hot: events from before it was collected are not replayed. Bounded, twice: [BeatcheckOptions.eventBuffer]
     * events wait for a slow collector, and 256 in the core for us; beyond, the oldest are lost. None is the only word of anything
     * ([BeatcheckEvent]). It completes after [close].
     */
    public val events: Flow<BeatcheckEvent> get() = engine.events

    // -- beginning and end

    /**
     * Opens the device, if there is one, and says what can be done with it. Calling it is optional: whatever is called first opens.
     * A device with a PIN opens locked.
     *
     * @return [BeatcheckState.NotEnrolled] or [BeatcheckState.Wiped] where there is nothing to open.
     * @throws BeatcheckException.Storage code `vault` where the hardware's keys do not answer or are gone: [recover].
     * @throws BeatcheckException.Library where the app was put together wrongly.
     */
    public suspend fun open(): BeatcheckState {
        try {
            engine.device()
        } catch (e: BeatcheckException.NotEnrolled) {
            if (e.code != "not_enrolled" && e.code != "wiped") throw e
        }
        return state.value
    }

    /**
     * Enrols this device with a one-time code; afterwards it is open. Asks the hub. Nothing is kept unless all of it succeeded, and the
     * same code can then be tried again. After a wipe, [sendLastWords] first.
     *
     * @throws BeatcheckException.Invalid `already_enrolled`, `enrol_code`.
     * @throws BeatcheckException.Hub not reached (`hub_unreachable`) or refused.
     */
    public suspend fun enrol(enrolment: Enrolment): Unit = engine.enrol(enrolment)

    /** [close], without blocking the caller. */
    public suspend fun shutDown() {
        if (state.value != BeatcheckState.Closed) withContext(engine.workers.control) { close() }
    }

    /**
     * Ends everything: cancels a sync, waits until what is being written is written, forgets the keys and closes the files. Blocks,
     * commonly for milliseconds; 20 seconds at most, if a biometric question stands open. Whatever is called later, and whatever still
     * waits, throws [BeatcheckException.Suspended] with code `closed`. Twice is once.
     */
    override fun close(): Unit = engine.close()

    /**
     * Before the system suspends or freezes the app: cancels a sync and waits until nothing is being written and no lock is held on a
     * file. Until [resume] everything else is refused with code `paused`. Keys stay in memory: [lock] forgets them. Twice is once; on a
     * device that is not open it does nothing.
     *
     * @throws BeatcheckException.Suspended `still_busy` if something was still under way after 20 seconds; it is paused all the same.
     */
    public suspend fun pause(): Unit = engine.changeIfOpen(Device::pause)

    /** After a [pause]; otherwise it does nothing. */
    public suspend fun resume(): Unit = engine.changeIfOpen(Device::resume)

    // -- in and out

    /**
     * Lets the officer in by PIN. About a second on a phone: the derivation is slow on purpose.
     *
     * The core erases its copy of the PIN. The JVM's String cannot be erased: it is in memory until it is collected. So would the copy of
     * a `CharArray` be, which is why this does not take one.
     *
     * @throws BeatcheckException.Locked `pin` for a wrong one; `pin_wait`: the next has to wait, its text says how long.
     * @throws BeatcheckException.NotEnrolled `wiped` where policy erases the device after so many.
     */
    public suspend fun unlock(pin: String): Unit = engine.change { it.unlockWithPin(pin) }

    /**
     * Lets the officer in by the platform's biometric check, which the vault asks for.
     *
     * @throws BeatcheckException where the vault refuses. If its key is gone because fingers or faces were changed: [unlock] by PIN,
     *   then [setBiometric] anew.
     */
    public suspend fun unlockWithBiometric(): Unit = engine.change(Device::unlockWithBiometric)

    /**
     * Locks: keys of records are forgotten. For the app going to the background. Syncs go on and bring policy, withdrawals and wipes,
     * but no records. Where no PIN is set there is nothing to lock.
     */
    public suspend fun lock(): Unit = engine.changeIfOpen(Device::lock)

    /**
     * Sets a PIN, or another one; [old] where one is set.
     *
     * @throws BeatcheckException.Locked `pin` for a wrong old one, `pin_short` for one that policy finds too short.
     */
    public suspend fun setPin(old: String?, new: String): Unit = engine.change { it.setPin(old, new) }

    /** Lets the biometric check stand for the PIN, or no longer. Throws where vault or policy have no such thing, or no PIN is set. */
    public suspend fun setBiometric(on: Boolean): Unit = engine.change { it.setBiometric(on) }

    // -- checks

    /**
     * Checks a vehicle by its mark, its VIN, or both. Milliseconds, offline; on record before it returns. Purposes are those of
     * [DeviceStatus.purposes][org.beatcheck.ffi.DeviceStatus]. Answers hold personal data: keep them out of logs (`toString` says all
     * of it), of saved state and of notifications.
     *
     * @throws BeatcheckException.NotAccounted if the check could not be put on record: show nothing.
     */
    public suspend fun check(query: VehicleQuery, why: Why): Answer = engine.call(engine.workers.checks) { it.checkVehicle(query, why) }

    /** Checks a person by any of name, date of birth or identifier. As for a vehicle. */
    public suspend fun check(query: PersonQuery, why: Why): Answer = engine.call(engine.workers.checks) { it.checkPerson(query, why) }

    /**
     * Shows what is linked with a record that an answer has shown (`Hit.kind`, `Hit.id`): from a person to vehicles and associates, from a
     * vehicle to keeper and known users. The record itself stands first. A check like any other.
     */
    public suspend fun checkLinked(kind: RecordKind, record: String, why: Why): Answer =
        engine.call(engine.workers.checks) { it.checkLinked(kind, record, why) }

    /**
     * The answers of one question, page by page, as far as it is collected: `pages(query, why).take(2)`. Each page is a check of its own
     * and on record as one. Ends after the last page, or after one that was refused.
     */
    public fun pages(query: VehicleQuery, why: Why): Flow<Answer> = pages { check(query.copy(page = it), why) }

    /** As for a vehicle. */
    public fun pages(query: PersonQuery, why: Why): Flow<Answer> = pages { check(query.copy(page = it), why) }

    private fun pages(ask: suspend (UInt) -> Answer): Flow<Answer> = flow {
        var shown = 0uL
        var page = 1u
        while (true) {
            val answer = ask(page++)
            emit(answer)
            shown += answer.hits.size.toULong()
            if (answer.error != null || answer.hits.isEmpty() || shown >= answer.total) return@flow
        }
    }

    // -- syncs

    /**
     * Fetches what changed and sends the account. Takes as long as it takes; checks go on meanwhile, from what was there before. One at a
     * time: a second one waits for the first. Faults of the link and of the hub are in the report (`fault`, `failed`).
     *
     * Cancelling the coroutine cancels the sync. If the device is wiped by the hub the report says so (`wiped`): [sendLastWords] then.
     *
     * @param network policy has budgets for those that are paid for by volume.
     * @param hold how long the hub may hold the question if it has nothing new, 0 to 25 seconds.
     * @throws BeatcheckException where nothing could be done at all.
     */
    public suspend fun sync(network: Network = Network.UNMETERED, hold: Duration = options.hold): SyncReport {
        val seconds = holdSeconds(hold)
        return engine.breakable(engine.workers.syncs, Contact::sync) { it.syncOver(network, seconds).also(engine.syncs::finished) }
    }

    /**
     * Stays in contact for as long as its coroutine lives: what the hub publishes or withdraws is here a moment later. For the foreground.
     * Returns by itself only when the device was wiped. Meanwhile [sync] is refused with code `sync_running`; one
     * after it, cancelled or not, waits until it has ended.
     *
     * ```
     * lifecycleScope.launch { repeatOnLifecycle(STARTED) { beatcheck.watch(network) } }
     * ```
     */
    public suspend fun watch(network: Network = Network.UNMETERED): Unit =
        engine.breakable(engine.workers.watch, Contact::watch) { it.watch(network) }

    /** Ends a sync or a watch, whoever called it: it returns with the fault `cancelled`. Returns at once; without one it does nothing. */
    public fun cancelSync() {
        engine.deviceIfOpen()?.let { runCatching(it::cancelSync) } // It fails only where it was let go just now.
    }

    // -- what is known

    /** What this device holds, how fresh, and what waits to be sent. */
    public suspend fun status(): DeviceStatus = engine.call(engine.workers.control, Device::status)

    /**
     * Answers given earlier that have changed since, within policy's window, newest first; fetched in pages as far as it is collected.
     */
    public fun lateHits(): Flow<LateHit> = flow {
        var before = 0uL
        do {
            val page = engine.call(engine.workers.control) { it.lateHits(before, LATE_HITS_PAGE) }
            page.forEach { emit(it) }
            before = page.lastOrNull()?.auditSeq ?: 0uL
        } while (page.size == LATE_HITS_PAGE.toInt())
    }

    // -- the end of a device

    /**
     * Erases this device. Entries of the account that wait are kept as ciphertext for [sendLastWords].
     *
     * @throws BeatcheckException records are unreadable all the same, and the next opening goes on with it.
     */
    public suspend fun wipe(): WipeReport = engine.change(Device::wipe)

    /**
     * Sends what a wiped device still has of its account, and the receipt. To be tried until it succeeds; then the device can be enrolled
     * anew.
     *
     * @return number of entries sent.
     */
    public suspend fun sendLastWords(): Long = engine.sendLastWords()

    /**
     * Clears a device whose hardware key is lost ([open] says `vault`), and keeps its account for the hub, which alone can open it. Then
     * [enrol] anew with a code for the same officer; the first sync hands it in.
     *
     * @throws BeatcheckException.Storage `not_lost` if the device can be opened: nothing is touched.
     */
    public suspend fun recover(): Recovered = engine.recover()

    public companion object {
        private const val LATE_HITS_PAGE = 50u

        /**
         * Loads the native library and compares it with this package. Every other call does this first; this one is for an app's own
         * start-up test, and for the tests of its build. Loads a file: not for the main thread.
         *
         * @throws BeatcheckException.Library if they do not belong together or the library is missing.
         */
        public fun checkLibrary(): Unit = NativeLibrary.check()

        /** Version of the native library, with the commit it was built from. As [checkLibrary]. */
        public fun libraryVersion(): String = NativeLibrary.version()
    }
}
