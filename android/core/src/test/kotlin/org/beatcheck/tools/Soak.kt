// Many checks and many syncs in one process, against a real hub: memory, threads and files must stay what they are, and in the end
// everything must be let go of. script/soak-kotlin says what the bounds are.

package org.beatcheck.tools

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.beatcheck.Beatcheck
import org.beatcheck.BeatcheckState
import org.beatcheck.ffi.FfiConverterTypeKeyVault
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.ffi.Why
import org.beatcheck.support.TestHub
import org.beatcheck.support.TestVault
import java.io.File
import java.lang.ref.WeakReference
import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicInteger
import kotlin.system.exitProcess

/** `--name value` of the command line. */
private class Options(words: Array<String>) {
    private val given = words.toList().chunked(2).associate { pair ->
        require(pair.size == 2 && pair[0].startsWith("--")) { "not an option with a value: ${pair[0]}" }
        val number = pair[1].toIntOrNull()?.takeIf { it > 0 }
        pair[0].removePrefix("--") to requireNotNull(number) { "${pair[0]}: a whole number above 0 is wanted" }
    }
    private val known = mutableSetOf<String>()

    fun number(name: String, otherwise: Int): Int = given[name.also(known::add)] ?: otherwise

    fun end() = require((given.keys - known).isEmpty()) { "unknown: ${given.keys - known}" }
}

/** What is lost on purpose, so that the bounds are seen to find it: memory outside the heap at each round, and one device. */
private class Leak(private val mib: Int) {
    private val kept = mutableListOf<ByteBuffer>()
    private var device: Beatcheck? = null

    fun memory() = repeat(mib) {
        kept += ByteBuffer.allocateDirect(1 shl 20).apply { while (hasRemaining()) put(1) }
    }

    /** One that is used and never let go of. */
    suspend fun device(make: () -> Beatcheck) {
        if (mib > 0) device = make().also { it.open() }
    }
}

private class Soak(options: Options) {
    private val checks = options.number("checks", 100_000)
    private val syncs = options.number("syncs", 200)
    private val rounds = options.number("rounds", 20)
    private val tasks = options.number("tasks", 8)
    private val openings = options.number("openings", 20)
    private val boundKib = options.number("bound-mib", 16) * 1024L
    private val heapBoundKib = options.number("heap-bound-mib", 4) * 1024L
    private val leak = Leak(options.number("leak-mib", 0))
    private val hub = TestHub()
    private val home = File(hub.dir, "soak")
    private val vaults = mutableListOf<WeakReference<TestVault>>()
    private var good = true

    init {
        options.end()
        require(rounds >= 8) { "--rounds: at least 8, or the beginning and the end cannot be compared" }
    }

    fun run(): Boolean = hub.use {
        // A whole life first: what the process opens once and keeps is no device's.
        runBlocking(Dispatchers.Default) {
            device().use { first ->
                first.enrol(hub.enrolment())
                check(first.sync().complete)
                check(first, hub.marks[0])
            }
        }
        released("the first device")
        val before = Footprint.open()
        val figures = runBlocking(Dispatchers.Default) { long() }
        released("the device of all rounds")
        repeat(openings) { n ->
            runBlocking(Dispatchers.Default) { device().use { check(it, hub.marks[n % hub.marks.size]) } }
        }
        runBlocking(Dispatchers.Default) { leak.device(::device) }
        released("each of $openings devices")
        val left = Footprint.open().filter { (name, n) -> n > (before[name] ?: 0) }
        hold("no file, socket or pipe is open that was not before: $left", left.isEmpty())
        val status = TestHub.command("device", "status", "--home", home.path)
        hold("another process uses the device", "\"pending\":" in status)
        flat(figures)
        good
    }

    /** The vault lies where the command looks for it. */
    private fun device(): Beatcheck {
        val vault = TestVault(File(home, "vault"))
        vaults += WeakReference(vault)
        return Beatcheck(home, vault, "1.0")
    }

    private suspend fun check(beatcheck: Beatcheck, mark: String) {
        val answer = beatcheck.check(VehicleQuery(vrm = mark), Why("traffic_stop"))
        check(answer.outcome == Outcome.HIT) { "${answer.outcome}: ${answer.error?.code}" }
    }

    private suspend fun long(): List<Footprint> = coroutineScope {
        device().use { beatcheck ->
            check(beatcheck.open() == BeatcheckState.Ready)
            val heard = AtomicInteger()
            val reader = launch(start = CoroutineStart.UNDISPATCHED) { beatcheck.events.collect { heard.incrementAndGet() } }
            println("round   checks  syncs  resident MiB  heap MiB  threads  files  events")
            val figures = (1..rounds).map { round ->
                val (checked, synced) = round(beatcheck, round)
                leak.memory()
                Footprint.now().also {
                    println("%5d %8d %6d %13.1f %9.1f %8d %6d %7d".format(
                        round, checked, synced, it.residentKib / 1024.0, it.heapKib / 1024.0, it.threads, it.files, heard.get(),
                    ))
                }
            }
            beatcheck.shutDown()
            reader.join()
            hold("events came: ${heard.get()}", heard.get() >= syncs)
            figures
        }
    }

    /** One round; how many checks and syncs there were by its end. */
    private suspend fun round(beatcheck: Beatcheck, round: Int): Pair<Int, Int> {
        val (from, to) = listOf(round - 1, round).map { (checks.toLong() * it / rounds).toInt() }
        val (first, last) = listOf(round - 1, round).map { (syncs.toLong() * it / rounds).toInt() }
        val next = AtomicInteger(from)
        coroutineScope {
            repeat(tasks) {
                launch {
                    while (true) {
                        val n = next.getAndIncrement()
                        if (n >= to) break
                        check(beatcheck, hub.marks[n % hub.marks.size])
                    }
                }
            }
            launch {
                if (round % 4 == 0) {
                    // Another model for every vehicle: the sync writes each row anew, under the readers.
                    hub.ingest("vehicles") { lines ->
                        lines.take(1) + lines.drop(1).map { it.replace(Regex("(?<=,)[a-z]+[0-9]*(?=,[0-9]{4},)"), "type$round") }
                    }
                    hub.hub("publish")
                }
                repeat(last - first) { // Beside each there is one that is broken off early.
                    val brokenOff = launch { beatcheck.sync() }
                    delay(it % 20L)
                    brokenOff.cancelAndJoin()
                    check(beatcheck.sync().complete)
                }
            }
        }
        return to to last
    }

    /** Rust has given back every handle to a vault, and Java could collect them all: then no device of Rust's lives, either. */
    private fun released(what: String) {
        repeat(100) {
            if (FfiConverterTypeKeyVault.handleMap.size == 0 && vaults.all { it.get() == null } && ours().isEmpty()) return@repeat
            System.gc()
            Thread.sleep(50)
        }
        val (handles, alive) = FfiConverterTypeKeyVault.handleMap.size to vaults.count { it.get() != null }
        hold("$what is released: $handles of ${vaults.size} vaults held by Rust, $alive by Java, threads left: ${ours()}",
            handles == 0 && alive == 0 && ours().isEmpty())
    }

    private fun ours() = Thread.getAllStackTraces().keys.map { it.name }.filter { it.startsWith("beatcheck-") }

    private fun flat(figures: List<Footprint>) {
        val quarter = rounds / 4
        fun median(of: List<Footprint>, value: (Footprint) -> Long) = of.map(value).sorted()[of.size / 2]
        fun grown(value: (Footprint) -> Long) =
            median(figures.takeLast(quarter), value) - median(figures.subList(quarter, 2 * quarter), value)
        fun mib(kib: Long) = "%+.1f MiB".format(kib / 1024.0)
        val (resident, heap) = grown { it.residentKib } to grown { it.heapKib }
        val (threads, files) = grown { it.threads.toLong() } to grown { it.files.toLong() }
        println("From the second quarter of the rounds to the last:")
        hold("resident ${mib(resident)}, bound ${mib(boundKib)}", resident <= boundKib)
        hold("heap after a collection ${mib(heap)}, bound ${mib(heapBoundKib)}", heap <= heapBoundKib)
        hold("threads %+d, bound +4".format(threads), threads <= 4)
        hold("open files %+d, bound +4".format(files), files <= 4)
    }

    private fun hold(what: String, held: Boolean) {
        good = good && held
        println("${if (held) "ok    " else "FAILED"} $what")
    }
}

fun main(words: Array<String>) {
    val good = try {
        Soak(Options(words)).run()
    } catch (e: IllegalArgumentException) {
        System.err.println("soak-kotlin: ${e.message}")
        exitProcess(2)
    }
    println("soak-kotlin: ${if (good) "ok" else "FAILED"}")
    exitProcess(if (good) 0 else 1)
}
