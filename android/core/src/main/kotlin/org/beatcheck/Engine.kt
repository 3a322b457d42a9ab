// The machine behind Beatcheck: holds the device, carries calls to the core's threads and what happens back from there.
//
// There is one rule about state: it is always read from the core and never concluded from an event or from a call that returned.
// Calls and events only say when to read it.

package org.beatcheck

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.onSubscription
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import org.beatcheck.ffi.ApiException
import org.beatcheck.ffi.Device
import org.beatcheck.ffi.EnrolOptions
import org.beatcheck.ffi.InternalException
import org.beatcheck.ffi.KeyVault
import org.beatcheck.ffi.Lifecycle
import org.beatcheck.ffi.Recovered
import org.beatcheck.ffi.SyncEvent
import org.beatcheck.ffi.recover
import org.beatcheck.ffi.sendLastWords
import java.io.File
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread

internal class Engine(
    private val home: File,
    vault: KeyVault,
    private val appVersion: String,
    private val options: BeatcheckOptions,
) {
    private val vault = GuardedVault.over(vault, options.onVaultFailure)
    val workers = Workers(options)
    val state = MutableStateFlow<BeatcheckState>(BeatcheckState.Unopened)
    val syncs = SyncTracker()
    private val contact = Contact()

    /** Null is the end. */
    private val told = MutableSharedFlow<BeatcheckEvent?>(
        extraBufferCapacity = options.eventBuffer,
        onBufferOverflow = BufferOverflow.DROP_OLDEST,
    )
    private val opening = Mutex()
    private val lock = Any()
    private var device: Device? = null
    private var pump: Thread? = null
    private var closed = false

    /** Readings of the state are numbered, so that an older one never replaces a newer. */
    private val readings = AtomicLong()
    private var applied = 0L

    init {
        workers.scope.launch(workers.control) {
            while (true) {
                delay(options.tickEvery)
                if (state.value == BeatcheckState.Ready) deviceIfOpen()?.let(::look)
            }
        }
    }

    val events: Flow<BeatcheckEvent> = told.onSubscription { if (isClosed()) emit(null) }.takeWhile { it != null }.filterNotNull()

    // -- calls

    /** Runs [work] on [dispatcher] with the device, which is opened where it is not yet. Not ended by the caller's cancelling. */
    suspend fun <T> call(dispatcher: CoroutineDispatcher, work: (Device) -> T): T {
        val device = device()
        return on(dispatcher) { work(device) }
    }

    /** As [call], for what may change the state: it is read again before this returns. */
    suspend fun <T> change(work: (Device) -> T): T = call(workers.control) { device -> thenLook(device, work) }

    /** As [change], where there is nothing to do if the device is not open. */
    suspend fun changeIfOpen(work: (Device) -> Unit) {
        val device = deviceIfOpen()
        if (device == null) refuseIfClosed() else on(workers.control) { thenLook(device, work) }
    }

    private fun <T> thenLook(device: Device, work: (Device) -> T): T = try {
        work(device)
    } finally {
        look(device)
    }

    /** Runs [work] on [dispatcher], with errors as the app knows them. */
    suspend fun <T> on(dispatcher: CoroutineDispatcher, work: () -> T): T {
        refuseIfClosed()
        return try {
            withContext(dispatcher) { native(work) }
        } catch (e: CancellationException) {
            // A dispatcher that was shut down cancels what it is given: it is we who were closed, and not the caller cancelled.
            currentCoroutineContext().ensureActive()
            throw if (isClosed()) BeatcheckException.closed() else e
        }
    }

    /**
     * Runs [work] on [dispatcher], and when the caller is cancelled returns at once and ends [work] with the core's cancel handle. The
     * thread is free when [work] has ended, soon after. [begin] waits for its turn with the hub.
     */
    suspend fun <T> breakable(dispatcher: CoroutineDispatcher, begin: suspend Contact.() -> Unit, work: (Device) -> T): T {
        val device = device()
        val turn = Turn(device, contact)
        val running = workers.scope.async(dispatcher) {
            contact.begin()
            syncs.begin()
            try {
                turn.take { native { work(device) } }
            } finally {
                contact.end()
                syncs.end()
                look(device)
            }
        }
        return try {
            running.await()
        } catch (e: CancellationException) {
            running.cancel()
            turn.halt()
            // It may have begun to listen a moment after it was told: until it has ended it is told again.
            workers.scope.launch(Dispatchers.Default) {
                while (!running.isCompleted) {
                    delay(HALT_AGAIN_MS)
                    turn.halt()
                }
            }
            currentCoroutineContext().ensureActive()
            throw if (isClosed()) BeatcheckException.closed() else e
        }
    }

    private inline fun <T> native(work: () -> T): T = try {
        work()
    } catch (e: ApiException) {
        throw e.asBeatcheck()
    } catch (_: InternalException) {
        throw BeatcheckException.Defect()
    } catch (e: IllegalStateException) {
        // The generated code's word for an object that was let go (and a cancellation is one of these, too).
        throw if (e is CancellationException) e else BeatcheckException.closed()
    }

    // -- the device

    /** The device, if it is open. */
    fun deviceIfOpen(): Device? = synchronized(lock) { device }

    suspend fun device(): Device {
        refuseIfClosed()
        deviceIfOpen()?.let { return it }
        return opening.withLock {
            deviceIfOpen() ?: on(workers.control) { open() }
        }
    }

    private fun open(): Device {
        NativeLibrary.check()
        val opened = try {
            Device.open(home.path, vault, null)
        } catch (e: ApiException.NotEnrolled) {
            if (e.code == "wiped") noDevice(BeatcheckState.Wiped)
            if (e.code == "not_enrolled") noDevice(BeatcheckState.NotEnrolled)
            throw e
        }
        try {
            opened.setAppVersion(appVersion)
        } catch (e: Exception) {
            opened.close()
            throw e
        }
        return take(opened)
    }

    suspend fun enrol(enrolment: Enrolment): Unit = opening.withLock {
        on(workers.control) {
            NativeLibrary.check()
            synchronized(lock) { device?.takeIf { it.lifecycle() == Lifecycle.WIPED } }?.let(::letGo)
            val given = EnrolOptions(
                home = home.path,
                hub = enrolment.hub,
                code = enrolment.code,
                caPem = enrolment.caPem,
                pin = enrolment.pin,
                appVersion = appVersion,
                asset = enrolment.asset,
                idToken = enrolment.idToken,
            )
            take(Device.enrol(given, vault))
        }
    }

    suspend fun sendLastWords(): Long = on(workers.syncs) {
        NativeLibrary.check()
        sendLastWords(home.path, vault).toLong()
    }

    suspend fun recover(): Recovered = opening.withLock {
        on(workers.control) {
            NativeLibrary.check()
            recover(home.path, vault).also { noDevice(BeatcheckState.NotEnrolled) }
        }
    }

    /** Whoever closed us meanwhile did not know of this one. */
    private fun take(opened: Device): Device {
        val late = synchronized(lock) {
            if (!closed) {
                device = opened
                pump = thread(name = "beatcheck-events", isDaemon = true) { pump(opened) }
            }
            closed
        }
        if (late) {
            opened.shutDown()
            opened.close()
            throw BeatcheckException.closed()
        }
        look(opened)
        return opened
    }

    private fun noDevice(now: BeatcheckState) = synchronized(lock) { if (!closed && device == null) state.value = now }

    private fun letGo(old: Device) {
        val pumping = synchronized(lock) { pump.also { device = null; pump = null } }
        old.shutDown()
        // Its last events are handed on first. A collector may run on that very thread, and close us from there.
        if (pumping != Thread.currentThread()) {
            pumping?.join(LAST_EVENTS_MS)
            // It goes when it is told to, and what ended only then had still something to say.
            while (true) hand(old, old.nextEvents(BATCH, 0u).ifEmpty { break })
        }
        old.close()
    }

    fun close() {
        val open = synchronized(lock) {
            if (closed) return
            closed = true
            device
        }
        open?.let(::letGo)
        state.value = BeatcheckState.Closed
        told.tryEmit(null)
        workers.close()
        workers.end()
    }

    private fun isClosed() = synchronized(lock) { closed }

    private fun refuseIfClosed() {
        if (isClosed()) throw BeatcheckException.closed()
    }

    // -- state and events

    /** Reads the state from the core. Also looks whether it is time to lock. */
    fun look(device: Device) {
        val number = readings.incrementAndGet()
        val now = try {
            when (device.lifecycle()) {
                Lifecycle.PAUSED -> BeatcheckState.Paused
                Lifecycle.WIPED -> BeatcheckState.Wiped
                Lifecycle.CLOSED -> return
                Lifecycle.OPEN -> if (device.tick()) BeatcheckState.Ready else BeatcheckState.Locked
            }
        } catch (_: ApiException.Suspended) {
            return // Whoever suspended it reads the state afterwards.
        } catch (_: ApiException) {
            BeatcheckState.Locked // Locking failed: the core has forgotten the keys all the same.
        } catch (_: IllegalStateException) {
            return // Let go meanwhile.
        }
        synchronized(lock) {
            if (!closed && this.device === device && number > applied) {
                applied = number
                state.value = now
            }
        }
    }

    private fun pump(device: Device) {
        while (true) {
            val batch = try {
                device.nextEvents(BATCH, WAIT_MS).ifEmpty { if (device.lifecycle() == Lifecycle.CLOSED) return else emptyList() }
            } catch (_: IllegalStateException) {
                return // Let go meanwhile.
            }
            hand(device, batch)
        }
    }

    private fun hand(device: Device, batch: List<SyncEvent>) {
        for (event in batch.map { it.asBeatcheck() }) {
            if (event is BeatcheckEvent.Locked || event is BeatcheckEvent.Unlocked || event is BeatcheckEvent.Wiped) look(device)
            syncs.heard(event)
            told.tryEmit(event)
        }
    }

    private companion object {
        val BATCH = 64u
        /** The core wakes us when something happens and when it is closed: this only bounds a wait. */
        val WAIT_MS = 600_000u
        const val HALT_AGAIN_MS = 20L
        const val LAST_EVENTS_MS = 5_000L
    }
}

/** One run of something that can be ended early. The core forgets a cancel that came before there was anything to cancel. */
private class Turn(private val device: Device, private val contact: Contact) {
    @Volatile
    private var begun = false
    private var ended = false

    fun <T> take(work: () -> T): T {
        begun = true
        try {
            return work()
        } finally {
            // After this no halt of ours can meet the next one's work.
            synchronized(this) { ended = true }
        }
    }

    /** Says that it is to end, if it runs. */
    fun halt() = synchronized(this) {
        if (begun && !ended) {
            contact.ending()
            runCatching { device.cancelSync() } // It fails only where the device was let go.
        }
    }
}
