// The app as an officer uses it, under Robolectric (the framework's own code, API 35) with the real native library, a real encrypted store and
// a real hub on loopback: enrol, unlock, sync, check. Only the key vault is a desk's. Each screen is looked at and drawn to a picture.
// All records are synthetic. What only a phone shows (the Keystore, TalkBack itself, its font and its speed) is not shown here.

package org.beatcheck.sample

import android.app.Application
import android.view.View
import android.widget.Switch
import android.widget.TextView
import java.io.File
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import org.beatcheck.Beatcheck
import org.beatcheck.android.AndroidBeatcheck
import org.beatcheck.android.BeatcheckHost
import org.beatcheck.android.DeviceHome
import org.beatcheck.sample.ui.AnswerScreen
import org.beatcheck.sample.ui.EnrolScreen
import org.beatcheck.sample.ui.PatchScreen
import org.beatcheck.sample.ui.PersonScreen
import org.beatcheck.sample.ui.SyncScreen
import org.beatcheck.sample.ui.UnlockScreen
import org.beatcheck.sample.ui.VehicleScreen
import org.beatcheck.support.TestHub
import org.beatcheck.support.TestVault
import org.junit.After
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowBuild
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** The app, with a desk's vault: there is no Keystore here. */
class DeskApp : Application(), BeatcheckHost {
    override lateinit var beatcheck: AndroidBeatcheck

    override fun onCreate() {
        super.onCreate()
        val home = DeviceHome.of(this)
        beatcheck = AndroidBeatcheck.of(this, Beatcheck(home, TestVault(File(home.path + "-vault")), PatrolApp.VERSION))
        beatcheck.start()
    }
}

@RunWith(RobolectricTestRunner::class)
@Config(application = DeskApp::class)
internal class AppTest : OnScreen() {
    private val hub = TestHub(persons = 2_000, vehicles = 2_000)
    private val app = RuntimeEnvironment.getApplication() as DeskApp
    private lateinit var controller: ActivityController<PatrolActivity>
    override val activity get() = controller.get()

    @Before
    fun start() {
        ShadowBuild.setVersionSecurityPatch("2099-01-05")
        controller = Robolectric.buildActivity(PatrolActivity::class.java).setup()
    }

    @After
    fun end() {
        controller.pause().stop().destroy()
        app.beatcheck.stop()
        runBlocking { app.beatcheck.device.shutDown() }
        hub.close()
    }

    @Test
    fun `an officer enrols, unlocks, syncs and checks`() {
        val enrol = screen<EnrolScreen>()
        val given = hub.enrolment(pin = PIN)
        fields(enrol.view).zip(listOf(given.hub, given.caPem, given.code, PIN)).forEach { (field, text) -> field.setText(text) }
        press("Enrol")
        look(screen<VehicleScreen>())

        press("Data")
        screen<SyncScreen>()
        runBlocking { synced() }
        press("Vehicle")
        screen<VehicleScreen>()
        press("Data")
        val data = screen<SyncScreen>()
        await("the sources") { texts(data.view).any { "just now" in it || "ago" in it } }
        look(data)

        press("Lock")
        val unlock = screen<UnlockScreen>()
        "0000".forEach { press("$it") }
        press("Unlock")
        await("a refusal") { texts(unlock.view).any { "PIN" in it } }
        PIN.forEach { press("$it") }
        look(unlock, "unlock")
        assertFalse(texts(unlock.view).any { PIN in it }, "the PIN is nowhere on the screen")
        press("Unlock")

        val vehicle = screen<VehicleScreen>()
        val marked = hub.vehicles.first { it.getValue("markers").contains("|speakable|") || it.getValue("markers").isNotBlank() }
        type(marked.getValue("vrm"))
        look(vehicle, "vehicle")
        press("Check")
        val hit = screen<AnswerScreen>()
        assertTrue(texts(hit.view).any { it == "HIT" || it == "POSSIBLE" })
        look(hit, "answer-hit")
        fresh(hit)

        press("New check")
        screen<VehicleScreen>()
        type("ZZ99ZZZ")
        press("Check")
        val none = screen<AnswerScreen>()
        assertEquals("NO TRACE", texts(none.view).first())
        look(none, "answer-no-trace")
        fresh(none)

        press("New check")
        screen<VehicleScreen>()
        press("Person")
        val person = screen<PersonScreen>()
        val row = hub.persons.first { "silent" in it.getValue("markers") && it.getValue("dob").length == 10 }
        fields(person.view).zip(listOf("surname", "given", "dob")).forEach { (field, column) -> field.setText(row.getValue(column)) }
        look(person)
        press("Check")
        val possible = screen<AnswerScreen>()
        look(possible, "answer-person")
        fresh(possible)
        silent(possible)

        nothingIsSaved()
        press("New check")
        screen<VehicleScreen>()
        lateHit()
        finger()
        oldPhone()
    }

    /** The vehicle of which there was no trace comes on the list: the data screen says that the answer has changed. */
    private fun lateHit() {
        press("Data")
        val data = screen<SyncScreen>()
        await("a list without any") { app.getString(R.string.late_none) in texts(data.view) }
        hub.ingest("vehicles") { lines -> lines + lines.last().replace(Regex("^[^,]*,[^,]*"), "V888880,ZZ99ZZZ") }
        hub.hub("publish")
        await("the changed answer") {
            runBlocking { runCatching { app.beatcheck.device.sync() } }
            texts(data.view).any { "has appeared" in it }
        }
        look(data, "sync")
    }

    /** Switched on, it unlocks; where policy has it no longer, the switch says so and goes back. */
    private fun finger() {
        val data = screen<SyncScreen>()
        fun isOn() = views(data.view).filterIsInstance<Switch>().single().run { isShown && isChecked }
        assertFalse(isOn())
        press(SWITCH)
        await("the switch") { runBlocking { app.beatcheck.device.status().unlock.biometric } && isOn() }
        press("Lock")
        screen<UnlockScreen>()
        press("Finger or face")
        screen<VehicleScreen>()

        hub.policy("\"biometric_allowed\":true", "\"biometric_allowed\":false")
        await("the policy") {
            runBlocking {
                runCatching { app.beatcheck.device.sync() }
                !app.beatcheck.device.status().unlock.biometric
            }
        }
        press("Data")
        val refused = screen<SyncScreen>()
        await("no switch any more") { views(refused.view).filterIsInstance<Switch>().single().visibility == View.GONE }
        look(refused)
    }

    /** The updates of a phone that is enrolled have become too old: it is said, and the officer may go on. */
    private fun oldPhone() {
        controller.pause().stop().destroy()
        ShadowBuild.setVersionSecurityPatch("2025-01-05")
        controller = Robolectric.buildActivity(PatrolActivity::class.java).setup()
        look(screen<PatchScreen>())
        press("Go on for now")
        screen<VehicleScreen>()
    }

    // -- what an answer must be

    /** On the screen, and not inside of what scrolls. */
    private fun fresh(answer: AnswerScreen) {
        assertTrue(answer.freshness.isShown && answer.freshness.height > 0)
        assertTrue((answer.freshness as TextView).text.startsWith("Data as of"))
        assertTrue(answer.freshness.parent === answer.view)
    }

    /** Seen, and passed over by a screen reader. */
    private fun silent(answer: AnswerScreen) {
        val box = views(answer.view).first { it.tag == AnswerScreen.SILENT }
        assertTrue(box.isShown)
        assertEquals(View.IMPORTANT_FOR_ACCESSIBILITY_NO_HIDE_DESCENDANTS, box.importantForAccessibility)
        val hidden = texts(box).drop(1).filter { it.length > 3 }
        assertTrue(hidden.isNotEmpty())
        val heard = views(answer.view).mapNotNull { it.contentDescription?.toString() }
        for (text in hidden) assertFalse(heard.any { text in it }, "a silent marker would be spoken")
    }

    private fun nothingIsSaved() {
        val saved = android.os.Bundle()
        controller.saveInstanceState(saved)
        assertTrue(saved.isEmpty)
        assertEquals(null, activity.getSystemService(android.content.ClipboardManager::class.java)?.primaryClip)
    }

    /** The app may be in contact by itself already: then it is that which brings the lists, and a sync of ours is refused meanwhile. */
    private suspend fun synced() {
        val device = app.beatcheck.device
        repeat(3_000) {
            val held = device.status().compartments
            if (held.size >= 2 && held.all { it.asOf != null }) return
            runCatching { device.sync() }
            delay(20)
        }
        error("no lists came")
    }

    private companion object {
        const val SWITCH = "Unlock by finger or face"
        const val PIN = "482913"
    }
}
