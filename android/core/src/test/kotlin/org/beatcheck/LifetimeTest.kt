// Pausing, closing, and what comes after.

package org.beatcheck

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.beatcheck.ffi.ApiException
import org.beatcheck.ffi.Device
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.support.HubTest
import org.junit.jupiter.api.Test
import java.util.concurrent.Executors
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.seconds

class LifetimeTest : HubTest() {
    private val mark get() = VehicleQuery(vrm = hub.marks[0])

    @Test
    fun `a paused device refuses everything until it is resumed`() = real {
        val beatcheck = enrolled()
        repeat(2) { beatcheck.pause() }
        assertEquals(BeatcheckState.Paused, beatcheck.state.value)
        refused<BeatcheckException.Suspended>("paused") { beatcheck.check(mark, stop) }
        refused<BeatcheckException.Suspended>("paused") { beatcheck.sync() }
        refused<BeatcheckException.Suspended>("paused") { beatcheck.status() }
        refused<BeatcheckException.Suspended>("paused") { beatcheck.lock() }
        repeat(2) { beatcheck.resume() }
        assertEquals(BeatcheckState.Ready, beatcheck.state.value)
        assertEquals(Outcome.HIT, beatcheck.check(mark, stop).outcome)
        assertTrue(beatcheck.sync().complete)
    }

    @Test
    fun `pausing ends a sync that waits for a dead hub`() = real {
        val beatcheck = enrolled()
        val told = Told(this, beatcheck)
        hub.freeze()
        try {
            val sync = async { beatcheck.sync() }
            told.events.eventually { BeatcheckEvent.Connecting in it }
            beatcheck.pause()
            assertEquals("cancelled", sync.await().fault?.code)
            assertEquals(BeatcheckState.Paused, beatcheck.state.value)
        } finally {
            hub.thaw()
        }
        beatcheck.resume()
        assertTrue(beatcheck.sync().complete)
        told.job.cancel()
    }

    @Test
    fun `a device that is not open has nothing to pause, lock or cancel`() = real {
        val place = place()
        enrolled(place, pin = "482915").close()
        val beatcheck = at(place)
        beatcheck.pause()
        beatcheck.resume()
        beatcheck.lock()
        beatcheck.cancelSync()
        assertEquals(BeatcheckState.Unopened, beatcheck.state.value)
    }

    @Test
    fun `twice closed is once closed, and everything after it is refused`() = real {
        val beatcheck = enrolled()
        val events = async(start = kotlinx.coroutines.CoroutineStart.UNDISPATCHED) { beatcheck.events.toList() }
        beatcheck.close()
        beatcheck.close()
        beatcheck.shutDown()
        assertEquals(BeatcheckState.Closed, beatcheck.state.value)
        events.await()
        assertEquals(emptyList(), beatcheck.events.toList(), "who comes late is sent home")
        val closed = refused<BeatcheckException.Suspended>("closed") { beatcheck.check(mark, stop) }
        for (call in listOf<suspend () -> Unit>(
            { beatcheck.open() }, { beatcheck.sync() }, { beatcheck.watch() }, { beatcheck.status() }, { beatcheck.unlock("000000") },
            { beatcheck.lock() }, { beatcheck.pause() }, { beatcheck.resume() }, { beatcheck.wipe() }, { beatcheck.sendLastWords() },
            { beatcheck.recover() }, { beatcheck.enrol(Enrolment("", "", "")) }, { beatcheck.handlePush(ByteArray(0)) },
            { beatcheck.applyManagedConfiguration("{}") }, { beatcheck.lateHits().toList() }, { beatcheck.pages(mark, stop).toList() },
        )) refused<BeatcheckException.Suspended>("closed") { call() }
        beatcheck.cancelSync()

        // The core's own words for it.
        val place = place()
        enrolled(place).close()
        val device = Device.open(place.home.path, place.vault, null)
        device.shutDown()
        device.shutDown()
        val core = assertFailsWith<ApiException.Suspended> { device.status() }
        assertEquals(Triple(core.code, core.officerText, core.logText), Triple(closed.code, closed.officerText, closed.logText))
        device.close()
        device.close()
    }

    @Test
    fun `closing ends a sync that waits for a dead hub, and those behind it`() = real {
        val beatcheck = enrolled()
        val told = Told(this, beatcheck)
        hub.freeze()
        try {
            val sync = async { runCatching { beatcheck.sync() } }
            told.events.eventually { BeatcheckEvent.Connecting in it }
            val behind = List(3) { async { runCatching { beatcheck.sync() } } }
            beatcheck.shutDown()
            told.job.join()
            for (ended in listOf(sync) + behind) {
                val (report, thrown) = ended.await().run { getOrNull() to exceptionOrNull() }
                if (report != null) assertEquals("cancelled", report.fault?.code)
                else assertEquals("closed", assertIs<BeatcheckException.Suspended>(thrown).code)
            }
            assertTrue(BeatcheckEvent.SyncFinished(complete = false, fault = "cancelled") in told.events, "its last events came")
        } finally {
            hub.thaw()
        }
    }

    @Test
    fun `closing amid checks gives each an answer or a refusal, and leaves no thread`() = real {
        repeat(10) {
            val beatcheck = enrolled()
            val checks = hub.marks.take(200).map { async { runCatching { beatcheck.check(VehicleQuery(vrm = it), stop) } } }
            launch(Dispatchers.Default) { beatcheck.close() }
            for (check in checks) {
                val result = check.await()
                result.onSuccess { assertEquals(Outcome.HIT, it.outcome) }
                result.onFailure { assertEquals("closed", assertIs<BeatcheckException.Suspended>(it, "$it").code) }
            }
            beatcheck.close()
        }
        while (Thread.getAllStackTraces().keys.any { it.name.startsWith("beatcheck-") }) kotlinx.coroutines.delay(5)
    }

    @Test
    fun `a collector may close from within`() = real {
        val beatcheck = enrolled()
        val closing = launch(Dispatchers.Unconfined) { beatcheck.events.collect { if (it is BeatcheckEvent.SyncFinished) beatcheck.close() } }
        runCatching { beatcheck.sync() }
        closing.join()
        assertEquals(BeatcheckState.Closed, beatcheck.state.value)
    }

    @Test
    fun `a slow collector loses the oldest, and holds nobody up`() = real {
        val beatcheck = enrolled(sync = false, options = BeatcheckOptions(eventBuffer = 1))
        val seen = mutableListOf<BeatcheckEvent>()
        val gate = kotlinx.coroutines.CompletableDeferred<Unit>()
        val slow = launch(start = kotlinx.coroutines.CoroutineStart.UNDISPATCHED) {
            beatcheck.events.collect {
                seen += it
                gate.await()
            }
        }
        val fast = Told(this, beatcheck)
        assertTrue(beatcheck.sync().complete)
        beatcheck.lock()
        beatcheck.close()
        fast.job.join()
        gate.complete(Unit)
        slow.join()
        assertTrue(seen.size <= 2, "the first, and at most what the buffer held: $seen")
    }

    @Test
    fun `the app's own dispatchers are used, and stay open`() = real {
        val names = java.util.concurrent.ConcurrentHashMap.newKeySet<String>()
        val pool = Executors.newCachedThreadPool { Thread(it).apply { name = "app-$id"; isDaemon = true } }
        val place = place()
        val dispatcher = pool.asCoroutineDispatcher()
        val options = BeatcheckOptions(checkDispatcher = dispatcher, syncDispatcher = dispatcher, controlDispatcher = dispatcher)
        val beatcheck = at(place, options)
        place.vault.throws = { names += Thread.currentThread().name; IllegalStateException() }
        runCatching { beatcheck.enrol(hub.enrolment()) }
        place.vault.throws = null
        assertTrue(names.isNotEmpty() && names.all { it.startsWith("app-") }, "$names")
        beatcheck.enrol(hub.enrolment())
        // Two at once on a dispatcher with many threads are one after another.
        assertTrue(listOf(async { beatcheck.sync() }, async { beatcheck.sync() }).all { it.await().complete })
        beatcheck.close()
        assertFalse(pool.isShutdown)
        pool.shutdown()
    }

    @Test
    fun `options out of range are refused`() {
        assertFailsWith<IllegalArgumentException> { BeatcheckOptions(checkThreads = 0) }
        assertFailsWith<IllegalArgumentException> { BeatcheckOptions(eventBuffer = 0) }
        assertFailsWith<IllegalArgumentException> { BeatcheckOptions(hold = 26.seconds) }
        assertFailsWith<IllegalArgumentException> { BeatcheckOptions(tickEvery = 0.seconds) }
    }
}
