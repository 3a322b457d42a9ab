package org.beatcheck.android

import kotlinx.coroutines.runBlocking
import org.beatcheck.BeatcheckException
import org.beatcheck.android.support.FakeDevice
import org.beatcheck.android.support.FakePlanner
import org.beatcheck.android.support.refusal
import org.beatcheck.android.support.report
import org.beatcheck.ffi.Network
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

class SyncRunnerTest {
    private val planner = FakePlanner()
    private val device = FakeDevice()
    private var network: Network? = Network.METERED
    private val runner = SyncRunner(planner, { network }, { 1.0 })
    private val regular = Plan(Work.REGULAR, 0, Needs.ANY_NETWORK)

    private fun run(plan: Plan = regular) = runBlocking { runner.run(plan, device) }

    @Test
    fun `a sync is told the kind of network, and asks for the next`() {
        run()
        assertEquals(listOf("sync METERED"), device.done)
        assertEquals(setOf(Work.REGULAR), planner.asked.keys)
    }

    @Test
    fun `without a network it is a failure, and the device is left alone`() {
        network = null
        run()
        assertTrue(device.done.isEmpty())
        assertEquals(1, planner.asked[Work.REGULAR]?.failures)
    }

    @Test
    fun `failures are counted across jobs of all kinds`() {
        device.report = { report(fault = "hub_unreachable") }
        run()
        run(Plan(Work.URGENT, 0, Needs.ANY_NETWORK))
        assertEquals(2, planner.asked[Work.REGULAR]?.failures)
        device.report = { report() }
        run()
        assertEquals(0, planner.asked[Work.REGULAR]?.failures)
    }

    @Test
    fun `a wipe ends all but the last words, which are tried until they are sent`() {
        planner.schedule(regular)
        planner.schedule(Plan(Work.DEFERRED, 0, Needs.UNMETERED_NETWORK))
        device.report = { report(wiped = true) }
        run()
        assertEquals(setOf(Work.LAST_WORDS), planner.asked.keys)
        device.words = { throw refusal<BeatcheckException.Hub>("hub_unreachable") }
        run(planner.asked.getValue(Work.LAST_WORDS))
        assertEquals(1, planner.asked[Work.LAST_WORDS]?.failures)
        device.words = { 3 }
        run(planner.asked.getValue(Work.LAST_WORDS))
        assertTrue(planner.asked.isEmpty())
    }

    @Test
    fun `a device that was wiped before is heard of by its refusal`() {
        device.report = { throw refusal<BeatcheckException.NotEnrolled>("wiped") }
        run()
        assertEquals(setOf(Work.LAST_WORDS), planner.asked.keys)
    }

    @Test
    fun `without a device nothing is asked for any more`() {
        planner.schedule(regular)
        device.report = { throw refusal<BeatcheckException.NotEnrolled>("not_enrolled") }
        run()
        assertTrue(planner.asked.isEmpty())
    }

    @Test
    fun `while the app is in contact by itself a job is no failure`() {
        device.report = { throw refusal<BeatcheckException.Invalid>("sync_running") }
        run()
        assertEquals(0, planner.asked[Work.REGULAR]?.failures)
    }

    @Test
    fun `a reconnect hurries for what a free network was awaited for`() = runBlocking {
        planner.schedule(Plan(Work.DEFERRED, 0, Needs.UNMETERED_NETWORK))
        runner.reconnected(device)
        assertNull(planner.asked[Work.URGENT], "this network is not free")
        network = Network.UNMETERED
        runner.reconnected(device)
        assertEquals(true, planner.asked[Work.URGENT]?.expedited)
    }

    @Test
    fun `a second push does not put the first one off`() = runBlocking {
        device.pushSeconds = 30
        runner.pushed(ByteArray(0), device)
        device.pushSeconds = 300
        assertEquals(300, runner.pushed(ByteArray(0), device))
        assertEquals(30_000, planner.asked[Work.URGENT]?.delayMs)
    }

    @Test
    fun `hidden it is locked in time, and coming back takes that away`() = runBlocking {
        runner.hidden(device)
        val lock = planner.asked.getValue(Work.LOCK)
        assertEquals(300_000, lock.delayMs)
        runner.shown()
        assertNull(planner.asked[Work.LOCK])
        runner.run(lock, device)
        assertEquals(listOf("lock"), device.done)
    }
}
