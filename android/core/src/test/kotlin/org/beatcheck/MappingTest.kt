// Errors and events, one by one, without a device.

package org.beatcheck

import org.beatcheck.ffi.ApiException
import org.beatcheck.ffi.LateHit
import org.beatcheck.ffi.SyncEvent
import org.junit.jupiter.api.Test
import kotlin.reflect.KClass
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertSame
import kotlin.time.Duration.Companion.milliseconds

class MappingTest {
    @Test
    fun `each error of the core is the one of the same name, with its three texts`() {
        val core = listOf<(String, String, String) -> ApiException>(
            ApiException::NotEnrolled, ApiException::Locked, ApiException::Hub, ApiException::NotAccounted, ApiException::Invalid,
            ApiException::Storage, ApiException::Suspended,
        ).map { it("c", "for the officer", "c: for the log") }
        assertEquals(ApiException::class.sealedNames(), core.map { it.javaClass.simpleName }.toSet(), "all of them are here")
        for (e in core) {
            val ours = e.asBeatcheck()
            assertEquals(e.javaClass.simpleName, ours.javaClass.simpleName)
            assertEquals(listOf("c", "for the officer", "c: for the log"), listOf(ours.code, ours.officerText, ours.logText))
            assertEquals("org.beatcheck.BeatcheckException\$${ours.javaClass.simpleName}: c: for the log", ours.toString())
        }
        assertEquals(BeatcheckException.Library::class, ApiException.Invalid("binding", "o", "l").asBeatcheck()::class)
    }

    @Test
    fun `each event of the core has one of ours`() {
        val hit = LateHit("R1", "2025-12-31T23:00:00Z", "2026-01-01T00:00:00Z", "appeared", "text", 7u)
        val core = mapOf(
            SyncEvent.Connecting to BeatcheckEvent.Connecting,
            SyncEvent.Fetched(1u, 2u, 3u) to BeatcheckEvent.Fetched(1, 2, 3),
            SyncEvent.Applying("c", 1u, 2u) to BeatcheckEvent.Applying("c", 1, 2),
            SyncEvent.Usable("c") to BeatcheckEvent.Usable("c"),
            SyncEvent.MarksUsable("c") to BeatcheckEvent.MarksUsable("c"),
            SyncEvent.Waiting(5u) to BeatcheckEvent.Waiting(5.milliseconds),
            SyncEvent.LateHit(hit) to BeatcheckEvent.LateHitCame(hit),
            SyncEvent.Finished(true, null) to BeatcheckEvent.SyncFinished(true, null),
            SyncEvent.PolicyChanged(3u) to BeatcheckEvent.PolicyChanged(3),
            SyncEvent.Locked to BeatcheckEvent.Locked,
            SyncEvent.Unlocked to BeatcheckEvent.Unlocked,
            SyncEvent.Wiped to BeatcheckEvent.Wiped,
        )
        assertEquals(SyncEvent::class.sealedNames(), core.keys.map { it.javaClass.simpleName }.toSet(), "all of them are here")
        for ((theirs, ours) in core) assertEquals(ours, theirs.asBeatcheck())
    }

    @Test
    fun `what syncing is at follows calls and events, whichever comes first`() {
        val finished = BeatcheckEvent.SyncFinished(true, null)
        val sync = SyncTracker()
        assertEquals(SyncState.Idle(null), sync.state.value)
        sync.begin()
        sync.heard(BeatcheckEvent.Fetched(1, 2, 3))
        assertEquals(SyncState.Fetching(1, 2, 3), sync.state.value)
        sync.heard(BeatcheckEvent.Locked)
        assertEquals(SyncState.Fetching(1, 2, 3), sync.state.value, "this says nothing of a sync")
        sync.heard(BeatcheckEvent.Waiting(9.milliseconds))
        assertEquals(SyncState.Waiting(9.milliseconds), sync.state.value)
        sync.end()
        sync.heard(BeatcheckEvent.Applying("c", 1, 2))
        assertEquals(SyncState.Idle(null), sync.state.value, "it came late")
        sync.heard(finished)
        assertEquals(SyncState.Idle(finished), sync.state.value)
        // A watch: one call, many syncs.
        sync.begin()
        sync.heard(BeatcheckEvent.Connecting)
        sync.heard(finished)
        assertEquals(SyncState.Idle(finished), sync.state.value)
        sync.heard(BeatcheckEvent.Applying("c", 1, 2))
        assertEquals(SyncState.Applying("c", 1, 2), sync.state.value)
        sync.end()
        assertEquals(SyncState.Idle(finished), sync.state.value)
    }

    @Test
    fun `a defect of the core keeps its words`() {
        val e = BeatcheckException.Defect()
        assertEquals("defect", e.code)
        assertFalse("panicked at" in e.logText)
        assertSame(null, e.cause)
    }

    private fun KClass<*>.sealedNames(): Set<String> =
        java.declaredClasses.filter { java.isAssignableFrom(it) }.map { it.simpleName }.toSet()
}
