// Syncs: cancelled, held, told about, and what they bring.

package org.beatcheck

import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.beatcheck.ffi.CoverageState
import org.beatcheck.ffi.Network
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.PersonQuery
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.ffi.Why
import org.beatcheck.support.HubTest
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.seconds

class SyncTest : HubTest() {
    @Test
    fun `events come in order, and the state follows`() = real {
        val beatcheck = enrolled(sync = false)
        val told = Told(this, beatcheck)
        assertEquals(SyncState.Idle(null), beatcheck.syncState.value)
        val report = beatcheck.sync()
        told.events.eventually { e -> e.any { it is BeatcheckEvent.SyncFinished } }
        val events = told.events.toList()
        assertEquals(BeatcheckEvent.Connecting, events.first())
        assertEquals(BeatcheckEvent.SyncFinished(complete = true, fault = null), events.last())
        assertEquals(setOf("persons", "vehicles"), events.filterIsInstance<BeatcheckEvent.Usable>().map { it.compartment }.toSet())
        assertTrue(events.any { it is BeatcheckEvent.PolicyChanged }, "the first policy came")
        for (name in report.compartments.map { it.compartment }) {
            val applied = events.indexOfLast { it is BeatcheckEvent.Applying && it.compartment == name }
            assertTrue(applied < events.indexOf(BeatcheckEvent.Usable(name)), "$name is usable once it is applied")
        }
        val fetched = events.filterIsInstance<BeatcheckEvent.Fetched>()
        assertTrue(fetched.isNotEmpty() && fetched.zipWithNext().all { (a, b) -> a.bytes <= b.bytes }, "bytes only grow")
        assertEquals(SyncState.Idle(BeatcheckEvent.SyncFinished(true, null)), beatcheck.syncState.value)
        told.job.cancel()
    }

    @Test
    fun `cancelling the coroutine breaks off a sync that waits for a dead hub`() = real {
        val beatcheck = enrolled()
        val told = Told(this, beatcheck)
        hub.freeze()
        try {
            val sync = launch { beatcheck.sync() }
            told.events.eventually { BeatcheckEvent.Connecting in it }
            assertEquals(SyncState.Connecting, beatcheck.syncState.value)
            sync.cancelAndJoin()
            assertTrue(sync.isCancelled)
            // The hub is still frozen: only the core's cancel handle can end it so.
            told.events.eventually { BeatcheckEvent.SyncFinished(complete = false, fault = "cancelled") in it }
        } finally {
            hub.thaw()
        }
        assertTrue(beatcheck.sync().complete, "the next one is not cancelled by the last one's cancel")
        told.job.cancel()
    }

    @Test
    fun `cancelling breaks off a question that the hub holds, and a sync that waits for its turn never begins`() = real {
        val beatcheck = enrolled()
        val told = Told(this, beatcheck)
        val held = launch { beatcheck.sync(hold = 25.seconds) }
        told.events.eventually { BeatcheckEvent.Connecting in it }
        val waiting = launch { beatcheck.sync() }
        waiting.cancelAndJoin()
        held.cancelAndJoin()
        told.events.eventually { BeatcheckEvent.SyncFinished(complete = false, fault = "cancelled") in it }
        assertTrue(beatcheck.sync().complete)
        told.events.eventually { BeatcheckEvent.SyncFinished(complete = true, fault = null) in it }
        assertEquals(2, told.events.count { it is BeatcheckEvent.SyncFinished }, "the one in the middle left no trace")
        assertIs<SyncState.Idle>(beatcheck.syncState.value)
        told.job.cancel()
    }

    @Test
    fun `whoever else ends a sync, its caller gets a report`() = real {
        val beatcheck = enrolled()
        beatcheck.cancelSync() // There is none: nothing happens, also to the next one.
        val told = Told(this, beatcheck)
        val sync = async { beatcheck.sync(hold = 25.seconds) }
        told.events.eventually { BeatcheckEvent.Connecting in it }
        while (!sync.isCompleted) {
            beatcheck.cancelSync()
            kotlinx.coroutines.delay(5)
        }
        assertEquals("cancelled", sync.await().fault?.code)
        told.job.cancel()
    }

    @Test
    fun `a hundred syncs cancelled at any moment leave a device that syncs`() = real {
        val beatcheck = enrolled(sync = false)
        repeat(100) { n ->
            val sync = launch { beatcheck.sync(Network.UNMETERED) }
            kotlinx.coroutines.delay(n.toLong())
            sync.cancelAndJoin()
        }
        assertTrue(beatcheck.sync().complete)
        assertEquals(Outcome.HIT, beatcheck.check(VehicleQuery(vrm = hub.marks[0]), stop).outcome)
    }

    @Test
    fun `a watch brings what the hub publishes, and ends with its coroutine`() = real {
        val beatcheck = enrolled()
        val told = Told(this, beatcheck)
        val watch = launch { beatcheck.watch() }
        told.events.eventually { e -> e.any { it is BeatcheckEvent.SyncFinished } }
        refused<BeatcheckException.Hub>("sync_running") { beatcheck.sync() }
        hub.ingest("vehicles") { lines -> lines + lines.last().replace(Regex("^[^,]*,[^,]*"), "V9999999,ZY21 XWV") }
        hub.hub("publish")
        told.events.eventually { BeatcheckEvent.Usable("vehicles") in it }
        assertEquals(Outcome.HIT, beatcheck.check(VehicleQuery(vrm = "ZY21XWV"), stop).outcome)
        watch.cancelAndJoin()
        told.job.cancel()
        // Its thread ends soon after: a sync waits for it.
        assertTrue(beatcheck.sync().complete)
    }

    @Test
    fun `a policy that the hub pushes is in force with the next sync`() = real {
        val beatcheck = enrolled()
        val told = Told(this, beatcheck)
        assertTrue("welfare" in beatcheck.status().purposes)
        val version = hub.policy("\"welfare\",", "")
        try {
            beatcheck.sync()
            assertEquals(version.toULong(), beatcheck.status().policyVersion)
            told.events.eventually { BeatcheckEvent.PolicyChanged(version) in it }
            val refused = beatcheck.check(VehicleQuery(vrm = hub.marks[0]), Why("welfare"))
            assertEquals("purpose_not_allowed", refused.error?.code)
            assertEquals(Outcome.HIT, beatcheck.check(VehicleQuery(vrm = hub.marks[0]), stop).outcome)
        } finally {
            hub.policy("\"traffic_stop\",", "\"traffic_stop\",\"welfare\",")
        }
        told.job.cancel()
    }

    @Test
    fun `a list that is withdrawn cannot be read any more`() = real {
        val beatcheck = enrolled()
        val someone = PersonQuery(surname = hub.persons[0].getValue("surname"))
        assertTrue(beatcheck.check(someone, Why("stop_search")).hits.isNotEmpty())
        hub.hub("withdraw", "--device", beatcheck.status().device, "--compartment", "persons")
        assertEquals(listOf("persons"), beatcheck.sync().withdrawn)
        val answer = beatcheck.check(someone, Why("stop_search"))
        assertEquals(Outcome.CANNOT_SAY, answer.outcome)
        assertEquals(Outcome.HIT, beatcheck.check(VehicleQuery(vrm = hub.marks[0]), stop).outcome)
        assertTrue(beatcheck.status().compartments.none { it.compartment == "persons" && it.state == CoverageState.CURRENT })
    }

    @Test
    fun `an answer that changed is told, and stays in the list`() = real {
        val beatcheck = enrolled()
        val told = Told(this, beatcheck)
        val marks = (10..69).map { "QX$it ABC" }
        for (mark in marks) assertEquals(Outcome.NO_TRACE, beatcheck.check(VehicleQuery(vrm = mark), stop).outcome)
        hub.ingest("vehicles") { lines ->
            lines + marks.mapIndexed { n, mark -> lines.last().replace(Regex("^[^,]*,[^,]*"), "V88888${10 + n},$mark") }
        }
        hub.hub("publish")
        val report = beatcheck.sync()
        assertEquals(marks.size, report.lateHits.size)
        assertEquals(setOf("appeared"), report.lateHits.map { it.change }.toSet())
        told.events.eventually { e -> e.count { it is BeatcheckEvent.LateHitCame } == marks.size }
        val listed = beatcheck.lateHits().toList()
        assertEquals(report.lateHits.map { it.reference }.toSet(), listed.map { it.reference }.toSet())
        assertEquals(listed.map { it.auditSeq }.sortedDescending(), listed.map { it.auditSeq }, "newest first, over two pages")
        told.job.cancel()
    }

    @Test
    fun `a hold out of range is refused before anything is asked`() = real {
        val beatcheck = enrolled(sync = false)
        assertFailsWith<IllegalArgumentException> { beatcheck.sync(hold = 26.seconds) }
        assertNull((beatcheck.syncState.value as SyncState.Idle).last)
    }
}
