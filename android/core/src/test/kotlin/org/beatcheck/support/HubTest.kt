// What the tests against a hub share: a hub for the class, and devices that are closed after each test.

package org.beatcheck.support

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.beatcheck.Beatcheck
import org.beatcheck.BeatcheckEvent
import org.beatcheck.BeatcheckException
import org.beatcheck.BeatcheckOptions
import org.beatcheck.ffi.Why
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.TestInstance
import java.io.File
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.test.assertFailsWith

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class HubTest(persons: Int = 1_000, vehicles: Int = 1_000) {
    val hub = TestHub(persons, vehicles)
    val stop = Why("traffic_stop")
    private val opened = mutableListOf<Beatcheck>()
    private var homes = 0

    /** A directory for a device, with its vault beside it. */
    class Place(dir: File) {
        val home = File(dir, "home")
        val vault = TestVault(File(dir, "vault"))
    }

    fun place() = Place(File(hub.dir, "device-${++homes}").apply { mkdirs() })

    fun at(place: Place, options: BeatcheckOptions = BeatcheckOptions()): Beatcheck =
        Beatcheck(place.home, place.vault, "1.0", options).also(opened::add)

    /** A device that is enrolled, and synced if need be. */
    suspend fun enrolled(place: Place = place(), pin: String? = null, sync: Boolean = true, options: BeatcheckOptions = BeatcheckOptions()) =
        at(place, options).apply {
            enrol(hub.enrolment(pin = pin))
            if (sync) coroutineScope {
                // Its end has been told before this returns: a test that listens from then on does not hear of it.
                val end = async(start = CoroutineStart.UNDISPATCHED) { next { it is BeatcheckEvent.SyncFinished } }
                check(sync().complete)
                end.await()
            }
        }

    @AfterEach
    fun closeDevices() {
        opened.forEach { it.close() }
        opened.clear()
    }

    @AfterAll
    fun closeHub() = hub.close()

    /** Real threads and real time: nothing here is simulated. */
    fun real(test: suspend CoroutineScope.() -> Unit) = runBlocking(Dispatchers.Default) { test() }

    /** The refusal that [work] must end with. */
    inline fun <reified E : BeatcheckException> refused(code: String, work: () -> Unit): E =
        assertFailsWith<E> { work() }.also { check(it.code == code) { "$code was expected, not ${it.logText}" } }

    /** Everything that [beatcheck] tells from now until it is closed. */
    class Told(scope: CoroutineScope, beatcheck: Beatcheck) {
        val events = CopyOnWriteArrayList<BeatcheckEvent>()

        // Begun before this returns: events are not replayed.
        val job = scope.launch(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { beatcheck.events.collect(events::add) }
    }

    /** Waits for an event that is [wanted], and is told it. Start it before what causes the event. */
    suspend fun Beatcheck.next(wanted: (BeatcheckEvent) -> Boolean): BeatcheckEvent = events.first(wanted)

    suspend fun <T> List<T>.eventually(seen: (List<T>) -> Boolean) {
        while (!seen(this)) kotlinx.coroutines.delay(5)
    }
}
