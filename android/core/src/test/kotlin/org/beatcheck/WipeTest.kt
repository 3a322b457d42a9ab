// The end of a device: erased by the officer, by the hub; and a new beginning.

package org.beatcheck

import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.support.HubTest
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class WipeTest : HubTest() {
    private val mark get() = VehicleQuery(vrm = hub.marks[0])

    @Test
    fun `an officer erases the device, its account survives, and it can be enrolled anew`() = real {
        val place = place()
        val beatcheck = enrolled(place)
        val told = Told(this, beatcheck)
        beatcheck.check(mark, stop)
        assertTrue(beatcheck.wipe().journalPending >= 2u)
        assertEquals(BeatcheckState.Wiped, beatcheck.state.value)
        told.events.eventually { BeatcheckEvent.Wiped in it }
        refused<BeatcheckException.NotEnrolled>("wiped") { beatcheck.check(mark, stop) }
        assertEquals(emptyList(), place.home.walk().filter { it.name.endsWith(".db") }.toList(), "no database is left")
        refused<BeatcheckException.Invalid>("enrol_code") { beatcheck.enrol(hub.enrolment()) }
        assertTrue(beatcheck.sendLastWords() >= 2)
        // Nothing is left to send.
        refused<BeatcheckException.NotEnrolled>("not_enrolled") { beatcheck.sendLastWords() }

        beatcheck.enrol(hub.enrolment())
        assertEquals(BeatcheckState.Ready, beatcheck.state.value)
        assertTrue(beatcheck.sync().complete)
        assertEquals(Outcome.HIT, beatcheck.check(mark, stop).outcome)
        told.events.eventually { it.last() is BeatcheckEvent.SyncFinished }
        told.job.cancel()
        assertTrue("\"unbroken\":true" in hub.hub("journal", "--verify"))
    }

    @Test
    fun `a device that was erased opens as erased`() = real {
        val place = place()
        enrolled(place).run {
            check(mark, stop)
            wipe()
            close()
        }
        val beatcheck = at(place)
        assertEquals(BeatcheckState.Wiped, beatcheck.open())
        refused<BeatcheckException.NotEnrolled>("wiped") { beatcheck.sync() }
        assertTrue(beatcheck.sendLastWords() > 0)
    }

    @Test
    fun `the hub's order erases the device with its next sync`() = real {
        val beatcheck = enrolled()
        val told = Told(this, beatcheck)
        val device = beatcheck.status().device
        hub.hub("wipe", "--device", device)
        assertEquals(Outcome.HIT, beatcheck.check(mark, stop).outcome, "it has not heard of it yet")
        val report = beatcheck.sync()
        assertTrue(report.wiped)
        assertFalse(report.complete)
        assertEquals(BeatcheckState.Wiped, beatcheck.state.value)
        told.events.eventually { BeatcheckEvent.Wiped in it }
        refused<BeatcheckException.NotEnrolled>("wiped") { beatcheck.check(mark, stop) }
        beatcheck.sendLastWords()
        assertTrue("\"state\":\"obeyed\"" in hub.hub("orders", "--device", device))
        told.job.cancel()
    }

    @Test
    fun `a watch ends by itself when the hub erases the device`() = real {
        val beatcheck = enrolled()
        hub.hub("wipe", "--device", beatcheck.status().device)
        beatcheck.watch()
        assertEquals(BeatcheckState.Wiped, beatcheck.state.value)
        assertTrue(beatcheck.sendLastWords() >= 0)
    }
}
