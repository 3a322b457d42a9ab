// One background sync from its beginning to the next plan. Knows the rules' order, not the framework.

package org.beatcheck.android

import org.beatcheck.BeatcheckException
import org.beatcheck.ffi.Network
import org.beatcheck.ffi.SyncReport

/** What the background work needs of an opened device: `Beatcheck` on a phone, a stand-in in a test. */
public interface DeviceWork {
    /** Syncs over a network of this kind. */
    public suspend fun sync(network: Network): SyncReport

    /** Breaks a running sync off; nothing is lost. */
    public fun cancelSync()

    /** Sends what a wiped device still has of its account; how many entries went. */
    public suspend fun sendLastWords(): Long

    /** Forgets the keys of records. */
    public suspend fun lock()

    /** A push came; seconds until the sync that it asks for. */
    public suspend fun handlePush(payload: ByteArray): Long

    /** How things stand, for the rules. */
    public suspend fun standing(): DeviceStanding
}

/** What the rules of background work look at. */
public data class DeviceStanding(
    /** Milliseconds until the lease ends; null if none is known. */
    val leaseLeftMs: Long?,
    /** Entries of the account that wait to be sent. */
    val journalPending: Long,
    /** Minutes without use after which policy locks; 0: never. */
    val idleLockMinutes: Long,
    /** Milliseconds until the next sync is due. */
    val dueInMs: Long,
)

/** Where plans go: the platform's scheduler, or a test. */
internal interface Planner {
    /** Asks for this; what was asked for the same work before is replaced. */
    fun schedule(plan: Plan)

    /** What is asked for now, with the milliseconds until it is due. */
    fun pending(work: Work): Pair<Plan, Long>?

    fun cancel(work: Work)
}

/** Does one piece of background work, and asks for the next. */
internal class SyncRunner(
    private val planner: Planner,
    private val network: () -> Network?,
    private val random: () -> Double,
) {
    /** Does the work of a plan, and asks for what comes next. */
    suspend fun run(plan: Plan, device: DeviceWork) {
        when (plan.work) {
            // Asked for when the app was hidden, so policy's time is over; coming back takes the job away.
            Work.LOCK -> device.lock()
            Work.LAST_WORDS -> lastWords(plan, device)
            Work.REGULAR, Work.URGENT, Work.DEFERRED -> sync(plan, device)
        }
    }

    private suspend fun sync(plan: Plan, device: DeviceWork) {
        val failures = maxOf(plan.failures, planner.pending(Work.REGULAR)?.first?.failures ?: 0)
        val kind = network()
        // The platform ran the job and the network is gone again.
            ?: return plan(SyncPlan.afterError(failures, standing(device), random()))
        val plans = try {
            val report = device.sync(kind)
            SyncPlan.after(report, failures, if (report.wiped) Standing() else standing(device), random())
        } catch (e: BeatcheckException.NotEnrolled) {
            stop()
            if (e.code == WIPED) listOf(SyncPlan.lastWords(0, random())) else emptyList()
        } catch (_: BeatcheckException.Suspended) {
            // Paused or closed by the app, which syncs when it goes on.
            emptyList()
        } catch (e: BeatcheckException) {
            // The app is in contact by itself (`watch`): in turn, in case it stops.
            if (e.code == RUNNING) SyncPlan.after(standing(device)) else SyncPlan.afterError(failures, standing(device), random())
        }
        plan(plans)
    }

    private suspend fun lastWords(plan: Plan, device: DeviceWork) {
        try {
            device.sendLastWords()
            planner.cancel(Work.LAST_WORDS)
        } catch (_: BeatcheckException.NotEnrolled) {
            // Nothing is left to send.
            planner.cancel(Work.LAST_WORDS)
        } catch (_: BeatcheckException) {
            planner.schedule(SyncPlan.lastWords(plan.failures + 1, random()))
        }
    }

    /** The network is back. */
    suspend fun reconnected(device: DeviceWork) {
        val standing = device.standing()
        val failures = planner.pending(Work.REGULAR)?.first?.failures ?: 0
        val waits = planner.pending(Work.DEFERRED) != null && network() == Network.UNMETERED
        SyncPlan.reconnected(standing.dueInMs, failures, standing.rules(), waits)?.let { ask(it) }
    }

    /** A push came in. */
    suspend fun pushed(payload: ByteArray, device: DeviceWork): Long =
        device.handlePush(payload).also { ask(SyncPlan.pushed(it)) }

    /** The app was started and a device is open. */
    suspend fun started(device: DeviceWork) {
        val standing = device.standing()
        ask(SyncPlan.started(standing.dueInMs, standing.rules()))
    }

    /** The app went to the background. */
    suspend fun hidden(device: DeviceWork) {
        SyncPlan.lock(device.standing().idleLockMinutes)?.let(planner::schedule)
    }

    /** The app is on the screen again. */
    fun shown() = planner.cancel(Work.LOCK)

    /** The device was erased. */
    fun wiped() = plan(listOf(SyncPlan.lastWords(0, random())))

    /** Nothing is to be done any more: no device, or one that was wiped. */
    fun stop() = Work.entries.filter { it != Work.LAST_WORDS }.forEach(planner::cancel)

    private fun plan(plans: List<Plan>) {
        if (plans.any { it.work == Work.LAST_WORDS }) stop()
        plans.forEach(planner::schedule)
    }

    /** Asks, unless something is asked for already that comes sooner. */
    private fun ask(plan: Plan) {
        val there = planner.pending(plan.work)
        if (SyncPlan.sooner(there?.first, there?.second ?: 0, plan)) planner.schedule(plan)
    }

    private suspend fun standing(device: DeviceWork): Standing = try {
        device.standing().rules()
    } catch (_: BeatcheckException) {
        Standing()
    }

    private fun DeviceStanding.rules() = Standing(leaseLeftMs, journalPending)

    private companion object {
        const val WIPED = "wiped"
        const val RUNNING = "sync_running"
    }
}
