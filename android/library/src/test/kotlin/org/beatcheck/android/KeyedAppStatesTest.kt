// Keyed app states on their way to a receiver, over the framework's own Messenger (Robolectric, API 35). That an MDM takes them is not shown.

package org.beatcheck.android

import android.app.Application
import android.app.admin.DevicePolicyManager
import android.os.Looper
import org.beatcheck.android.support.ManagementStandIn
import org.beatcheck.ffi.KeyedState
import org.beatcheck.ffi.Severity
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import kotlin.test.assertEquals
import kotlin.test.assertTrue

@RunWith(RobolectricTestRunner::class)
@Config(application = Application::class)
class KeyedAppStatesTest {
    private val app = RuntimeEnvironment.getApplication()
    private val reporter = KeyedAppStatesReporter(app)
    private val lease = KeyedState("lease", Severity.INFO, "ends tomorrow", "24")
    private val fault = KeyedState("store", Severity.ERROR, "a row is damaged", "1")

    private fun report(vararg states: KeyedState) {
        reporter.report(states.toList())
        idle()
    }

    private fun idle() = shadowOf(Looper.getMainLooper()).idle()

    @Test
    fun `the Play Store's receiver hears them, a stranger's does not`() {
        val store = ManagementStandIn(app, KeyedAppStates.PLAY_STORE)
        val stranger = ManagementStandIn(app, "org.stranger")
        report(lease, fault)
        val heard = store.heard.single()
        assertEquals(2, heard.what, "with an error: at once")
        assertEquals(
            listOf(listOf("lease", 1, "ends tomorrow", "24"), listOf("store", 2, "a row is damaged", "1")),
            heard.states.map {
                listOf(
                    it.getString(KeyedAppStates.KEY), it.getInt(KeyedAppStates.SEVERITY),
                    it.getString(KeyedAppStates.MESSAGE), it.getString(KeyedAppStates.DATA),
                )
            },
        )
        report(lease)
        assertEquals(listOf(2, 1), store.heard.map { it.what })
        assertEquals(1, shadowOf(app).boundServiceConnections.size, "one connection for both")
        assertTrue(stranger.heard.isEmpty())
    }

    @Test
    fun `the device's owner hears them`() {
        val owner = ManagementStandIn(app, "org.owner")
        val policy = shadowOf(checkNotNull(app.getSystemService(DevicePolicyManager::class.java)))
        report(lease)
        assertTrue(owner.heard.isEmpty(), "not the owner yet")
        policy.setActiveAdmin(owner.name)
        report(lease)
        assertTrue(owner.heard.isEmpty(), "an administrator is not an owner")
        policy.setDeviceOwner(owner.name)
        report(lease)
        assertEquals(listOf("lease"), owner.heard.single().states.map { it.getString(KeyedAppStates.KEY) })
    }

    @Test
    fun `after the end nobody is connected`() {
        ManagementStandIn(app, KeyedAppStates.PLAY_STORE)
        report(lease)
        assertEquals(1, shadowOf(app).boundServiceConnections.size)
        reporter.close()
        idle()
        assertEquals(0, shadowOf(app).boundServiceConnections.size)
    }
}
