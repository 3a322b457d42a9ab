// Puts the parts together for an app: one object, made in Application.onCreate. What each part does stands in its own file.

package org.beatcheck.android

import android.app.Application
import android.content.Context
import android.os.SystemClock
import java.time.Duration
import java.time.Instant
import java.time.format.DateTimeParseException
import kotlin.random.Random
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import org.beatcheck.Beatcheck
import org.beatcheck.BeatcheckEvent
import org.beatcheck.BeatcheckException
import org.beatcheck.BeatcheckState
import org.beatcheck.applyManagedConfiguration
import org.beatcheck.ffi.Network
import org.beatcheck.ffi.SyncReport
import org.beatcheck.handlePush
import org.beatcheck.keyedStates

/** What an app chooses. */
public data class AndroidOptions(
    /** When an app in the background is locked. */
    val backgroundLock: BackgroundLock = BackgroundLock.BY_POLICY,
    /** Protect every window of the app ([ScreenGuard]). Off only for a build in which screens are photographed for a manual. */
    val guardScreens: Boolean = true,
    /** First of six numbers of jobs that the app uses for nothing else. */
    val firstJobId: Int = 0x62630,
    /** Where log lines go (code and technical cause, no personal data); nowhere by default. */
    val log: (String) -> Unit = {},
)

/** Implemented by the app's `Application`, so that a job which the system starts by itself finds the device. */
public interface BeatcheckHost {
    /** Made in `onCreate`, before anything else asks. */
    public val beatcheck: AndroidBeatcheck
}

/**
 * Beatcheck in an Android app: the device, and what of Android it needs around it.
 *
 * ```kotlin
 * class PatrolApp : Application(), BeatcheckHost {
 *     override lateinit var beatcheck: AndroidBeatcheck
 *
 *     override fun onCreate() {
 *         super.onCreate()
 *         val vault = AndroidKeyVault.of(this, BiometricPresence { CurrentActivity.get() })
 *         beatcheck = AndroidBeatcheck.of(this, Beatcheck(DeviceHome.of(this), vault, BuildConfig.VERSION_NAME))
 *         beatcheck.start()
 *     }
 * }
 * ```
 *
 * From [start] on, and without further calls: windows are protected, management's configuration is applied, syncs are asked for in the
 * background, the network is watched, records are locked by policy, late hits raise a notice while the app is not on the screen, and
 * management hears keyed app states after each sync.
 *
 * Threading: [start] and [stop] on the main thread; the rest from any.
 */
public class AndroidBeatcheck internal constructor(
    private val application: Application,
    /** The device: checks, unlocking, status. */
    public val device: Beatcheck,
    private val options: AndroidOptions,
    private val planner: Planner,
) {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val notices = Notices(application)
    private val states = KeyedAppStatesReporter(application)
    private val foreground = Foreground(SystemClock::elapsedRealtime, options.backgroundLock)
    private val receiver = ManagedConfigurationReceiver { aside { configure() } }
    private val activities = Activities(foreground, options.guardScreens, ::hidden, ::back)

    /** Which network there is; hand its kind to syncs that the officer asks for. */
    public val network: NetworkMonitor = NetworkMonitor.of(application) { aside { runner.reconnected(work) } }

    internal val runner = SyncRunner(planner, { network.kind.value }, Random.Default::nextDouble)
    internal val work: DeviceWork = Work()

    /** Begins. Once, in `Application.onCreate`. */
    public fun start() {
        network.start()
        receiver.register(application)
        application.registerActivityLifecycleCallbacks(activities)
        scope.launch { device.events.collect(::told) }
        aside {
            configure()
            runner.started(work)
        }
    }

    /** Ends what [start] began, for tests and for an app that gives the device up. The device stays open: `close` it. */
    public fun stop() {
        network.stop()
        application.unregisterReceiver(receiver)
        application.unregisterActivityLifecycleCallbacks(activities)
        states.close()
        scope.cancel()
    }

    /**
     * Syncs now, for an officer who asked, over the network that there is.
     *
     * @return null where there is no network: say so.
     */
    public suspend fun syncNow(): SyncReport? = network.kind.value?.let { work.sync(it) }

    private fun hidden() = aside {
        if (foreground.lockWhenHidden()) device.lock() else runner.hidden(work)
    }

    private fun back() {
        runner.shown()
        aside {
            if (device.state.value == BeatcheckState.Ready && foreground.lockWhenBack(work.standing().idleLockMinutes)) device.lock()
        }
    }

    private suspend fun configure() {
        val json = ManagedConfiguration.read(application)
        if (device.open() != BeatcheckState.NotEnrolled) device.applyManagedConfiguration(json)
    }

    private fun told(event: BeatcheckEvent) {
        when (event) {
            is BeatcheckEvent.LateHitCame -> if (!foreground.isShown) notices.show(Notice.LATE_HIT)
            is BeatcheckEvent.Wiped -> {
                notices.show(Notice.WIPED)
                runner.wiped()
            }
            is BeatcheckEvent.SyncFinished -> aside { states.report(device.keyedStates()) }
            else -> Unit
        }
    }

    /** Does something without anybody waiting. A device that is not there, or closed, is no news. */
    private fun aside(block: suspend () -> Unit) {
        scope.launch {
            try {
                block()
            } catch (e: CancellationException) {
                throw e
            } catch (e: BeatcheckException) {
                options.log(e.logText)
            }
        }
    }

    private inner class Work : DeviceWork {
        override suspend fun sync(network: Network): SyncReport = device.sync(network)

        override fun cancelSync() = device.cancelSync()

        override suspend fun sendLastWords(): Long = device.sendLastWords()

        override suspend fun lock() = device.lock()

        override suspend fun handlePush(payload: ByteArray): Long = device.handlePush(payload).inWholeSeconds

        override suspend fun standing(): DeviceStanding {
            val status = device.status()
            val leaseLeftMs = millisUntil(status.leaseEnds)
            // On the screen the app says it itself.
            if (!foreground.isShown && SyncPlan.leaseNear(leaseLeftMs)) notices.show(Notice.LEASE) else notices.clear(Notice.LEASE)
            return DeviceStanding(
                leaseLeftMs = leaseLeftMs,
                journalPending = status.journal.pending.toLong(),
                idleLockMinutes = status.unlock.idleLockMinutes.toLong(),
                dueInMs = millisUntil(status.nextSync) ?: 0,
            )
        }
    }

    public companion object {
        /** For this app. Call [start] on it. */
        @JvmStatic
        @JvmOverloads
        public fun of(application: Application, device: Beatcheck, options: AndroidOptions = AndroidOptions()): AndroidBeatcheck =
            AndroidBeatcheck(application, device, options, JobPlanner(application, options.firstJobId))

        internal fun of(context: Context): AndroidBeatcheck? = (context.applicationContext as? BeatcheckHost)?.beatcheck

        /** Milliseconds from now until a time of the core's; null if there is none. */
        internal fun millisUntil(time: String?, now: Instant = Instant.now()): Long? = try {
            time?.let { Duration.between(now, Instant.parse(it)).toMillis() }
        } catch (_: DateTimeParseException) {
            null
        }
    }
}
