// What device management hands over, and what it hears back; pushes.

package org.beatcheck

import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.Severity
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.support.HubTest
import org.beatcheck.support.TestHub
import org.junit.jupiter.api.Test
import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

class ManagementTest : HubTest() {
    private val mark get() = VehicleQuery(vrm = hub.marks[0])

    @Test
    fun `a configuration is read before there is a device`() {
        val json = """{"hub_url": "https://hub.example:8443", "asset": "PHONE-7", "vendor_key": 1}"""
        val settings = Beatcheck.readManagedConfiguration(json)
        assertEquals("https://hub.example:8443" to "PHONE-7", settings.hubUrl to settings.asset)
        val e = assertFailsWith<BeatcheckException.Invalid> { Beatcheck.readManagedConfiguration("""{"hub_url": 7}""") }
        assertEquals("managed", e.code)
        assertTrue("hub_url" in e.logText)
    }

    @Test
    fun `a log-in before an enrolment has the code's nonce`() {
        val code = hub.enrolment().code
        val nonce = Beatcheck.enrolmentNonce(code)
        assertTrue("\"nonce\":\"$nonce\"" in TestHub.command("device", "login-nonce", "--code", code))
        val e = assertFailsWith<BeatcheckException.Invalid> { Beatcheck.enrolmentNonce(code.dropLast(1)) }
        assertEquals("enrol_code", e.code)
    }

    @Test
    fun `a configuration is applied as a whole or not at all`() = real {
        val beatcheck = enrolled()
        val applied = beatcheck.applyManagedConfiguration("""{"lease_ceiling_hours": 2, "vendor_key": "x"}""")
        assertEquals(listOf("lease_ceiling_hours") to listOf("vendor_key"), applied.changed to applied.ignored)
        val ends = beatcheck.status().leaseEnds
        refused<BeatcheckException.Invalid>("managed") {
            beatcheck.applyManagedConfiguration("""{"lease_ceiling_hours": 1, "hub_url": "http://plain.example"}""")
        }
        assertEquals(ends, beatcheck.status().leaseEnds)
        assertEquals(emptyList(), beatcheck.applyManagedConfiguration("""{"lease_ceiling_hours": 2}""").changed)
    }

    @Test
    fun `a policy that was handed over is in force at once, and an older one is refused`() = real {
        val beatcheck = enrolled()
        val (older, newer) = File(hub.dir, "older.bin") to File(hub.dir, "newer.bin")
        hub.hub("policy", "show", "--out", older.path)
        val version = hub.policy("\"max_results\":20", "\"max_results\":7")
        hub.hub("policy", "show", "--out", newer.path)
        val taken = beatcheck.takePolicy(newer.readBytes())
        assertEquals(version.toULong() to true, taken.policyVersion to taken.changed)
        assertEquals(version.toULong(), beatcheck.status().policyVersion)
        val e = refused<BeatcheckException.Invalid>("policy_refused") { beatcheck.takePolicy(older.readBytes()) }
        assertTrue("device management" in e.officerText)
        refused<BeatcheckException.Invalid>("policy_refused") { beatcheck.takePolicy(byteArrayOf(1, 2, 3)) }
        hub.policy("\"max_results\":7", "\"max_results\":20")
    }

    @Test
    fun `states for device management hold no personal data`() = real {
        val place = place()
        val beatcheck = at(place)
        beatcheck.enrol(hub.enrolment("officer-keyed"))
        beatcheck.sync()
        beatcheck.check(mark, stop)
        val states = beatcheck.keyedStates().associateBy { it.key }
        assertEquals("enrolled", states.getValue("enrolment").data)
        assertTrue(states.values.all { it.severity == Severity.INFO }, "$states")
        val all = states.values.joinToString { it.message + it.data }
        assertTrue("officer-keyed" !in all && hub.marks[0] !in all)
    }

    @Test
    fun `a push says when to sync, whatever it carries`() = real {
        val beatcheck = enrolled()
        for (payload in listOf(ByteArray(0), "{}".toByteArray(), ByteArray(4096) { it.toByte() })) {
            assertTrue(beatcheck.handlePush(payload) >= Duration.ZERO)
        }
    }

    @Test
    fun `rows are read again in idle time`() = real {
        val beatcheck = enrolled()
        while (!beatcheck.scrub(50.milliseconds)) Unit
        assertTrue(beatcheck.status().compartments.none { it.suspect })
        assertEquals(Outcome.HIT, beatcheck.check(mark, stop).outcome)
    }

    @Test
    fun `a shift, where policy wants one`() = real {
        val beatcheck = enrolled(pin = "482915")
        hub.policy("\"shift_key\":false", "\"shift_key\":true")
        try {
            beatcheck.sync()
            assertEquals("shift_needed", beatcheck.check(mark, stop).error?.code)
            assertEquals("shift_needed", beatcheck.status().unlock.barred) // The PIN is in: it is not the lock that is in the way.
            assertTrue(beatcheck.startShift().shift.isNotBlank())
            assertEquals(BeatcheckState.Ready, beatcheck.state.value)
            beatcheck.sync()
            assertEquals(Outcome.HIT, beatcheck.check(mark, stop).outcome)
            beatcheck.endShift()
            assertEquals(BeatcheckState.Locked, beatcheck.state.value, "the end of a shift locks, where there is a PIN")
            assertEquals("locked", beatcheck.check(mark, stop).error?.code)
        } finally {
            hub.policy("\"shift_key\":true", "\"shift_key\":false")
        }
    }

    @Test
    fun `what is not possible says why`() = real {
        val beatcheck = enrolled()
        refused<BeatcheckException.Invalid>("break_glass") { beatcheck.breakGlass("no signal for days") }
        assertFailsWith<BeatcheckException> { beatcheck.setRelay("not an address") }
        beatcheck.setRelay("https://127.0.0.1:1")
        assertTrue(beatcheck.sync().complete, "a relay that is not there holds nothing up")
        beatcheck.setRelay(null)
    }
}
