// Rules that are a few lines each: kinds of network, time in the background, patch level, the wait for a finger.

package org.beatcheck.android

import org.beatcheck.ffi.Network
import org.junit.jupiter.api.Test
import java.math.BigInteger
import java.security.KeyPairGenerator
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECPoint
import java.time.Instant
import java.util.concurrent.CountDownLatch
import javax.crypto.Cipher
import kotlin.concurrent.thread
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

class SmallRulesTest {
    private val facts = LinkFacts(internet = true, unmetered = false, roaming = false)

    @Test
    fun `kinds of network`() {
        assertEquals(Network.METERED, facts.kind())
        assertEquals(Network.UNMETERED, facts.copy(unmetered = true).kind())
        assertEquals(Network.ROAMING, facts.copy(roaming = true, unmetered = true).kind(), "roaming is dear, whatever else is said")
        assertNull(facts.copy(internet = false).kind())
        assertNull(facts.copy(captivePortal = true).kind(), "a log-in page is no network")
        assertNull(facts.copy(suspended = true).kind())
    }

    @Test
    fun `a reconnect is told once, and again when the network becomes free`() {
        val told = mutableListOf<Network>()
        val source = object : LinkSource {
            var changed: (LinkFacts?) -> Unit = {}

            override fun start(changed: (LinkFacts?) -> Unit) {
                this.changed = changed
            }

            override fun stop() = Unit
        }
        val monitor = NetworkMonitor(source) { told += it }
        monitor.start()
        source.changed(facts)
        source.changed(facts)
        source.changed(facts.copy(unmetered = true))
        source.changed(facts)
        source.changed(null)
        source.changed(facts)
        assertEquals(listOf(Network.METERED, Network.UNMETERED, Network.METERED), told)
        assertEquals(Network.METERED, monitor.kind.value)
        monitor.stop()
        source.changed(facts.copy(unmetered = true))
        assertNull(monitor.kind.value, "nothing is heard after the end")
        assertEquals(3, told.size)
    }

    @Test
    fun `time in the background counts by a clock that goes on`() {
        var now = 0L
        val app = Foreground({ now }, BackgroundLock.BY_POLICY)
        assertTrue(app.started())
        assertFalse(app.stopped(turning = true), "turning the phone is not leaving")
        assertTrue(app.started())
        assertFalse(app.started(), "a second screen")
        assertFalse(app.stopped(turning = false))
        assertTrue(app.stopped(turning = false))
        assertFalse(app.isShown)
        now += 5 * 60_000 - 1
        app.started()
        assertFalse(app.lockWhenBack(5))
        app.stopped(turning = false)
        now += 5 * 60_000
        app.started()
        assertTrue(app.lockWhenBack(5))
        assertFalse(app.lockWhenBack(5), "once")
        assertTrue(Foreground({ now }, BackgroundLock.AT_ONCE).lockWhenHidden())
    }

    @Test
    fun `patch levels are compared by months`() {
        assertEquals(PatchLevel.Verdict.ENOUGH, PatchLevel.check(202510, "2025-10-05"))
        assertEquals(PatchLevel.Verdict.ENOUGH, PatchLevel.check(202510, "2025-11"))
        assertEquals(PatchLevel.Verdict.TOO_OLD, PatchLevel.check(202510, "2025-09-30"))
        for (word in listOf("", "2025", "2025-13-01", "soon")) {
            assertEquals(PatchLevel.Verdict.UNREADABLE, PatchLevel.check(202510, word), word)
        }
    }

    @Test
    fun `times of the core's are read, and what is no time is none`() {
        val now = Instant.parse("2026-01-01T00:00:00Z")
        assertEquals(60_000, AndroidBeatcheck.millisUntil("2026-01-01T00:01:00Z", now))
        assertEquals(-60_000, AndroidBeatcheck.millisUntil("2025-12-31T23:59:00Z", now))
        assertNull(AndroidBeatcheck.millisUntil("tomorrow", now))
        assertNull(AndroidBeatcheck.millisUntil(null, now))
    }

    @Test
    fun `a public key is always 65 bytes`() {
        val generator = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }
        repeat(200) {
            val key = generator.generateKeyPair().public as ECPublicKey
            val point = Points.uncompressed(key)!!
            assertEquals(65 to 4.toByte(), point.size to point[0])
            assertEquals(key.w, ECPoint(BigInteger(1, point.copyOfRange(1, 33)), BigInteger(1, point.copyOfRange(33, 65))))
        }
        assertNull(Points.uncompressed(KeyPairGenerator.getInstance("RSA").generateKeyPair().public))
    }

    private val cipher: Cipher = Cipher.getInstance("AES/GCM/NoPadding")

    private class TestPrompt(val main: Boolean = false, val shown: (answer: (Boolean) -> Unit) -> Unit) : Prompt {
        var dismissed = 0

        override fun onMainThread(): Boolean = main

        override fun show(cipher: Cipher, answer: (Boolean) -> Unit): () -> Unit {
            shown(answer)
            return { dismissed++ }
        }
    }

    @Test
    fun `a finger is waited for, and not for ever`() {
        assertTrue(PromptPresence(TestPrompt { answer -> thread { answer(true) } }).confirm(cipher))
        assertFalse(PromptPresence(TestPrompt { it(false) }).confirm(cipher))
        val nobody = TestPrompt { }
        assertFalse(PromptPresence(nobody, patienceMs = 1).confirm(cipher))
        assertEquals(1, nobody.dismissed)
        assertFalse(PromptPresence(TestPrompt(main = true) { it(true) }).confirm(cipher), "the main thread would wait for itself")
        assertFalse(Presence.None.confirm(cipher))
    }

    @Test
    fun `there is one dialog at a time`() {
        val (up, end) = CountDownLatch(1) to CountDownLatch(1)
        val presence = PromptPresence(
            TestPrompt { answer ->
                up.countDown()
                end.await()
                answer(true)
            },
        )
        var first = false
        val asking = thread { first = presence.confirm(cipher) }
        up.await()
        assertFalse(presence.confirm(cipher))
        end.countDown()
        asking.join()
        assertTrue(first)
    }

    @Test
    fun `an interrupted wait is a no, and stays interrupted`() {
        var answer: Boolean? = null
        var interrupted = false
        thread {
            Thread.currentThread().interrupt()
            answer = PromptPresence(TestPrompt { }).confirm(cipher)
            interrupted = Thread.currentThread().isInterrupted
        }.join()
        assertEquals(false to true, answer to interrupted)
    }
}
