// Enrolling, opening, unlocking, locking.

package org.beatcheck

import org.beatcheck.ffi.KeyVaultImpl
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.ffi.deskVault
import org.beatcheck.support.HubTest
import org.junit.jupiter.api.Test
import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue

class EnrolAndUnlockTest : HubTest() {
    private val mark get() = VehicleQuery(vrm = hub.marks.first())

    @Test
    fun `the ten lines of the first use`() = real {
        val vault = deskVault(File(hub.dir, "first-vault").path)
        Beatcheck(File(hub.dir, "first"), vault, "1.0").use { beatcheck ->
            if (beatcheck.open() == BeatcheckState.NotEnrolled) beatcheck.enrol(hub.enrolment(pin = "482915"))
            if (beatcheck.state.value == BeatcheckState.Locked) beatcheck.unlock("482915")
            assertTrue(beatcheck.sync().complete)
            assertEquals(Outcome.HIT, beatcheck.check(mark, stop).outcome)
        }
        (vault as KeyVaultImpl).close()
    }

    @Test
    fun `an empty directory is not enrolled, and every call says so`() = real {
        val beatcheck = at(place())
        assertEquals(BeatcheckState.Unopened, beatcheck.state.value)
        assertEquals(BeatcheckState.NotEnrolled, beatcheck.open())
        assertEquals(BeatcheckState.NotEnrolled, beatcheck.state.value)
        val e = refused<BeatcheckException.NotEnrolled>("not_enrolled") { beatcheck.check(mark, stop) }
        assertTrue("Enrol" in e.officerText && e.logText.startsWith("not_enrolled: "))
        refused<BeatcheckException.NotEnrolled>("not_enrolled") { beatcheck.sync() }
        refused<BeatcheckException.NotEnrolled>("not_enrolled") { beatcheck.status() }
    }

    @Test
    fun `a device enrols once`() = real {
        val place = place()
        val beatcheck = enrolled(place, sync = false)
        assertEquals(BeatcheckState.Ready, beatcheck.state.value)
        assertTrue(place.vault.calls.get() > 0)
        refused<BeatcheckException.Invalid>("already_enrolled") { beatcheck.enrol(hub.enrolment()) }
        assertEquals(Outcome.CANNOT_SAY, beatcheck.check(mark, stop).outcome, "nothing was synced yet")
        assertEquals(BeatcheckState.Ready, beatcheck.state.value)
    }

    @Test
    fun `a code with a typing error, a code that was used, and a hub that is not there`() = real {
        val beatcheck = at(place())
        val good = hub.enrolment()
        refused<BeatcheckException.Invalid>("enrol_code") { beatcheck.enrol(Enrolment(good.hub, "not-a-code", good.caPem)) }
        refused<BeatcheckException.Hub>("hub_unreachable") { beatcheck.enrol(Enrolment("https://127.0.0.1:1", good.code, good.caPem)) }
        beatcheck.enrol(good)
        val e = refused<BeatcheckException.Hub>("hub_refused") { at(place()).enrol(good) }
        assertTrue("code" in e.officerText)
    }

    @Test
    fun `a PIN opens what it locks, and a wrong one does not`() = real {
        val place = place()
        val told = enrolled(place, pin = "482915").run {
            val told = HubTest.Told(this@real, this)
            assertEquals(BeatcheckState.Ready, state.value)
            lock()
            assertEquals(BeatcheckState.Locked, state.value)
            val locked = check(mark, stop)
            assertEquals(Outcome.CANNOT_SAY to "locked", locked.outcome to locked.error?.code)
            val e = refused<BeatcheckException.Locked>("pin") { unlock("000000") }
            assertEquals("The PIN is missing or wrong.", e.officerText)
            assertEquals(BeatcheckState.Locked, state.value)
            unlock("482915")
            assertEquals(BeatcheckState.Ready, state.value)
            assertEquals(Outcome.HIT, check(mark, stop).outcome)
            setPin("482915", "739164")
            close()
            told
        }
        told.job.join()
        assertEquals(listOf(BeatcheckEvent.Locked, BeatcheckEvent.Unlocked), told.events)

        val again = at(place)
        assertEquals(BeatcheckState.Locked, again.open())
        refused<BeatcheckException.Locked>("pin") { again.unlock("482915") }
        again.unlock("739164")
        assertEquals(Outcome.HIT, again.check(mark, stop).outcome)
    }

    @Test
    fun `too many wrong PINs cost a wait, and then the device, where policy says so`() = real {
        val beatcheck = enrolled(pin = "482915")
        hub.policy(attempts(free = 5, wipe = null), attempts(free = 1, wipe = null))
        beatcheck.sync()
        beatcheck.lock()
        refused<BeatcheckException.Locked>("pin") { beatcheck.unlock("000000") }
        val e = refused<BeatcheckException.Locked>("pin_wait") { beatcheck.unlock("482915") } // The right one waits, too.
        assertTrue("seconds" in e.officerText)
        assertEquals(1u, beatcheck.status().unlock.wrongPins)

        val other = enrolled(pin = "482915")
        hub.policy(attempts(free = 1, wipe = null), attempts(free = 5, wipe = 2))
        other.sync()
        other.lock()
        refused<BeatcheckException.Locked>("pin") { other.unlock("000000") }
        refused<BeatcheckException.NotEnrolled>("wiped") { other.unlock("000001") }
        assertEquals(BeatcheckState.Wiped, other.state.value)
        hub.policy(attempts(free = 5, wipe = 2), attempts(free = 5, wipe = null))
    }

    private fun attempts(free: Int, wipe: Int?) = "\"free_attempts\":$free,\"backoff_s\":30,\"wipe_after_attempts\":$wipe"

    @Test
    fun `biometrics stand for the PIN once they are set up`() = real {
        val beatcheck = enrolled(pin = "482915")
        beatcheck.lock()
        assertIs<BeatcheckException>(runCatching { beatcheck.unlockWithBiometric() }.exceptionOrNull())
        assertEquals(BeatcheckState.Locked, beatcheck.state.value)
        beatcheck.unlock("482915")
        beatcheck.setBiometric(true)
        beatcheck.lock()
        beatcheck.unlockWithBiometric()
        assertEquals(BeatcheckState.Ready, beatcheck.state.value)
    }

    @Test
    fun `the screen locks itself when policy's idle time is over`() = real {
        // A minute is policy's shortest; the timer looks more often here, so what is waited for is the core's own word.
        val beatcheck = enrolled(pin = "482915", options = BeatcheckOptions(tickEvery = kotlin.time.Duration.parse("50ms")))
        beatcheck.unlock("482915")
        beatcheck.engine.deviceIfOpen()!!.lock() // Behind the facade's back: only the timer can notice.
        while (beatcheck.state.value != BeatcheckState.Locked) kotlinx.coroutines.delay(5)
    }
}
