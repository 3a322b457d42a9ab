// What the screens show, without a screen. All names and plates are made up.

package org.beatcheck.sample

import java.time.Duration
import java.time.Instant
import kotlinx.coroutines.flow.emptyFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.runBlocking
import org.beatcheck.BeatcheckEvent
import org.beatcheck.BeatcheckException
import org.beatcheck.SyncState
import org.beatcheck.android.PatchLevel
import org.beatcheck.ffi.Answer
import org.beatcheck.ffi.AnswerError
import org.beatcheck.ffi.Coverage
import org.beatcheck.ffi.CoverageState
import org.beatcheck.ffi.Detail
import org.beatcheck.ffi.Disclosure
import org.beatcheck.ffi.Grade
import org.beatcheck.ffi.Hit
import org.beatcheck.ffi.LateHit
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.RecordKind
import org.beatcheck.ffi.ShownMarker
import org.beatcheck.ffi.UnlockStatus
import org.beatcheck.ffi.WarningsState
import org.beatcheck.sample.model.AnswerModel
import org.beatcheck.sample.model.BiometricModel
import org.beatcheck.sample.model.LateHitsModel
import org.beatcheck.sample.model.Line
import org.beatcheck.sample.model.PatchModel
import org.beatcheck.sample.model.PersonForm
import org.beatcheck.sample.model.PinPad
import org.beatcheck.sample.model.PlatePad
import org.beatcheck.sample.model.SyncModel
import org.beatcheck.sample.model.Tone
import org.beatcheck.sample.model.age
import org.beatcheck.sample.ui.Why
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

class ModelTest {
    private val now = Instant.parse("2026-03-01T12:00:00Z")

    private fun source(name: String, state: CoverageState, asOf: String? = "2026-03-01T10:00:00Z") =
        Coverage(name, name, state, null, asOf, 1u, 1u, 0u, null)

    private fun answer(
        outcome: Outcome,
        hits: List<Hit> = emptyList(),
        coverage: List<Coverage> = listOf(source("vehicles", CoverageState.CURRENT)),
        warnings: WarningsState = WarningsState.LOADED,
        error: AnswerError? = null,
        total: ULong = hits.size.toULong(),
    ) = Answer(
        RecordKind.VEHICLE, outcome, "REF-1", warnings, "Confirm with control", "", emptyList(), hits, total, coverage, "what is spoken",
        "2026-03-01T12:00:00Z", 1u, 1u, 1u, error,
    )

    private val hit = Hit(
        "V1", 1u, "V1", RecordKind.VEHICLE, Outcome.HIT, Grade.CERTAIN, 1.0, emptyList(),
        listOf(
            ShownMarker("F", "Firearms", "Call for support", Disclosure.SPEAKABLE, null),
            ShownMarker("O", "Observe", "Do not stop", Disclosure.SILENT, null),
        ),
        emptyList(), "vehicles", "vehicles", "2026-03-01T10:00:00Z", "XX00 XXX", "XX00 XXX", listOf(Detail("Colour", "Blue")),
    )

    @Test
    fun `danger stands in its own place, and what is silent in another`() {
        val model = AnswerModel.of(answer(Outcome.HIT, listOf(hit)), now)
        val card = model.cards.single()
        assertEquals(listOf("Firearms. Call for support"), card.dangers.map { it.text })
        assertEquals(listOf("Observe. Do not stop"), card.silent.map { it.text })
        assertEquals("HIT" to Tone.DANGER, model.title to model.tone)
        assertEquals("what is spoken", model.spoken)
        assertFalse(card.lines.any { "Observe" in it.text } || "Observe" in model.confirm)
    }

    @Test
    fun `no trace is never called clear, and never calm where something was not searched`() {
        assertEquals("NO TRACE" to Tone.CALM, AnswerModel.of(answer(Outcome.NO_TRACE), now).run { title to tone })
        for (state in CoverageState.entries - CoverageState.CURRENT) {
            val model = AnswerModel.of(answer(Outcome.NO_TRACE, coverage = listOf(source("vehicles", CoverageState.CURRENT), source("persons", state))), now)
            assertEquals(Tone.CAUTION, model.tone, "$state")
            assertTrue("persons" in model.freshness.text && model.freshness.tone == Tone.CAUTION, "$state")
        }
        assertFalse(Outcome.entries.any { "CLEAR" in AnswerModel.of(answer(it), now).title })
    }

    @Test
    fun `freshness is the oldest, and there without any data too`() {
        val two = listOf(source("a", CoverageState.CURRENT, "2026-03-01T11:00:00Z"), source("b", CoverageState.CURRENT, "2026-02-28T11:00:00Z"))
        assertEquals("Data as of 1 day ago", AnswerModel.of(answer(Outcome.NO_TRACE, coverage = two), now).freshness.text)
        val none = AnswerModel.of(answer(Outcome.CANNOT_SAY, coverage = emptyList()), now).freshness
        assertEquals("No data was searched" to Tone.CAUTION, none.text to none.tone)
        assertEquals("just now", age(Duration.ofSeconds(-300)), "a clock that went back")
    }

    @Test
    fun `warnings that are not loaded are said, and so is what is cut off`() {
        val model = AnswerModel.of(answer(Outcome.POSSIBLE, listOf(hit), warnings = WarningsState.NOT_LOADED, total = 5u), now)
        assertTrue(model.alerts.any { "not loaded" in it.text })
        assertEquals("4 more agree", model.more)
        val refused = AnswerModel.of(answer(Outcome.CANNOT_SAY, error = AnswerError("lease_ended", "The lease has ended.")), now)
        assertTrue(refused.alerts.any { it.text == "The lease has ended." })
    }

    @Test
    fun `the plate pad takes what stands on it`() {
        val pad = PlatePad(most = 4)
        "ab C1!2345".forEach(pad::type)
        assertEquals("C123", pad.plate)
        assertEquals("C 1 2 3", pad.spoken)
        pad.delete()
        assertEquals("C12", pad.plate)
        pad.clear()
        assertFalse(pad.canCheck)
        for (width in 320..800) assertTrue(width / PlatePad.columns(width) >= PlatePad.LEAST_DP, "$width dp")
    }

    @Test
    fun `a PIN is handed over once and never shown`() {
        val pad = PinPad()
        "12a34".forEach(pad::type)
        assertEquals("●●●●", pad.dots)
        assertEquals("1234", pad.take())
        assertEquals(0 to "", pad.length to pad.take())
        pad.delete()
    }

    @Test
    fun `a person is asked for by name, with an age or a date`() {
        assertNull(PersonForm(given = "Test").query())
        assertEquals("34" to null, PersonForm("Sample", "Test", " 34 ").query()!!.run { age to dob })
        assertEquals(null to "1990-12-31", PersonForm("Sample", "", "1990-12-31").query()!!.run { age to dob })
        assertNull(PersonForm("Sample", " ").query()!!.given)
    }

    @Test
    fun `updates that are too old, and what to do about them`() {
        fun model(actual: String, enrolled: Boolean = true) = PatchModel.of(PatchLevel.check(202506, actual), 202506, actual, enrolled)
        assertNull(model("2025-06-01"))
        val old = checkNotNull(model("2025-05-05"))
        assertTrue("2025-05;" in old.lines[0].text && "2025-06 or later" in old.lines[0].text, old.lines[0].text)
        assertTrue("Settings" in old.lines[1].text && "administrator" in old.lines[2].text)
        assertTrue(old.goOn)
        val unread = checkNotNull(model("soon", enrolled = false))
        assertFalse(unread.goOn || "soon" in unread.lines[0].text)
    }

    @Test
    fun `purposes are policy's, in turn`() {
        val why = Why(listOf("a", "b"), "b")
        assertEquals("b", why.purpose)
        why.next()
        assertEquals("a", why.purpose)
        assertEquals("a", Why(listOf("a"), "not allowed").purpose)
    }

    @Test
    fun `a sync shows how far it is, and how it ended`() {
        fun model(state: SyncState) = SyncModel.of(state, null, now)
        assertEquals(25 to true, model(SyncState.Fetching(25, 100, 1)).run { percent to running })
        assertNull(model(SyncState.Fetching(25, 0, 1)).percent)
        assertEquals(100, model(SyncState.Applying("x", 300, 100)).percent)
        assertFalse(model(SyncState.Idle()).running)
        assertEquals(Tone.CAUTION, model(SyncState.Idle(BeatcheckEvent.SyncFinished(false, "hub_unreachable"))).headline.tone)
        assertEquals(Tone.CALM, model(SyncState.Idle(BeatcheckEvent.SyncFinished(true, null))).headline.tone)
    }

    @Test
    fun `answers that changed are listed a page at a time, newest first`() = runBlocking {
        var fetched = 0
        val all = flow {
            for (n in 25 downTo 1) {
                fetched++
                emit(LateHit("R$n", "2026-03-01T09:00:00Z", "2026-03-01T10:00:00Z", if (n == 25) "withdrawn" else "appeared", "text $n", n.toULong()))
            }
        }
        val first = LateHitsModel.read(all, pages = 1, now)
        assertEquals(LateHitsModel.PAGE to true, first.lines.size to first.more)
        assertEquals(Line("Asked 3 h ago. text 25", Tone.CALM), first.lines.first())
        assertEquals(Line("Asked 3 h ago. text 24", Tone.CAUTION), first.lines[1])
        assertEquals(LateHitsModel.PAGE + 1, fetched, "no more is fetched than is shown")
        assertEquals(25 to false, LateHitsModel.read(all, pages = 3, now).run { lines.size to more })
        val whole = LateHitsModel.read(all.take(LateHitsModel.PAGE), pages = 1, now)
        assertEquals(LateHitsModel.PAGE to false, whole.lines.size to whole.more)
        assertEquals(LateHitsModel(emptyList(), more = false), LateHitsModel.read(emptyFlow(), pages = 1, now))
    }

    @Test
    fun `finger or face can be switched on where a PIN is set and policy allows it, and a refusal says why`() {
        fun unlock(pin: Boolean, biometric: Boolean, allowed: Boolean = true) =
            UnlockStatus(true, null, pin, true, biometric, allowed, 0u, 0u, 5u, null)
        fun refused(code: String): BeatcheckException = BeatcheckException.Storage::class.java
            .getDeclaredConstructor(String::class.java, String::class.java, String::class.java).newInstance(code, "the core's words", "log")
        assertFalse(BiometricModel.of(null).shown)
        assertFalse(BiometricModel.of(unlock(pin = false, biometric = false)).shown)
        assertFalse(BiometricModel.of(unlock(pin = true, biometric = false, allowed = false)).shown)
        assertEquals(BiometricModel(shown = true, on = true, note = null), BiometricModel.of(unlock(pin = true, biometric = true)))
        val off = unlock(pin = true, biometric = false)
        assertEquals("the core's words", BiometricModel.of(off, refused("disk")).note?.text)
        assertFalse(BiometricModel.of(off, refused("vault")).on)
        assertNull(BiometricModel.of(unlock(pin = true, biometric = true), refused("vault")).note)
    }
}
