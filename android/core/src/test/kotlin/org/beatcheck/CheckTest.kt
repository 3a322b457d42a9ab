// Checks: offline, many at once, beside a sync, page by page.

package org.beatcheck

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.PersonQuery
import org.beatcheck.ffi.RecordKind
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.ffi.WarningsState
import org.beatcheck.ffi.Why
import org.beatcheck.support.HubTest
import org.junit.jupiter.api.Test
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CyclicBarrier
import kotlin.concurrent.thread
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import kotlinx.coroutines.runBlocking
import kotlin.time.Duration.Companion.seconds

class CheckTest : HubTest(persons = 2_000, vehicles = 4_000) {
    @Test
    fun `answers without the hub, with all that an officer needs`() = real {
        val beatcheck = enrolled()
        hub.kill()
        try {
            val vehicle = beatcheck.check(VehicleQuery(vrm = hub.marks[3].lowercase()), stop)
            assertEquals(Outcome.HIT, vehicle.outcome)
            assertTrue(vehicle.confirm.isNotBlank() && vehicle.reference in vehicle.spokenText && vehicle.auditSeq > 0u)
            assertTrue(vehicle.hits.first().run { source.isNotBlank() && asOf != null })
            val row = hub.persons.first { it.getValue("dob").length == 10 }
            val person = beatcheck.check(PersonQuery(surname = row["surname"], given = row["given"], dob = row["dob"]), Why("stop_search"))
            assertEquals(Outcome.POSSIBLE, person.outcome, "a name and a date of birth are never a hit")
            assertEquals(WarningsState.LOADED, person.warningsState)
            val linked = beatcheck.checkLinked(RecordKind.PERSON, person.hits.first().id, Why("stop_search"))
            assertEquals(person.hits.first().id, linked.hits.first().id, "the record itself stands first")
            val none = beatcheck.check(VehicleQuery(vrm = "ZZ99ZZZ"), stop)
            assertEquals(Outcome.NO_TRACE, none.outcome)
            assertContains(none.text, "not 'clear'")
            assertTrue(none.sourcesNotSearched.isEmpty() && none.staleSources.isEmpty() && !none.isCut)
            val refused = beatcheck.check(VehicleQuery(vrm = "ZZ99ZZZ"), Why("curiosity"))
            assertEquals(Outcome.CANNOT_SAY to "purpose_not_allowed", refused.outcome to refused.error?.code)
            val report = beatcheck.sync()
            assertEquals("hub_unreachable", report.fault?.code)
            assertTrue(beatcheck.status().journal.pending >= 5u)
        } finally {
            hub.restart()
        }
        assertEquals(0uL, beatcheck.sync().journalPending)
        assertTrue("\"unbroken\":true" in hub.hub("journal", "--verify"))
    }

    @Test
    fun `silent markers are apart, and not in the text`() = real {
        val beatcheck = enrolled()
        val silent = hub.vehicles.filter { "|silent|" in it.getValue("markers") && it.getValue("vrm").isNotBlank() }
        assertTrue(silent.isNotEmpty(), "the list has some")
        var seen = 0
        for (row in silent.take(10)) {
            val answer = beatcheck.check(VehicleQuery(vrm = row["vrm"]), stop)
            for (marker in answer.hits.flatMap { it.silentMarkers }) {
                seen++
                assertFalse(marker.text in answer.spokenText)
            }
            for (hit in answer.hits) assertEquals(hit.markers.toSet(), (hit.speakableMarkers + hit.silentMarkers).toSet())
        }
        assertTrue(seen > 0)
    }

    @Test
    fun `a long list comes page by page, each once and on record`() = real {
        val beatcheck = enrolled()
        val query = VehicleQuery(vrm = hub.marks.groupingBy { it.take(2) }.eachCount().maxBy { it.value }.key + "*")
        val first = beatcheck.check(query, stop)
        assertTrue(first.isCut, "${first.total} marks begin so")
        val pages = beatcheck.pages(query, stop).toList()
        assertEquals(first.total.toInt(), pages.sumOf { it.hits.size })
        assertEquals(first.total.toInt(), pages.flatMap { it.hits }.map { it.id }.toSet().size)
        assertEquals(pages.size, pages.map { it.auditSeq }.toSet().size)
        val before = beatcheck.status().journal.lastSeq
        assertEquals(2, beatcheck.pages(query, stop).take(2).toList().size)
        assertEquals(before + 2u, beatcheck.status().journal.lastSeq, "what is not collected is not asked")
        assertEquals(1, beatcheck.pages(query, Why("curiosity")).toList().size, "a refusal is the end")
        val person = beatcheck.pages(PersonQuery(surname = hub.persons[0].getValue("surname")), Why("stop_search")).toList()
        assertEquals(person.first().total.toInt(), person.sumOf { it.hits.size })
    }

    @Test
    fun `checks are answered while a sync stands still`() = real {
        val beatcheck = enrolled()
        val told = Told(this, beatcheck)
        hub.freeze()
        try {
            val sync = async { beatcheck.sync() }
            told.events.eventually { BeatcheckEvent.Connecting in it }
            val answers = hub.marks.take(200).map { async { beatcheck.check(VehicleQuery(vrm = it), stop) } }.awaitAll()
            assertTrue(answers.all { it.outcome == Outcome.HIT })
            assertFalse(sync.isCompleted, "the sync still waits for the hub")
        } finally {
            hub.thaw()
        }
        told.job.cancel()
    }

    @Test
    fun `sixteen threads check while syncs run`() = real {
        val beatcheck = enrolled()
        val marks = hub.marks.take(400)
        val (threads, each) = 16 to 120
        val faults = ConcurrentHashMap.newKeySet<String>()
        val references = ConcurrentHashMap.newKeySet<String>()
        val start = CyclicBarrier(threads + 1)
        val done = CompletableDeferred<Unit>()
        val running = (0 until threads).map { n ->
            thread {
                start.await()
                repeat(each) { i ->
                    val mark = marks[(n * each + i) % marks.size]
                    // A thread of the app's own, which knows nothing of coroutines.
                    val answer = runBlocking { beatcheck.check(VehicleQuery(vrm = mark), stop) }
                    if (answer.outcome != Outcome.HIT || answer.hits.none { it.vrm == mark.filter(Char::isLetterOrDigit) }) {
                        faults += "$mark: ${answer.outcome} ${answer.error?.code}"
                    }
                    references += answer.reference + "/" + answer.auditSeq
                }
            }
        }
        var applied = 0
        val syncing = launch {
            do {
                // Another model for every vehicle: each is written anew under the readers.
                val round = ++applied
                hub.ingest("vehicles") { lines ->
                    lines.take(1) + lines.drop(1).map { it.replace(Regex("(?<=,)[a-z]+(?=,[0-9]{4},)"), "type$round") }
                }
                hub.hub("publish")
                val report = beatcheck.sync()
                check(report.complete && report.compartments.isNotEmpty()) { "$report" }
            } while (!done.isCompleted)
        }
        start.await()
        running.forEach { it.join() }
        done.complete(Unit)
        syncing.join()
        assertEquals(emptySet<String>(), faults)
        assertEquals(threads * each, references.size, "each check has a place of its own in the account")
        beatcheck.sync()
        assertTrue("\"unbroken\":true" in hub.hub("journal", "--verify"))
        assertTrue(applied > 0)
    }

    @Test
    fun `a check whose caller was cancelled is on record all the same`() = real {
        val beatcheck = enrolled()
        val before = beatcheck.status().journal.lastSeq
        val jobs = hub.marks.take(50).map { launch { beatcheck.check(VehicleQuery(vrm = it), stop) } }
        jobs.forEach { it.cancel() }
        jobs.forEach { it.join() }
        val begun = beatcheck.status().journal.lastSeq - before
        assertTrue(begun <= 50u)
        assertEquals(Outcome.HIT, beatcheck.check(VehicleQuery(vrm = hub.marks[0]), stop).outcome)
        assertEquals(0uL, beatcheck.sync(hold = 0.seconds).journalPending)
    }
}
