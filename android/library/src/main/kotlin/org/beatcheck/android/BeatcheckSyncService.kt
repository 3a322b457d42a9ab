// The job that the system starts, also in an app that was not running. Thin: SyncRunner does the work.

package org.beatcheck.android

import android.app.job.JobParameters
import android.app.job.JobService
import java.util.concurrent.ConcurrentHashMap
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/**
 * Background syncs. Declared in the library's manifest; an app does not call it. The app's `Application` must be a [BeatcheckHost], or there
 * is no device to sync.
 */
public class BeatcheckSyncService : JobService() {
    /** Internal for tests, which wait for its end. */
    internal val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val running = ConcurrentHashMap<Int, Job>()

    override fun onStartJob(params: JobParameters): Boolean {
        val app = AndroidBeatcheck.of(this) ?: return false
        val plan = JobPlanner.plan(params.extras) ?: return false
        // Begun only once it is in the list: else a short one could end before.
        val job = scope.launch(start = CoroutineStart.LAZY) {
            try {
                app.runner.run(plan, app.work)
            } finally {
                // What comes next has been asked for: the platform's own trying again would be a second voice. One that was stopped is
                // not in the list any more, and the platform knows.
                if (running.remove(params.jobId) != null) jobFinished(params, false)
            }
        }
        running[params.jobId] = job
        job.start()
        return true
    }

    /** The network went, or the time is up: broken off, and tried again by the platform's backoff. */
    override fun onStopJob(params: JobParameters): Boolean {
        val job = running.remove(params.jobId) ?: return false
        AndroidBeatcheck.of(this)?.work?.cancelSync()
        job.cancel()
        return true
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }
}
