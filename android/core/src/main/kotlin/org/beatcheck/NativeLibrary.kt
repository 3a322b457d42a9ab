// Whether the native library is there and is the one that this package was made with. The generated code does not look at the API's
// checksums until it is told to, and a wrong pair would fail anywhere, in any way: so it is told before anything else.

package org.beatcheck

import org.beatcheck.ffi.ApiException
import org.beatcheck.ffi.bindingCheck
import org.beatcheck.ffi.uniffiEnsureInitialized
import org.beatcheck.ffi.version as nativeVersion

/** Version of this package. The native library must say the same; a test compares it with the POM's. */
internal const val PACKAGE_VERSION: String = "0.1.0"

internal object NativeLibrary {
    private const val OFFICER_TEXT = "This app was put together wrongly. Ask your administrator for an update."

    /** What was found, once: a library does not change while it is loaded, and one that failed to load fails differently later. */
    private val found: BeatcheckException.Library? by lazy { look(PACKAGE_VERSION) }

    /** Throws what was found wrong. Loads the library at the first call: not for the main thread. */
    fun check() {
        // A new exception each time, or the stack would tell of another call.
        found?.let { throw BeatcheckException.Library(it.code, it.officerText, it.logText) }
    }

    /** The library's own version, with the commit it was built from. */
    fun version(): String {
        check()
        return nativeVersion()
    }

    internal fun look(packageVersion: String): BeatcheckException.Library? = try {
        uniffiEnsureInitialized()
        bindingCheck(packageVersion)
        null
    } catch (e: ApiException) {
        BeatcheckException.Library("binding", e.asBeatcheck().officerText, e.asBeatcheck().logText)
    } catch (e: Throwable) {
        describe(e)
    }

    /** The generated initialiser throws plain exceptions, wrapped by whatever class was being initialised. */
    private fun describe(thrown: Throwable): BeatcheckException.Library {
        val cause = generateSequence(thrown) { it.cause }.last()
        val missing = cause is UnsatisfiedLinkError && cause.message.orEmpty().startsWith("Unable to load library")
        return when {
            missing -> library("library_missing", "the native library (libbeatcheck) is not in the app, or not for this processor")
            cause is UnsatisfiedLinkError -> library("binding", "the native library lacks a function: it is another version's")
            cause.message.orEmpty().startsWith("UniFFI") -> library("binding", cause.message.orEmpty())
            else -> library("binding", "the native library cannot be used: ${cause.javaClass.simpleName}")
        }
    }

    private fun library(code: String, cause: String) = BeatcheckException.Library(code, OFFICER_TEXT, "$code: $cause")
}
