// The app as an officer uses it, under Robolectric (the framework's own code, API 35) with the real native library, a real encrypted store and
// a real hub on loopback: enrol, unlock, sync, check. Only the key vault is a desk's. Each screen is looked at and drawn to a picture.
// All records are synthetic. What only a phone shows (the Keystore, TalkBack itself, its font and its speed) is not shown here.

package org.beatcheck.sample

import android.app.Application
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Rect
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.view.WindowManager
import android.widget.EditText
import android.widget.ScrollView
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
import org.beatcheck.sample.ui.PersonScreen
import org.beatcheck.sample.ui.Screen
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
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
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
class AppTest {
    private val hub = TestHub(persons = 2_000, vehicles = 2_000)
    private val app = RuntimeEnvironment.getApplication() as DeskApp
    private lateinit var controller: ActivityController<PatrolActivity>
    private val activity get() = controller.get()

    @Before
    fun start() {
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
        look(data, "sync")

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
    }

    // -- what every screen must be

    private fun look(screen: Screen, picture: String? = null) {
        idle()
        assertTrue(activity.window.attributes.flags and WindowManager.LayoutParams.FLAG_SECURE != 0, "no screenshots")
        assertTrue(!screen.view.accessibilityPaneTitle.isNullOrBlank(), "TalkBack says which screen it is")
        val density = activity.resources.displayMetrics.density
        val touched = views(screen.view).filter { it.isClickable && it.isShown }
        assertTrue(touched.isNotEmpty())
        for (view in touched) {
            val name = view.contentDescription ?: (view as? EditText)?.hint
            assertTrue(!name.isNullOrBlank(), "a label for $view")
            assertTrue(view.width >= 48 * density && view.height >= 48 * density, "$name is ${view.width / density} x ${view.height / density} dp")
            val seen = Rect()
            val whole = view.getGlobalVisibleRect(seen) && seen.width() == view.width && seen.height() == view.height
            assertTrue(whole || scrolls(view), "$name is not on the screen")
        }
        picture?.let(::draw)
    }

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

    private fun draw(name: String) {
        val view = activity.window.decorView
        val picture = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
        view.draw(Canvas(picture))
        val small = Bitmap.createScaledBitmap(picture, view.width / 2, view.height / 2, true)
        val file = File(System.getProperty("beatcheck.pictures"), "$name.png").apply { parentFile?.mkdirs() }
        file.outputStream().use { small.compress(Bitmap.CompressFormat.PNG, 100, it) }
        val colours = HashSet<Int>()
        for (x in 0 until small.width step 3) for (y in 0 until small.height step 3) colours += small.getPixel(x, y)
        assertTrue(colours.size > 10, "something was drawn")
        assertEquals(android.graphics.Color.BLACK, small.getPixel(1, small.height / 2), "dark")
    }

    // -- hands and eyes

    private fun idle() = shadowOf(Looper.getMainLooper()).idle()

    private fun await(what: String, seen: () -> Boolean) {
        // Ends long before: a bound against hanging for ever, not a measurement.
        repeat(6_000) {
            idle()
            if (seen()) return
            Thread.sleep(10)
        }
        error("$what did not come; on the screen: ${texts(activity.screen.view)}")
    }

    private inline fun <reified S : Screen> screen(): S {
        await("a ${S::class.simpleName}") { activity.screen is S }
        return activity.screen as S
    }

    private fun scrolls(view: View): Boolean = generateSequence(view.parent) { it.parent }.any { it is ScrollView }

    private fun views(root: View): List<View> =
        listOf(root) + if (root is ViewGroup) (0 until root.childCount).flatMap { views(root.getChildAt(it)) } else emptyList()

    private fun texts(root: View): List<String> = views(root).filterIsInstance<TextView>().map { it.text.toString() }.filter { it.isNotEmpty() }

    private fun fields(root: View): List<EditText> = views(root).filterIsInstance<EditText>()

    private fun press(label: String) {
        idle()
        val button = views(activity.screen.view).firstOrNull { it.isClickable && it.contentDescription?.toString() == label }
        assertTrue(assertNotNull(button, "a button $label").performClick())
        idle()
    }

    private fun type(plate: String) = plate.filter(Char::isLetterOrDigit).forEach { press("$it") }

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
        const val PIN = "482913"
    }
}
