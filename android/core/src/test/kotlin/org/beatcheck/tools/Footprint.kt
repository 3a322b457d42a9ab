// What the system says of this process. Linux only: it reads /proc.

package org.beatcheck.tools

import java.io.File
import java.nio.file.Files

/** Resident memory, use of the heap after a collection, threads and open files. */
class Footprint(val residentKib: Long, val heapKib: Long, val threads: Int, val files: Int) {
    companion object {
        fun now(): Footprint {
            val heap = heapKib()
            val status = File("/proc/self/status").readLines()
            fun value(name: String) = status.first { it.startsWith("$name:") }.filter(Char::isDigit).toLong()
            return Footprint(value("VmRSS"), heap, value("Threads").toInt(), descriptors().size)
        }

        /** Open files by name; pipes and sockets by kind, and how many of each. What belongs to the JVM is not ours: its archives. */
        fun open(): Map<String, Int> = descriptors().map { it.substringBefore(':') }
            .filterNot { it.endsWith(".jar") || it.endsWith("modules") }.groupingBy { it }.eachCount()

        private fun descriptors() = File("/proc/self/fd").listFiles().orEmpty().mapNotNull {
            // One of them is of this very listing, and gone already.
            runCatching { Files.readSymbolicLink(it.toPath()).toString() }.getOrNull()
        }

        private fun heapKib(): Long {
            // Twice: what the first finds unreachable, cleaners let go of and the second takes.
            repeat(2) {
                System.gc()
                Thread.sleep(50)
            }
            return Runtime.getRuntime().run { totalMemory() - freeMemory() } / 1024
        }
    }
}
