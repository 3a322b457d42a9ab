// The classes that talk to Android, against the framework's own code (API 35, Robolectric) and the library's own linked resources.

package org.beatcheck.android

import android.app.Activity
import android.app.Notification
import android.app.NotificationManager
import android.app.job.JobInfo
import android.app.job.JobScheduler
import android.content.ComponentName
import android.content.Context
import android.content.Intent
import android.content.RestrictionsManager
import android.net.NetworkCapabilities
import android.os.Bundle
import android.os.Looper
import android.os.PersistableBundle
import android.text.InputType
import android.view.View
import android.view.WindowManager
import android.view.inputmethod.EditorInfo
import android.widget.EditText
import org.beatcheck.ffi.KeyedState
import org.beatcheck.ffi.Severity
import org.json.JSONObject
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

@RunWith(RobolectricTestRunner::class)
class PlatformTest {
    private val app = RuntimeEnvironment.getApplication()

    // -- device management

    @Test
    fun `management's configuration becomes the core's JSON, whatever types it has`() {
        val inner = Bundle().apply { putString("name", "a \"quoted\" name") }
        val restrictions = Bundle().apply {
            putString("hub_url", "https://hub.test")
            putInt("lease_ceiling_hours", 12)
            putBoolean("flag", true)
            putStringArray("list", arrayOf("a", "b"))
            putParcelableArray("bundles", arrayOf(inner))
            putBundle("bundle", inner)
            putFloat("float", 1f)
        }
        val json = JSONObject(ManagedConfiguration.json(restrictions))
        assertEquals("https://hub.test", json.getString("hub_url"))
        assertEquals(12, json.getInt("lease_ceiling_hours"))
        assertTrue(json.getBoolean("flag"))
        assertEquals("b", json.getJSONArray("list").getString(1))
        assertEquals("a \"quoted\" name", json.getJSONArray("bundles").getJSONObject(0).getString("name"))
        assertEquals("a \"quoted\" name", json.getJSONObject("bundle").getString("name"))
        assertFalse(json.has("float"), "Android's restrictions have no such type")
        assertEquals("{}", ManagedConfiguration.json(Bundle.EMPTY))
    }

    @Test
    fun `it is read from the system, and a change is heard`() {
        val system = shadowOf(checkNotNull(app.getSystemService(RestrictionsManager::class.java)))
        system.setApplicationRestrictions(Bundle().apply { putString("asset", "phone 7") })
        assertEquals("""{"asset":"phone 7"}""", ManagedConfiguration.read(app))
        var heard = 0
        ManagedConfigurationReceiver { heard++ }.register(app)
        app.sendBroadcast(Intent(Intent.ACTION_APPLICATION_RESTRICTIONS_CHANGED))
        shadowOf(Looper.getMainLooper()).idle()
        assertEquals(1, heard)
        ManagedConfigurationReceiver { heard++ }.onReceive(app, Intent("another"))
        assertEquals(1, heard)
    }

    @Test
    fun `keyed states have the protocol's keys and lengths`() {
        val states = listOf(
            KeyedState("lease", Severity.INFO, "m".repeat(2_000), "d"),
            KeyedState("k".repeat(101), Severity.INFO, "", ""),
        )
        val sent = KeyedAppStates.bundle(states).getParcelableArrayList("androidx.enterprise.feedback.APP_STATES", Bundle::class.java)!!
        assertEquals(1, sent.size, "a key that is too long would end the message at its receiver")
        assertEquals("lease" to 1, sent[0].run { getString(KeyedAppStates.KEY) to getInt(KeyedAppStates.SEVERITY) })
        assertEquals(1_000, sent[0].getString(KeyedAppStates.MESSAGE)?.length)
        assertEquals(1, KeyedAppStates.message(states).what)
        assertEquals(2, KeyedAppStates.message(listOf(KeyedState("k", Severity.ERROR, "", ""))).what)
    }

    @Test
    fun `states go to nobody whom the system does not vouch for`() {
        KeyedAppStatesReporter(app).run {
            report(listOf(KeyedState("k", Severity.INFO, "", "")))
            close()
        }
        shadowOf(Looper.getMainLooper()).idle()
        assertEquals(0, shadowOf(app).boundServiceConnections.size)
    }

    // -- background work

    private val service = ComponentName("org.beatcheck.android", BeatcheckSyncService::class.java.name)
    private fun planner(api: Int = 35) = JobPlanner(app, firstId = 100, api = api, uptimeMs = { 1_000_000 })
    private val urgent = Plan(Work.URGENT, 0, Needs.ANY_NETWORK, expedited = true)

    @Test
    fun `the platform takes every plan that the rules make`() {
        for (needs in Needs.entries) for (delay in listOf(0L, 1L, SyncPlan.MOST_MS)) for (battery in listOf(false, true)) for (work in Work.entries) {
            val job = planner().job(Plan(work, delay, needs, batteryNotLow = battery), service)
            assertEquals(100 + work.offset, job.id)
            assertEquals(battery, job.isRequireBatteryNotLow)
            assertEquals(delay, job.minLatencyMillis)
            assertEquals(work != Work.LOCK, job.isPersisted)
            assertEquals(SyncPlan.BACKOFF_MS to JobInfo.BACKOFF_POLICY_EXPONENTIAL, job.initialBackoffMillis to job.backoffPolicy)
        }
        val free = planner().job(Plan(Work.DEFERRED, 0, Needs.UNMETERED_NETWORK), service).requiredNetwork
        assertTrue(checkNotNull(free).hasCapability(NetworkCapabilities.NET_CAPABILITY_NOT_METERED))
    }

    @Test
    fun `haste is asked for where the platform has it`() {
        assertTrue(planner().job(urgent, service).isExpedited)
        assertFalse(planner(api = 30).job(urgent, service).isExpedited)
        assertEquals(JobInfo.PRIORITY_HIGH, planner().job(urgent.copy(expedited = false), service).priority)
    }

    @Test
    fun `a plan comes back out of the job that it was made into`() {
        val plan = Plan(Work.REGULAR, 60_000, Needs.ANY_NETWORK, failures = 3)
        planner().schedule(plan)
        assertEquals(plan to 60_000L, planner().pending(Work.REGULAR))
        assertNull(planner().pending(Work.URGENT))
        val restarted = JobPlanner(app, 100, 35, uptimeMs = { 5 })
        assertEquals(0, restarted.pending(Work.REGULAR)?.second, "a time from before the restart means nothing")
        planner().cancel(Work.REGULAR)
        assertEquals(0, checkNotNull(app.getSystemService(JobScheduler::class.java)).allPendingJobs.size)
        assertNull(JobPlanner.plan(PersistableBundle()), "another version's job")
    }

    // -- screens

    private class Screen : Activity() {
        lateinit var field: EditText

        override fun onCreate(state: Bundle?) {
            super.onCreate(state)
            field = PrivateEditText(this).apply {
                id = 1
                inputType = InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_AUTO_CORRECT
            }
            setContentView(field)
        }

        override fun onSaveInstanceState(out: Bundle) {
            super.onSaveInstanceState(out)
            out.putString("asked", "AB12 CDE")
        }
    }

    @Test
    fun `every activity is protected, and nothing of it is saved`() {
        var hidden = 0
        var back = 0
        val foreground = Foreground({ 0 }, BackgroundLock.BY_POLICY)
        app.registerActivityLifecycleCallbacks(Activities(foreground, guard = true, { hidden++ }, { back++ }))
        val controller = Robolectric.buildActivity(Screen::class.java).setup()
        val window = controller.get().window
        assertTrue(window.attributes.flags and WindowManager.LayoutParams.FLAG_SECURE != 0)
        assertEquals(View.IMPORTANT_FOR_AUTOFILL_NO_EXCLUDE_DESCENDANTS, window.decorView.importantForAutofill)
        assertEquals(View.IMPORTANT_FOR_CONTENT_CAPTURE_NO_EXCLUDE_DESCENDANTS, window.decorView.importantForContentCapture)
        assertTrue(window.decorView.filterTouchesWhenObscured && window.decorView.isAccessibilityDataSensitive)
        assertEquals(0 to 1, hidden to back)
        val saved = Bundle()
        controller.saveInstanceState(saved)
        assertTrue(saved.isEmpty, "saved: ${saved.keySet()}")
        controller.pause().stop()
        assertEquals(1, hidden)
        assertFalse(foreground.isShown)
    }

    @Test
    fun `a private field learns nothing, gives nothing and takes nothing from the clipboard`() {
        val field = Robolectric.buildActivity(Screen::class.java).setup().get().field
        assertTrue(field.imeOptions and EditorInfo.IME_FLAG_NO_PERSONALIZED_LEARNING != 0)
        assertTrue(field.inputType and InputType.TYPE_TEXT_FLAG_NO_SUGGESTIONS != 0)
        assertEquals(0, field.inputType and InputType.TYPE_TEXT_FLAG_AUTO_CORRECT)
        assertFalse(field.isSaveEnabled || field.isLongClickable || field.isTextSelectable)
        val clipboard = checkNotNull(app.getSystemService(android.content.ClipboardManager::class.java))
        clipboard.setPrimaryClip(android.content.ClipData.newPlainText("", "pasted"))
        for (action in listOf(android.R.id.copy, android.R.id.cut, android.R.id.paste, android.R.id.pasteAsPlainText)) {
            field.setText("kept")
            field.setSelection(0, 4)
            field.onTextContextMenuItem(action)
            assertEquals("kept", field.text.toString(), "action $action")
            assertEquals("pasted", clipboard.primaryClip?.getItemAt(0)?.text.toString())
        }
        assertEquals(0, PrivateInput.silent(InputType.TYPE_CLASS_NUMBER) and InputType.TYPE_TEXT_FLAG_NO_SUGGESTIONS)
    }

    // -- notices

    @Test
    fun `notices say what the resources say, on any lock screen, and carry nothing`() {
        val manager = checkNotNull(app.getSystemService(NotificationManager::class.java))
        val notices = Notices(app)
        for (notice in Notice.entries) {
            notices.show(notice)
            notices.show(notice)
        }
        assertEquals(Notice.entries.size, manager.activeNotifications.size)
        for (shown in manager.activeNotifications.map { it.notification }) {
            assertEquals(Notification.VISIBILITY_PRIVATE, shown.visibility)
            assertTrue(shown.flags and Notification.FLAG_LOCAL_ONLY != 0)
            assertFalse(shown.extras.getCharSequence(Notification.EXTRA_TITLE).isNullOrBlank())
            assertFalse(shown.extras.getCharSequence(Notification.EXTRA_TEXT).isNullOrBlank())
            assertNotNull(manager.getNotificationChannel(shown.channelId))
        }
        notices.clear(Notice.LEASE)
        assertEquals(Notice.entries.size - 1, manager.activeNotifications.size)
    }

    @Test
    fun `a text that is missing is a defect of the build, and is said`() {
        assertEquals("Use PIN", Texts(app)["beatcheck_presence_use_pin"])
        assertFailsWith<IllegalStateException> { Texts(app)["beatcheck_nowhere"] }
    }

    // -- files

    @Test
    fun `the device's home is out of every backup`() {
        assertTrue(DeviceHome.of(app).startsWith(app.noBackupFilesDir))
    }
}
