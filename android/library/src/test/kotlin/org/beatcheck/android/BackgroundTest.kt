// What the system calls while no screen is up: the sync job, a push, management's receiver; and the notices that follow. Under Robolectric (the
// framework's own code, API 35), with the native library, a real encrypted store and a real hub on loopback; only the vault is a desk's. When
// the system would call is not shown here: these tests do it themselves. All records are synthetic.

package org.beatcheck.android

import android.app.Activity
import android.app.Application
import android.app.NotificationManager
import android.app.job.JobParameters
import android.content.ComponentName
import android.content.Intent
import android.content.RestrictionsManager
import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import android.os.Bundle
import android.os.Looper
import android.os.PersistableBundle
import java.io.File
import kotlinx.coroutines.Job
import kotlinx.coroutines.runBlocking
import org.beatcheck.Beatcheck
import org.beatcheck.BeatcheckException
import org.beatcheck.SyncState
import org.beatcheck.android.support.ManagementStandIn
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.ffi.Why
import org.beatcheck.keyedStates
import org.beatcheck.support.TestHub
import org.beatcheck.support.TestVault
import org.junit.After
import org.junit.AfterClass
import org.junit.BeforeClass
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowNetwork
import org.robolectric.shadows.ShadowNetworkCapabilities
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

/** An app as the README has it, with a desk's vault. */
class HostApp : Application(), BeatcheckHost {
    override lateinit var beatcheck: AndroidBeatcheck

    override fun onCreate() {
        super.onCreate()
        val home = DeviceHome.of(this)
        beatcheck = AndroidBeatcheck.of(this, Beatcheck(home, TestVault(File(home.path + "-vault")), "1.0"))
        beatcheck.start()
    }
}

private fun parameters(extras: PersistableBundle) =
    JobParameters(null, null, 7, extras, null, null, 0, false, false, false, null, null, null)

@RunWith(RobolectricTestRunner::class)
@Config(application = HostApp::class)
class BackgroundTest {
    private val app = RuntimeEnvironment.getApplication() as HostApp
    private val device = app.beatcheck.device
    private val planner = JobPlanner(app, AndroidOptions().firstJobId)
    private val manager = checkNotNull(app.getSystemService(NotificationManager::class.java))
    private val controller = Robolectric.buildService(BeatcheckSyncService::class.java).create()
    private val service = controller.get()

    @After
    fun end() {
        controller.destroy()
        app.beatcheck.stop()
        runBlocking { device.shutDown() }
    }

    // -- the job

    @Test
    fun `a job syncs, tells the platform that it ended, and asks for the next one`() {
        enrol()
        network()
        assertTrue(service.onStartJob(job()), "it goes on after the call")
        finished()
        assertFalse(shadowOf(service).isRescheduleNeeded, "what comes next was asked for: not twice")
        val held = runBlocking { device.status() }.compartments
        assertTrue(held.isNotEmpty() && held.all { it.asOf != null }, "$held")
        assertEquals(0, planner.pending(Work.REGULAR)?.first?.failures)
        assertFalse(service.onStopJob(job()), "one that has ended is not to be run again")
    }

    @Test
    fun `a job that is stopped breaks its sync off, and is left to the platform`() {
        enrol()
        network()
        hub.freeze()
        try {
            assertTrue(service.onStartJob(job()))
            await("a sync that waits for its hub") { device.syncState.value !is SyncState.Idle }
            assertTrue(service.onStopJob(job()), "to be run again")
            assertFalse(service.onStopJob(job()))
            brokenOff()
        } finally {
            hub.thaw()
        }
        assertFalse(shadowOf(service).isJobFinished, "the platform knows already")
        assertTrue(service.onStartJob(job()))
        finished()
    }

    @Test
    fun `a service that the system ends leaves nothing running`() {
        enrol()
        network()
        hub.freeze()
        try {
            assertTrue(service.onStartJob(job()))
            await("a sync that waits for its hub") { device.syncState.value !is SyncState.Idle }
            service.onDestroy()
            brokenOff()
        } finally {
            hub.thaw()
        }
    }

    @Test
    fun `a job of another version of the app is not run`() {
        assertFalse(service.onStartJob(parameters(PersistableBundle())))
    }

    // -- a push

    @Test
    fun `a push asks for a sync when the core says, whatever it carries`() {
        enrol()
        val seconds = checkNotNull(runBlocking { BeatcheckPush.handle(app, "not signed by anybody".toByteArray()) })
        assertEquals(seconds * 1_000, planner.pending(Work.URGENT)?.first?.delayMs)
    }

    @Test
    fun `a push to a phone that is not enrolled is refused, and asks for nothing`() {
        assertFailsWith<BeatcheckException.NotEnrolled> { runBlocking { BeatcheckPush.handle(app, ByteArray(0)) } }
        assertNull(planner.pending(Work.URGENT))
    }

    // -- notices

    @Test
    fun `a lease that is about to end is told, until the app is on the screen`() {
        enrol()
        runBlocking { device.sync() }
        network()
        runBlocking { app.beatcheck.work.standing() }
        assertFalse(isShown(Notice.LEASE), "three days are left")

        val system = shadowOf(checkNotNull(app.getSystemService(RestrictionsManager::class.java)))
        system.setApplicationRestrictions(Bundle().apply { putInt("lease_ceiling_hours", 1) })
        app.sendBroadcast(Intent(Intent.ACTION_APPLICATION_RESTRICTIONS_CHANGED))
        await("management's shorter lease") {
            SyncPlan.leaseNear(AndroidBeatcheck.millisUntil(runBlocking { device.status() }.leaseEnds))
        }
        // The network goes and comes back.
        callbacks { it.onLost(ShadowNetwork.newInstance(1)) }
        network()
        await("the notice") { isShown(Notice.LEASE) }

        val screen = Robolectric.buildActivity(Activity::class.java).setup()
        await("the notice's end") { !isShown(Notice.LEASE) }
        screen.pause().stop().destroy()
    }

    @Test
    fun `an answer that changed is told by a job, and names nobody`() {
        enrol()
        network()
        runBlocking {
            device.sync()
            assertEquals(Outcome.NO_TRACE, device.check(VehicleQuery(vrm = MARK), Why("traffic_stop")).outcome)
        }
        hub.ingest("vehicles") { lines -> lines + lines.last().replace(Regex("^[^,]*,[^,]*"), "V777770,$MARK") }
        hub.hub("publish")
        assertFalse(isShown(Notice.LATE_HIT))
        assertTrue(service.onStartJob(job()))
        finished()
        await("the notice") { isShown(Notice.LATE_HIT) }
        val said = manager.activeNotifications.single { it.id == Notice.LATE_HIT.ordinal }.notification.extras
        assertFalse(said.keySet().any { key -> "QX" in "${said.getCharSequence(key)}" })
    }

    @Test
    fun `on the screen it is the app that tells it`() {
        val store = ManagementStandIn(app, KeyedAppStates.PLAY_STORE)
        enrol()
        network()
        val screen = Robolectric.buildActivity(Activity::class.java).setup()
        runBlocking {
            device.sync()
            assertEquals(Outcome.NO_TRACE, device.check(VehicleQuery(vrm = OTHER), Why("traffic_stop")).outcome)
        }
        hub.ingest("vehicles") { lines -> lines + lines.last().replace(Regex("^[^,]*,[^,]*"), "V777780,$OTHER") }
        hub.hub("publish")
        await("the states after the first sync") { store.heard.size == 1 }
        assertEquals(1, runBlocking { device.sync() }.lateHits.size)
        // Told after the late hit, by the same collector: whoever heard this has heard that.
        await("the states after the second") { store.heard.size == 2 }
        assertFalse(isShown(Notice.LATE_HIT))
        screen.pause().stop().destroy()
    }

    @Test
    fun `a wipe is told, and only the last words are asked for any more`() {
        enrol()
        runBlocking { app.beatcheck.runner.started(app.beatcheck.work) }
        assertNotNull(planner.pending(Work.REGULAR))
        runBlocking { device.wipe() }
        await("the notice and the plan") { isShown(Notice.WIPED) && planner.pending(Work.LAST_WORDS) != null }
        assertNull(planner.pending(Work.REGULAR))
        network()
        assertTrue(service.onStartJob(job(Work.LAST_WORDS)))
        finished()
        assertNull(planner.pending(Work.LAST_WORDS), "they are sent")
    }

    // -- device management

    @Test
    fun `management hears the states after a job's sync`() {
        val store = ManagementStandIn(app, KeyedAppStates.PLAY_STORE)
        enrol()
        network()
        assertTrue(service.onStartJob(job()))
        finished()
        await("the states") { store.heard.isNotEmpty() }
        val keys = store.heard.last().states.map { it.getString(KeyedAppStates.KEY) }
        assertEquals(runBlocking { device.keyedStates() }.map { it.key }, keys)
        assertTrue("lease" in keys, "$keys")
    }

    // -- hands

    private fun enrol() = runBlocking { device.enrol(hub.enrolment()) }

    private fun job(work: Work = Work.URGENT): JobParameters {
        val name = ComponentName(app, BeatcheckSyncService::class.java)
        return parameters(planner.job(Plan(work, 0, Needs.ANY_NETWORK), name).extras)
    }

    private fun finished() = await("the end of the job") { shadowOf(service).isJobFinished }

    /** By us, while the hub still says nothing: not by a time-out. */
    private fun brokenOff() {
        await("the end of its work") { service.scope.coroutineContext[Job]!!.children.none() }
        await("the end of the sync") { device.syncState.value is SyncState.Idle }
        assertEquals("cancelled", (device.syncState.value as SyncState.Idle).last?.fault)
    }

    private fun callbacks(tell: (ConnectivityManager.NetworkCallback) -> Unit) =
        shadowOf(checkNotNull(app.getSystemService(ConnectivityManager::class.java))).networkCallbacks.forEach(tell)

    private fun network() {
        val has = ShadowNetworkCapabilities.newInstance()
        for (one in listOf(
            NetworkCapabilities.NET_CAPABILITY_INTERNET, NetworkCapabilities.NET_CAPABILITY_NOT_SUSPENDED,
            NetworkCapabilities.NET_CAPABILITY_NOT_ROAMING, NetworkCapabilities.NET_CAPABILITY_NOT_METERED,
        )) {
            shadowOf(has).addCapability(one)
        }
        callbacks { it.onCapabilitiesChanged(ShadowNetwork.newInstance(1), has) }
        assertNotNull(app.beatcheck.network.kind.value)
    }

    private fun isShown(notice: Notice) = manager.activeNotifications.any { it.id == notice.ordinal }

    private fun await(what: String, seen: () -> Boolean) {
        // Ends long before: a bound against hanging for ever, not a measurement.
        repeat(6_000) {
            shadowOf(Looper.getMainLooper()).idle()
            if (seen()) return
            Thread.sleep(10)
        }
        error("$what did not come")
    }

    companion object {
        private const val MARK = "QX77 XYZ"

        /** Nothing like it: tests share the hub. */
        private const val OTHER = "LB12 KTM"
        private lateinit var hub: TestHub

        @BeforeClass
        @JvmStatic
        fun openHub() {
            hub = TestHub(persons = 200, vehicles = 200)
        }

        @AfterClass
        @JvmStatic
        fun closeHub() = hub.close()
    }
}

/** In an app that has no device: jobs that an earlier version left, and pushes that come all the same. */
@RunWith(RobolectricTestRunner::class)
@Config(application = Application::class)
class NoHostTest {
    private val app = RuntimeEnvironment.getApplication()

    @Test
    fun `a job has nothing to do`() {
        val service = Robolectric.buildService(BeatcheckSyncService::class.java).create().get()
        val plan = Plan(Work.REGULAR, 0, Needs.ANY_NETWORK)
        val job = parameters(JobPlanner(app, 1).job(plan, ComponentName(app, BeatcheckSyncService::class.java)).extras)
        assertFalse(service.onStartJob(job))
        assertFalse(service.onStopJob(job))
    }

    @Test
    fun `a push is nobody's`() = assertNull(runBlocking { BeatcheckPush.handle(app, ByteArray(0)) })
}
