// Plans as jobs of the platform's scheduler. Which combination of wishes the platform takes (no delay with an expedited job, no battery rule
// either) is tested against the framework's own class.

package org.beatcheck.android

import android.app.job.JobInfo
import android.app.job.JobScheduler
import android.content.ComponentName
import android.content.Context
import android.os.Build
import android.os.PersistableBundle
import android.os.SystemClock

/** Asks the platform's scheduler. `firstId` is the first of a handful of numbers that the app uses for no other job. */
internal class JobPlanner(
    private val context: Context,
    private val firstId: Int,
    private val api: Int = Build.VERSION.SDK_INT,
    private val uptimeMs: () -> Long = SystemClock::elapsedRealtime,
) : Planner {
    private val scheduler = context.getSystemService(JobScheduler::class.java)

    override fun schedule(plan: Plan) {
        val service = ComponentName(context, BeatcheckSyncService::class.java)
        val taken = scheduler?.schedule(job(plan, service)) == JobScheduler.RESULT_SUCCESS
        // An app that used up its quota: the same without haste.
        if (!taken && plan.expedited) scheduler?.schedule(job(plan.copy(expedited = false), service))
    }

    override fun pending(work: Work): Pair<Plan, Long>? {
        val extras = scheduler?.getPendingJob(firstId + work.offset)?.extras ?: return null
        val plan = plan(extras) ?: return null
        // A time from before the phone was started means nothing now: due.
        val due = extras.getLong(DUE) - uptimeMs()
        return plan to if (due > plan.delayMs) 0 else due.coerceAtLeast(0)
    }

    override fun cancel(work: Work) {
        scheduler?.cancel(firstId + work.offset)
    }

    fun job(plan: Plan, service: ComponentName): JobInfo {
        val expedited = plan.expedited && api >= Build.VERSION_CODES.S
        val builder = JobInfo.Builder(firstId + plan.work.offset, service)
            .setRequiredNetworkType(
                when (plan.needs) {
                    Needs.NOTHING -> JobInfo.NETWORK_TYPE_NONE
                    // Roaming too: policy's budget decides, in the core, and a wipe must be heard of abroad.
                    Needs.ANY_NETWORK -> JobInfo.NETWORK_TYPE_ANY
                    Needs.UNMETERED_NETWORK -> JobInfo.NETWORK_TYPE_UNMETERED
                },
            )
            .setExtras(extras(plan))
            .setBackoffCriteria(SyncPlan.BACKOFF_MS, JobInfo.BACKOFF_POLICY_EXPONENTIAL)
            // Outlives a restart of the phone. The lock does not have to: keys are not in memory then.
            .setPersisted(plan.work != Work.LOCK)
        if (expedited) return builder.setExpedited(true).build()
        if (plan.delayMs > 0) builder.setMinimumLatency(plan.delayMs)
        // A job must want something; this one wants only its time.
        if (plan.needs == Needs.NOTHING) builder.setOverrideDeadline(plan.delayMs + LATE_MS)
        builder.setRequiresBatteryNotLow(plan.batteryNotLow)
        if (plan.work == Work.URGENT && api >= Build.VERSION_CODES.TIRAMISU) builder.setPriority(JobInfo.PRIORITY_HIGH)
        return builder.build()
    }

    private fun extras(plan: Plan) = PersistableBundle().apply {
        putString(WORK, plan.work.name)
        putInt(FAILURES, plan.failures)
        putLong(DELAY, plan.delayMs)
        putLong(DUE, uptimeMs() + plan.delayMs)
    }

    companion object {
        /** The plan that a job was made of; nothing if it is another app version's. */
        fun plan(extras: PersistableBundle): Plan? {
            val work = Work.entries.find { it.name == extras.getString(WORK) } ?: return null
            val needs = if (work == Work.DEFERRED) Needs.UNMETERED_NETWORK else Needs.ANY_NETWORK
            return Plan(work, extras.getLong(DELAY), needs, failures = extras.getInt(FAILURES))
        }

        private const val WORK = "work"
        private const val FAILURES = "failures"
        private const val DELAY = "delay"
        private const val DUE = "due"
        private const val LATE_MS = 60_000L
    }
}
