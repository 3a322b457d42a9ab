// The threads that calls into the core run on. The core blocks, so none of them may be the caller's.

package org.beatcheck

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancel
import java.util.concurrent.ExecutorService
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger

/** Threads of one [Beatcheck]: daemons, so that they keep no process alive, and gone when idle. */
internal class Workers(options: BeatcheckOptions) {
    private val own = mutableListOf<ExecutorService>()

    val checks: CoroutineDispatcher = options.checkDispatcher ?: pool("check", options.checkThreads)
    val syncs: CoroutineDispatcher = options.syncDispatcher?.limitedParallelism(1) ?: pool("sync", 1)
    val control: CoroutineDispatcher = options.controlDispatcher ?: pool("control", CONTROL_THREADS)

    /** A watch runs until it is ended, so it has a thread of its own, which is there only meanwhile. */
    val watch: CoroutineDispatcher = pool("watch", 1)

    /** For work that goes on when whoever asked for it has been cancelled. */
    val scope = CoroutineScope(SupervisorJob())

    private fun pool(name: String, threads: Int): CoroutineDispatcher {
        val numbers = AtomicInteger()
        val executor = ThreadPoolExecutor(threads, threads, IDLE_S, TimeUnit.SECONDS, LinkedBlockingQueue()) { work ->
            Thread(work, "beatcheck-$name-${numbers.incrementAndGet()}").apply { isDaemon = true }
        }
        executor.allowCoreThreadTimeOut(true)
        own += executor
        return executor.asCoroutineDispatcher()
    }

    /** What was handed in is finished; nothing more is taken. */
    fun close() {
        own.forEach { it.shutdown() }
    }

    /** Ends what only this object wanted. */
    fun end() {
        scope.cancel()
    }

    private companion object {
        const val CONTROL_THREADS = 3
        const val IDLE_S = 20L
    }
}
