// When to sync in the background: pure rules, no clock and no framework. The platform decides the moment; these say what it is asked for.

package org.beatcheck.android

import org.beatcheck.ffi.SyncReport

/** Which network a job needs. */
internal enum class Needs { NOTHING, ANY_NETWORK, UNMETERED_NETWORK }

/** The jobs that there can be; the number is the platform's name for it, within the app's range of numbers. */
internal enum class Work(val offset: Int) {
    /** The next sync in turn. */
    REGULAR(0),

    /** Now: the network is back, or the hub has called. */
    URGENT(1),

    /** What policy's budget put off until a network that is not paid for by volume. */
    DEFERRED(2),

    /** What a wiped device still has of its account. */
    LAST_WORDS(3),

    /** Looks whether it is time to lock: an app in the background is not given a timer. */
    LOCK(4),
}

/** One request to the platform. */
internal data class Plan(
    val work: Work,
    /** Not before so many milliseconds from now. */
    val delayMs: Long,
    val needs: Needs,
    /** Run at once, ahead of other apps' work, where the platform has that (API 31) and the quota allows. Never with a delay. */
    val expedited: Boolean = false,
    /** Not while the battery is low. Never for expedited work: the platform refuses that. */
    val batteryNotLow: Boolean = false,
    /** How many tries failed before this one. */
    val failures: Int = 0,
)

/** What the rules look at beside a report. */
internal data class Standing(
    /** Milliseconds until the lease ends, below zero once it has; none known: null. */
    val leaseLeftMs: Long? = null,
    /** Entries of the account that wait to be sent. */
    val journalPending: Long = 0,
)

internal object SyncPlan {
    private const val SECOND = 1_000L
    private const val MINUTE = 60 * SECOND
    private const val HOUR = 60 * MINUTE

    /** First wait after a failed sync; each further one doubles it. */
    const val BACKOFF_MS = 30 * SECOND
    const val BACKOFF_MOST_MS = HOUR

    /** Without a word of the hub's. */
    const val DEFAULT_MS = 15 * MINUTE

    /** However far off the hub's word is: the lease wants contact, and a wipe must be heard of. */
    const val MOST_MS = 24 * HOUR

    /** With less of the lease left than this a low battery is no reason to wait: without a lease the phone answers nothing. */
    const val LEASE_NEAR_MS = 4 * HOUR

    /** After a sync: what comes next, and what no longer has to. `random` is 0 until 1. */
    fun after(report: SyncReport, failures: Int, standing: Standing, random: Double): List<Plan> {
        if (report.wiped) return listOf(lastWords(0, random))
        val asked = report.askAgainS.toLong() * SECOND
        val failed = report.fault != null && report.fault?.code != CANCELLED
        val next = when {
            failed -> failure(failures + 1, asked, standing, random)
            else -> regular(if (asked > 0) asked else DEFAULT_MS, standing, failures = 0)
        }
        val deferred = Plan(Work.DEFERRED, delayMs = 0, Needs.UNMETERED_NETWORK, batteryNotLow = true)
        return if (report.deferred.isEmpty() || failed) listOf(next) else listOf(next, deferred)
    }

    /** After a job that had nothing to do, because the app is in contact by itself. */
    fun after(standing: Standing): List<Plan> = listOf(regular(DEFAULT_MS, standing, failures = 0))

    /** After a sync that could not even begin (`NotEnrolled` is the caller's). */
    fun afterError(failures: Int, standing: Standing, random: Double): List<Plan> =
        listOf(failure(failures + 1, askedMs = 0, standing, random))

    /** The network is back. Nothing, if nothing was due and nothing waits: a lift would be a storm of syncs. */
    fun reconnected(dueInMs: Long, failures: Int, standing: Standing, deferredWaits: Boolean): Plan? {
        val due = dueInMs <= 0 || failures > 0 || standing.journalPending > 0 || deferredWaits
        return if (due) urgent() else null
    }

    /** The hub has called: in so many seconds, as the core says, so that a whole force does not answer at once. */
    fun pushed(seconds: Long): Plan =
        if (seconds <= 0) urgent() else Plan(Work.URGENT, minOf(seconds * SECOND, MOST_MS), Needs.ANY_NETWORK)

    /** At the start of the app, or of the phone: in turn, but soon. */
    fun started(dueInMs: Long, standing: Standing): Plan = regular(dueInMs.coerceAtLeast(0), standing, failures = 0)

    fun lastWords(failures: Int, random: Double): Plan =
        Plan(Work.LAST_WORDS, if (failures == 0) 0 else backoff(failures, random), Needs.ANY_NETWORK, failures = failures)

    /** In the background, `idleMinutes` after the last use at the latest; none if policy has no such limit. */
    fun lock(idleMinutes: Long): Plan? =
        if (idleMinutes <= 0) null else Plan(Work.LOCK, idleMinutes * MINUTE, Needs.NOTHING)

    /** Whether the lease is about to end, or has ended. */
    fun leaseNear(leaseLeftMs: Long?): Boolean = leaseLeftMs != null && leaseLeftMs < LEASE_NEAR_MS

    /** A plan that is to be later than what is there already would put it off: it stays. */
    fun sooner(there: Plan?, thereDueInMs: Long, new: Plan): Boolean =
        there == null || new.expedited && !there.expedited || new.delayMs < thereDueInMs

    private fun regular(delayMs: Long, standing: Standing, failures: Int): Plan {
        return Plan(
            Work.REGULAR,
            delayMs.coerceAtMost(MOST_MS),
            Needs.ANY_NETWORK,
            batteryNotLow = !leaseNear(standing.leaseLeftMs),
            failures = failures,
        )
    }

    /** The hub's own word counts where it is later: it may be the reason of the failure. */
    private fun failure(failures: Int, askedMs: Long, standing: Standing, random: Double): Plan =
        regular(maxOf(backoff(failures, random), askedMs), standing, failures)

    /** Doubled with each failure, an hour at most, and between half and all of it, so that a force does not come back at once. */
    private fun backoff(failures: Int, random: Double): Long {
        val doubled = BACKOFF_MS shl (failures - 1).coerceIn(0, 12)
        val most = doubled.coerceAtMost(BACKOFF_MOST_MS)
        return most / 2 + (most / 2 * random).toLong()
    }

    private fun urgent() = Plan(Work.URGENT, delayMs = 0, Needs.ANY_NETWORK, expedited = true)

    /** The core's code of a sync that was broken off by the app: no failure. */
    const val CANCELLED = "cancelled"
}
