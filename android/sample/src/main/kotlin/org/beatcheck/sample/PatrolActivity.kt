// The one activity. Which screen is up follows the device's state; what is typed and shown lives in the screens and goes with them.

package org.beatcheck.sample

import android.Manifest
import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.provider.Settings
import android.widget.Toast
import java.lang.ref.WeakReference
import java.time.Instant
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.filter
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.beatcheck.Beatcheck
import org.beatcheck.BeatcheckEvent
import org.beatcheck.BeatcheckException
import org.beatcheck.BeatcheckState
import org.beatcheck.Enrolment
import org.beatcheck.android.AndroidBeatcheck
import org.beatcheck.android.BeatcheckHost
import org.beatcheck.android.ManagedConfiguration
import org.beatcheck.android.PatchLevel
import org.beatcheck.ffi.Answer
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.readManagedConfiguration
import org.beatcheck.sample.model.AnswerModel
import org.beatcheck.sample.model.BiometricModel
import org.beatcheck.sample.model.LateHitsModel
import org.beatcheck.sample.model.PatchModel
import org.beatcheck.sample.model.SyncModel
import org.beatcheck.sample.ui.AnswerScreen
import org.beatcheck.sample.ui.EnrolScreen
import org.beatcheck.sample.ui.Kit
import org.beatcheck.sample.ui.MessageScreen
import org.beatcheck.sample.ui.PatchScreen
import org.beatcheck.sample.ui.PersonScreen
import org.beatcheck.sample.ui.Places
import org.beatcheck.sample.ui.Screen
import org.beatcheck.sample.ui.SyncActions
import org.beatcheck.sample.ui.SyncScreen
import org.beatcheck.sample.ui.UnlockScreen
import org.beatcheck.sample.ui.VehicleScreen
import org.beatcheck.sample.ui.Why
import org.beatcheck.ffi.Why as Reason

class PatrolActivity : Activity() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Main)
    private lateinit var app: AndroidBeatcheck
    private lateinit var kit: Kit
    private val device get() = app.device
    private var contact: Job? = null
    private var syncing: Job? = null
    private var following: Job? = null
    private var home = false

    /** What is on the screen. */
    internal lateinit var screen: Screen
        private set

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        app = (application as BeatcheckHost).beatcheck
        kit = Kit(this)
        PatrolApp.onScreen = WeakReference(this)
        show(MessageScreen(kit, kit.text(R.string.app_name), kit.text(R.string.opening)))
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) requestPermissions(arrayOf(Manifest.permission.POST_NOTIFICATIONS), 1)
        scope.launch {
            trying(::tell) { device.open() }
            updated()
            device.state.collect(::follow)
        }
    }

    override fun onStart() {
        super.onStart()
        // In contact while it is on the screen: what the hub withdraws is gone here a moment later.
        contact = scope.launch {
            combine(app.network.kind, device.state) { kind, state -> kind.takeIf { state == BeatcheckState.Ready } }
                .collectLatest { kind -> if (kind != null) trying({ }) { device.watch(kind) } }
        }
    }

    override fun onStop() {
        contact?.cancel()
        super.onStop()
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    @Deprecated("The platform's own way back from API 33 on needs a newer target; this one is on all.")
    override fun onBackPressed() {
        @Suppress("DEPRECATION")
        if (device.state.value == BeatcheckState.Ready && !home) vehicle() else super.onBackPressed()
    }

    private fun show(next: Screen, isHome: Boolean = false) {
        following?.cancel()
        home = isHome
        screen = next
        setContentView(next.view)
    }

    private suspend fun follow(state: BeatcheckState) = when (state) {
        BeatcheckState.NotEnrolled -> enrol()
        BeatcheckState.Locked -> unlock()
        BeatcheckState.Ready -> vehicle()
        BeatcheckState.Wiped -> show(MessageScreen(kit, kit.text(R.string.app_name), kit.text(R.string.wiped)))
        BeatcheckState.Unopened, BeatcheckState.Paused, BeatcheckState.Closed -> Unit
    }

    /** Does something with the device; what it refuses is said in its own words. */
    private suspend fun trying(say: (String) -> Unit, work: suspend () -> Unit) {
        try {
            work()
        } catch (e: BeatcheckException) {
            say(e.officerText)
        }
    }

    private fun tell(text: String) = Toast.makeText(this, text, Toast.LENGTH_LONG).show()

    // -- screens

    /** Returns when the system's updates are new enough, or when the officer goes on without; not at all where they may not. */
    private suspend fun updated() {
        val least = resources.getInteger(R.integer.least_patch)
        val enrolled = device.state.value != BeatcheckState.NotEnrolled
        val model = PatchModel.of(PatchLevel.check(least), least, Build.VERSION.SECURITY_PATCH, enrolled) ?: return
        val goOn = CompletableDeferred<Unit>()
        show(PatchScreen(kit, model, settings = ::settings, goOn = { goOn.complete(Unit) }))
        goOn.await()
    }

    private fun settings() {
        // Where updates stand differs between makers; all have this page.
        try {
            startActivity(Intent(Settings.ACTION_SETTINGS))
        } catch (_: ActivityNotFoundException) {
            tell(kit.text(R.string.no_settings))
        }
    }

    private suspend fun enrol() {
        val managed = withContext(Dispatchers.IO) {
            runCatching { Beatcheck.readManagedConfiguration(ManagedConfiguration.read(applicationContext)) }.getOrNull()
        }
        lateinit var screen: EnrolScreen
        screen = EnrolScreen(kit, managed?.hubUrl.orEmpty(), managed?.hubCaPem.orEmpty()) { hub, ca, code, pin ->
            scope.launch {
                trying(screen::say) {
                    device.enrol(Enrolment(hub, code, ca, pin.ifEmpty { null }, asset = managed?.asset.orEmpty()))
                }
            }
        }
        show(screen)
    }

    private suspend fun unlock() {
        val biometric = runCatching { device.status().unlock.biometric }.getOrDefault(false)
        lateinit var screen: UnlockScreen
        screen = UnlockScreen(
            kit, biometric,
            unlock = { pin -> scope.launch { trying(screen::say) { device.unlock(pin) } } },
            finger = { scope.launch { trying(screen::say) { device.unlockWithBiometric() } } },
        )
        show(screen)
    }

    private val places = Places(::vehicle, ::person, ::data)

    private fun vehicle() {
        scope.launch {
            val why = why("traffic_stop")
            show(VehicleScreen(kit, places, why) { plate -> ask { device.check(VehicleQuery(vrm = plate), Reason(why.purpose)) } }, isHome = true)
        }
    }

    private fun person() {
        scope.launch {
            val why = why("stop_search")
            show(PersonScreen(kit, places, why) { query -> ask { device.check(query, Reason(why.purpose)) } })
        }
    }

    private suspend fun why(first: String): Why = Why(runCatching { device.status().purposes }.getOrDefault(emptyList()), first)

    private fun ask(check: suspend () -> Answer) {
        scope.launch { trying(::tell) { answer(check()) } }
    }

    private fun answer(answer: Answer) {
        show(
            AnswerScreen(
                kit, AnswerModel.of(answer, Instant.now()),
                linked = { card -> scope.launch { val why = why("traffic_stop"); ask { device.checkLinked(card.kind, card.id, Reason(why.purpose)) } } },
                back = ::vehicle,
            ),
        )
    }

    private fun data() {
        lateinit var screen: SyncScreen
        var pages = 1
        suspend fun late() = trying(::tell) { screen.show(LateHitsModel.read(device.lateHits(), pages, Instant.now())) }
        suspend fun unlocking(refused: BeatcheckException? = null) =
            screen.show(BiometricModel.of(runCatching { device.status() }.getOrNull()?.unlock, refused))
        screen = SyncScreen(
            kit, places,
            SyncActions(
                sync = ::sync,
                stop = { device.cancelSync() },
                lock = { scope.launch { trying(::tell) { device.lock() } } },
                biometric = { on ->
                    scope.launch {
                        try {
                            device.setBiometric(on)
                            unlocking()
                        } catch (e: BeatcheckException) {
                            unlocking(refused = e)
                        }
                    }
                },
                moreLateHits = {
                    pages++
                    scope.launch { late() }
                },
            ),
        )
        show(screen)
        following = scope.launch {
            // Heard before it is read: one that comes between is in the list, or read again.
            launch(start = CoroutineStart.UNDISPATCHED) {
                device.events.filter { it is BeatcheckEvent.LateHitCame }.conflate().collect { late() }
            }
            late()
            unlocking()
            device.syncState.collect { state ->
                val status = runCatching { device.status() }.getOrNull()
                screen.show(SyncModel.of(state, status, Instant.now()))
            }
        }
    }

    private fun sync() {
        if (syncing?.isActive == true) return
        syncing = scope.launch { trying(::tell) { if (app.syncNow() == null) tell(kit.text(R.string.no_network)) } }
    }
}
