// Whether library and binding belong together, with libraries that do not.

package org.beatcheck

import org.beatcheck.support.swapSymbols
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

class LibraryTest {
    @TempDir
    lateinit var dir: File
    private val library = File(System.getProperty("jna.library.path"), "libbeatcheck.so")

    @Test
    fun `the library belongs to this package`() {
        Beatcheck.checkLibrary()
        assertTrue(Beatcheck.libraryVersion().startsWith("$PACKAGE_VERSION+"))
        assertEquals(System.getProperty("beatcheck.version"), PACKAGE_VERSION, "NativeLibrary.kt and the POM")
    }

    @Test
    fun `a package of another version is told so`() {
        assertNull(NativeLibrary.look(PACKAGE_VERSION))
        val found = checkNotNull(NativeLibrary.look("9.9.9"))
        assertEquals("binding", found.code)
        assertContains(found.logText, "9.9.9")
        assertContains(found.logText, PACKAGE_VERSION)
        assertContains(found.officerText, "administrator")
    }

    @Test
    fun `a library that is missing is told so, twice`() {
        val said = probe("-Djna.library.path=$dir")
        assertEquals(List(2) { "library_missing|Library" }, said.lines())
    }

    @Test
    fun `a library of something else is told so`() {
        assertEquals(List(2) { "binding|Library" }, probe("-Duniffi.component.beatcheck.libraryOverride=c").lines())
    }

    @Test
    fun `a library whose functions have another form is told so`() {
        // The same library, but two checksums have changed places: as if two functions had another form than the binding thinks.
        val other = File(dir, library.name)
        swapSymbols(library, other, "uniffi_beatcheck_checksum_func_version", "uniffi_beatcheck_checksum_func_recover")
        assertEquals(List(2) { "binding|Library" }, probe("-Djna.library.path=$dir").lines())
    }

    @Test
    fun `the probe itself finds nothing wrong with the right library`() {
        assertEquals("fine\nfine", probe("-Djna.library.path=${library.parent}"))
    }

    /** What a JVM of its own says, for a library is loaded once. */
    private fun probe(option: String): String {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val probe = ProcessBuilder(java, option, "-cp", classes, "org.beatcheck.LibraryProbe").redirectErrorStream(true)
        // A test that cargo started has its build folder here, where a library is found that this is about to miss.
        probe.environment().remove("LD_LIBRARY_PATH")
        val run = probe.start()
        val said = run.inputStream.bufferedReader().readText().trim()
        assertEquals(0, run.waitFor(), said)
        assertFalse("Exception" in said, said)
        return said
    }
}

/** Says what the start-up check finds, twice: the second time classes have failed to load already. */
object LibraryProbe {
    @JvmStatic
    fun main(args: Array<String>) = repeat(2) {
        try {
            Beatcheck.checkLibrary()
            println("fine")
        } catch (e: BeatcheckException) {
            check(e.logText.startsWith(e.code + ": ") && e.officerText.isNotBlank())
            println("${e.code}|${e.javaClass.simpleName}")
        }
    }
}
