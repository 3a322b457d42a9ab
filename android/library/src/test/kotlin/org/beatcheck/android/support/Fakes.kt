// Stand-ins for what is around the rules: a scheduler that only writes down, and a device that answers as it is told.

package org.beatcheck.android.support

import org.beatcheck.BeatcheckException
import org.beatcheck.android.DeviceStanding
import org.beatcheck.android.DeviceWork
import org.beatcheck.android.Plan
import org.beatcheck.android.Planner
import org.beatcheck.android.Work
import org.beatcheck.ffi.Failure
import org.beatcheck.ffi.Network
import org.beatcheck.ffi.SyncReport

internal class FakePlanner : Planner {
    val asked = linkedMapOf<Work, Plan>()

    override fun schedule(plan: Plan) {
        asked[plan.work] = plan
    }

    override fun pending(work: Work): Pair<Plan, Long>? = asked[work]?.let { it to it.delayMs }

    override fun cancel(work: Work) {
        asked.remove(work)
    }
}

internal class FakeDevice : DeviceWork {
    val done = mutableListOf<String>()
    var report: () -> SyncReport = { calm() }
    var words: () -> Long = { 0 }
    var pushSeconds = 0L
    var standing = DeviceStanding(leaseLeftMs = null, journalPending = 0, idleLockMinutes = 5, dueInMs = 60_000)

    override suspend fun sync(network: Network): SyncReport = report().also { done += "sync $network" }

    override fun cancelSync() {
        done += "cancel"
    }

    override suspend fun sendLastWords(): Long = words().also { done += "words" }

    override suspend fun lock() {
        done += "lock"
    }

    override suspend fun handlePush(payload: ByteArray): Long = pushSeconds

    override suspend fun standing(): DeviceStanding = standing
}

private fun calm() = report()

/** A report of a sync in which nothing happened. */
internal fun report(askAgainS: Int = 0, fault: String? = null, deferred: List<String> = emptyList(), wiped: Boolean = false) = SyncReport(
    complete = fault == null, compartments = emptyList(), withdrawn = emptyList(), failed = emptyList(), deferred = deferred,
    locked = false, mended = emptyList(), fault = fault?.let { Failure(null, it, "") }, requests = 1u, bytesDown = 0u, relayBytes = 0u,
    bytesUp = 0u, tookMs = 1u, journalSent = 0u, journalPending = 0u, lateHits = emptyList(), askAgainS = askAgainS.toUInt(), wiped = wiped,
)

/** The core's refusals have no public constructor: an app never makes one. */
internal inline fun <reified E : BeatcheckException> refusal(code: String): E =
    E::class.java.getDeclaredConstructor(String::class.java, String::class.java, String::class.java)
        .newInstance(code, "for the officer", "for the log") as E
