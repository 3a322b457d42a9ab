// A key vault of the app's that fails, in every way that one can.

package org.beatcheck

import org.beatcheck.ffi.KeyUse
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.VaultException
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.support.HubTest
import org.junit.jupiter.api.Test
import java.io.ByteArrayOutputStream
import java.io.PrintStream
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class VaultTest : HubTest() {
    private val mark get() = VehicleQuery(vrm = hub.marks[0])
    private val secret = "Q7-not-for-any-log"

    @Test
    fun `what the vault throws stays inside`() = real {
        val place = place()
        enrolled(place).close()
        val kinds = listOf<() -> Throwable>(
            { IllegalStateException(secret) }, { java.io.IOException(secret) }, { NoClassDefFoundError(secret) }, { AssertionError(secret) },
            { StackOverflowError() },
        )
        for (kind in kinds) {
            val heard = CopyOnWriteArrayList<Throwable>()
            val beatcheck = at(place, BeatcheckOptions(onVaultFailure = { heard += it; error(secret) }))
            place.vault.throws = kind
            val printed = printed {
                val e = refused<BeatcheckException.Storage>("vault") { beatcheck.open() }
                assertEquals(BeatcheckState.Unopened, beatcheck.state.value)
                assertFalse(secret in e.stackTraceToString() + e.officerText + e.logText)
                assertTrue("key store" in e.officerText)
            }
            assertFalse(secret in printed, printed)
            assertTrue(heard.isNotEmpty() && heard.all { it.javaClass == kind().javaClass })
            place.vault.throws = null
            assertEquals(BeatcheckState.Ready, beatcheck.open(), "it recovers with the vault")
            assertEquals(Outcome.HIT, beatcheck.check(mark, stop).outcome)
            beatcheck.close()
        }
    }

    @Test
    fun `a vault that fails amid the work fails that work, and no more`() = real {
        val place = place()
        val beatcheck = enrolled(place, pin = "482915")
        place.vault.throws = { IllegalArgumentException(secret) }
        beatcheck.lock()
        val e = refused<BeatcheckException.Storage>("vault") { beatcheck.unlock("482915") }
        assertFalse(secret in e.stackTraceToString())
        place.vault.throws = null
        beatcheck.unlock("482915")
        assertEquals(Outcome.HIT, beatcheck.check(mark, stop).outcome)
    }

    @Test
    fun `a vault that is locked asks for an unlock`() = real {
        val place = place()
        enrolled(place).close()
        val beatcheck = at(place)
        place.vault.throws = { VaultException.Locked() }
        refused<BeatcheckException.Locked>("vault") { beatcheck.open() }
        place.vault.throws = null
        assertEquals(BeatcheckState.Ready, beatcheck.open())
    }

    @Test
    fun `enrolment with a vault that fails keeps nothing, and can be tried again`() = real {
        val place = place()
        val beatcheck = at(place)
        val enrolment = hub.enrolment()
        place.vault.throws = { IllegalStateException(secret) }
        refused<BeatcheckException.Storage>("vault") { beatcheck.enrol(enrolment) }
        assertEquals(BeatcheckState.NotEnrolled, beatcheck.open())
        place.vault.throws = null
        beatcheck.enrol(enrolment)
        assertTrue(beatcheck.sync().complete)
    }

    @Test
    fun `a device whose hardware key is gone is recovered, and its account handed in`() = real {
        val place = place()
        val beatcheck = enrolled(place).run {
            check(mark, stop)
            refused<BeatcheckException.Invalid>("already_enrolled") { enrol(hub.enrolment("officer-lost")) }
            refused<BeatcheckException.Storage>("not_lost") { recover() }
            close()
            place.vault.lost = { it.startsWith("wrap") }
            at(place)
        }
        refused<BeatcheckException.Storage>("vault") { beatcheck.open() }
        val recovered = beatcheck.recover()
        assertTrue(recovered.keptBytes > 0u)
        assertEquals(BeatcheckState.NotEnrolled, beatcheck.state.value)
        place.vault.lost = { false }
        assertEquals(BeatcheckState.NotEnrolled, beatcheck.open())
    }

    @Test
    fun `the guard hands on every call, and every word of the vault's own`() {
        val place = place()
        val guarded = GuardedVault.over(place.vault) {}
        assertEquals("desk", guarded.kind())
        assertEquals(65, guarded.create("s", KeyUse.SIGN).size)
        assertTrue(guarded.publicKey("s").contentEquals(place.vault.publicKey("s")))
        assertTrue(guarded.sign("s", byteArrayOf(1)).isNotEmpty())
        guarded.create("w", KeyUse.WRAP)
        assertEquals(listOf<Byte>(1, 2), guarded.unwrap("w", guarded.wrap("w", byteArrayOf(1, 2))).toList())
        guarded.create("m", KeyUse.MIX)
        assertTrue(guarded.mix("m", ByteArray(32)).contentEquals(place.vault.mix("m", ByteArray(32))))
        assertTrue(guarded.counter("c") < guarded.counter("c"))
        guarded.attest("s", byteArrayOf(3))
        assertFailsWith<VaultException.NotOurs> { guarded.unwrap("w", byteArrayOf(1)) }
        val wrapped = guarded.wrap("w", byteArrayOf(1))
        guarded.destroy("w")
        assertFailsWith<VaultException> { guarded.unwrap("w", wrapped) }
        assertFailsWith<VaultException.NoSuchKey> { guarded.publicKey("none") }
        place.vault.throws = { VaultException.Unsupported() }
        assertFailsWith<VaultException.Unsupported> { guarded.mix("m", ByteArray(32)) }
        place.vault.throws = { InterruptedException() }
        assertFailsWith<VaultException.Failed> { guarded.sign("s", byteArrayOf(1)) }
        assertTrue(Thread.interrupted(), "that this thread was interrupted is not forgotten")
    }

    /** What the JVM prints meanwhile. */
    private suspend fun printed(work: suspend () -> Unit): String {
        val (out, err) = System.out to System.err
        val caught = ByteArrayOutputStream()
        PrintStream(caught).use {
            System.setOut(it)
            System.setErr(it)
            try {
                work()
            } finally {
                System.setOut(out)
                System.setErr(err)
            }
        }
        return caught.toString()
    }
}
