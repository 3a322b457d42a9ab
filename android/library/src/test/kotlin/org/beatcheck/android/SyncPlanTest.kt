package org.beatcheck.android

import org.beatcheck.android.support.report
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

class SyncPlanTest {
    private val calm = Standing(leaseLeftMs = 48 * HOUR)

    @Test
    fun `the hub's word counts, and a day at most`() {
        assertEquals(listOf(120_000L), SyncPlan.after(report(askAgainS = 120), 0, calm, 0.5).map { it.delayMs })
        assertEquals(SyncPlan.DEFAULT_MS, SyncPlan.after(report(), 0, calm, 0.5).single().delayMs)
        assertEquals(SyncPlan.MOST_MS, SyncPlan.after(report(askAgainS = 999_999), 0, calm, 0.5).single().delayMs)
    }

    @Test
    fun `failures back off, double, and are spread`() {
        fun delay(failures: Int, random: Double) = SyncPlan.after(report(fault = "hub_unreachable"), failures, calm, random).single().delayMs
        assertEquals(15_000, delay(0, 0.0))
        assertEquals(30_000, delay(0, 1.0))
        assertEquals(60_000, delay(1, 1.0))
        assertEquals(SyncPlan.BACKOFF_MOST_MS, delay(40, 1.0))
        assertEquals(SyncPlan.BACKOFF_MOST_MS / 2, delay(40, 0.0))
        assertEquals(4, SyncPlan.after(report(fault = "hub_unreachable"), 3, calm, 0.5).single().failures)
    }

    @Test
    fun `the hub may ask a failed phone for a longer wait`() {
        assertEquals(600_000, SyncPlan.after(report(askAgainS = 600, fault = "hub_busy"), 0, calm, 0.5).single().delayMs)
    }

    @Test
    fun `a cancelled sync is no failure`() {
        val next = SyncPlan.after(report(fault = "cancelled"), 2, calm, 0.5).single()
        assertEquals(0, next.failures)
        assertEquals(SyncPlan.DEFAULT_MS, next.delayMs)
    }

    @Test
    fun `a low battery waits, unless the lease is near its end`() {
        assertTrue(SyncPlan.after(report(), 0, calm, 0.5).single().batteryNotLow)
        assertFalse(SyncPlan.after(report(), 0, Standing(leaseLeftMs = HOUR), 0.5).single().batteryNotLow)
        assertFalse(SyncPlan.after(report(), 0, Standing(leaseLeftMs = -HOUR), 0.5).single().batteryNotLow)
    }

    @Test
    fun `the lease is near its end in the last hours, and afterwards`() {
        assertEquals(listOf(false, false, true, true), listOf(null, 4 * HOUR, 4 * HOUR - 1, -HOUR).map(SyncPlan::leaseNear))
    }

    @Test
    fun `what a budget put off waits for a network that is free, beside the next sync`() {
        val plans = SyncPlan.after(report(deferred = listOf("persons")), 0, calm, 0.5)
        assertEquals(listOf(Work.REGULAR to Needs.ANY_NETWORK, Work.DEFERRED to Needs.UNMETERED_NETWORK), plans.map { it.work to it.needs })
    }

    @Test
    fun `a wiped device sends its last words, and nothing else`() {
        assertEquals(listOf(Work.LAST_WORDS), SyncPlan.after(report(wiped = true, deferred = listOf("x")), 0, calm, 0.5).map { it.work })
    }

    @Test
    fun `back on the network, it hurries only if something is due`() {
        assertNull(SyncPlan.reconnected(dueInMs = 60_000, failures = 0, Standing(), deferredWaits = false))
        for (due in listOf(
            SyncPlan.reconnected(0, 0, Standing(), false),
            SyncPlan.reconnected(60_000, 1, Standing(), false),
            SyncPlan.reconnected(60_000, 0, Standing(journalPending = 1), false),
            SyncPlan.reconnected(60_000, 0, Standing(), true),
        )) {
            assertTrue(assertNotNull(due).expedited)
            assertFalse(due.batteryNotLow, "the platform refuses both")
            assertEquals(0, due.delayMs, "the platform refuses both")
        }
    }

    @Test
    fun `a push that says at once is expedited, and one that says later is not`() {
        assertTrue(SyncPlan.pushed(0).expedited)
        assertEquals(false to 90_000L, SyncPlan.pushed(90).run { expedited to delayMs })
    }

    @Test
    fun `the lock follows policy's minutes`() {
        assertEquals(300_000, SyncPlan.lock(5)?.delayMs)
        assertNull(SyncPlan.lock(0))
    }

    private companion object {
        const val HOUR = 3_600_000L
    }
}
