// A phone whose security updates are too old, before it is enrolled: what the officer sees first. No hub is needed for it.

package org.beatcheck.sample

import android.provider.Settings
import kotlinx.coroutines.runBlocking
import org.beatcheck.sample.ui.EnrolScreen
import org.beatcheck.sample.ui.PatchScreen
import org.junit.After
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowBuild
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

@RunWith(RobolectricTestRunner::class)
@Config(application = DeskApp::class)
internal class OldPhoneTest : OnScreen() {
    private val app = RuntimeEnvironment.getApplication() as DeskApp
    private val least = app.resources.getInteger(R.integer.least_patch)
    private lateinit var controller: ActivityController<PatrolActivity>
    override val activity: PatrolActivity get() = controller.get()

    private fun start(month: Int) {
        ShadowBuild.setVersionSecurityPatch("%04d-%02d-05".format(month / 100, month % 100))
        controller = Robolectric.buildActivity(PatrolActivity::class.java).setup()
    }

    @After
    fun end() {
        controller.pause().stop().destroy()
        app.beatcheck.stop()
        runBlocking { app.beatcheck.device.shutDown() }
    }

    @Test
    fun `it is told what to do, and is not enrolled`() {
        start(least - 100)
        val told = screen<PatchScreen>()
        look(told, "patch")
        assertTrue(texts(told.view).any { "administrator" in it })
        assertFalse(texts(told.view).any { it == app.getString(R.string.patch_go_on) })
        press("Open Settings")
        assertEquals(Settings.ACTION_SETTINGS, shadowOf(app).nextStartedActivity.action)
    }

    @Test
    fun `one that has the least that is wanted is asked for its enrolment`() {
        start(least)
        screen<EnrolScreen>()
    }
}
