// Errors as an app meets them: one class for each thing that an app can do about it. The core decides which; nothing is judged
// anew here, and no text is made here where the core has one.

package org.beatcheck

import org.beatcheck.ffi.ApiException

/**
 * An error of Beatcheck. Which subclass it is says what the app should do; a `when` over it must name them all.
 *
 * ```
 * try {
 *     show(beatcheck.check(VehicleQuery(vrm = "AB12 CDE"), Why("traffic_stop")))
 * } catch (e: BeatcheckException) {
 *     log(e.logText)
 *     when (e) {
 *         is BeatcheckException.Locked -> askForPin(e.officerText)
 *         is BeatcheckException.NotEnrolled -> askForCode(e.officerText)
 *         else -> say(e.officerText)
 *     }
 * }
 * ```
 *
 * None of the texts carries personal data or a secret, and neither does [message], which is [logText]. An exception that the
 * app's own [KeyVault][org.beatcheck.ffi.KeyVault] throws arrives as [Storage] with code `vault`; its text and its stack stay
 * behind.
 *
 * @property code stable; the table is in `docs/cli.md`.
 * @property officerText for the officer, in plain words: what it means and what to do. English.
 * @property logText for a log: the code and its cause.
 */
public sealed class BeatcheckException(
    public val code: String,
    public val officerText: String,
    public val logText: String,
    cause: Throwable? = null,
) : Exception(logText, cause) {

    /** Enrol first, or anew: show the enrolment screen. Code `wiped` where the device was erased. */
    public class NotEnrolled internal constructor(code: String, officerText: String, logText: String) :
        BeatcheckException(code, officerText, logText)

    /** Ask for the PIN or the biometric check, or wait (code `pin_wait`): show the unlock screen. */
    public class Locked internal constructor(code: String, officerText: String, logText: String) :
        BeatcheckException(code, officerText, logText)

    /** The hub could not be reached, or refused. Checks go on with what is held; try again later, or do what the text says. */
    public class Hub internal constructor(code: String, officerText: String, logText: String) :
        BeatcheckException(code, officerText, logText)

    /** The check is not on record, so there is no answer: show nothing of it. */
    public class NotAccounted internal constructor(code: String, officerText: String, logText: String) :
        BeatcheckException(code, officerText, logText)

    /** What was given cannot be used: mend it. Trying again unchanged will not help. */
    public class Invalid internal constructor(code: String, officerText: String, logText: String) :
        BeatcheckException(code, officerText, logText)

    /** Files, keys or space on this device: tell the officer. */
    public class Storage internal constructor(code: String, officerText: String, logText: String) :
        BeatcheckException(code, officerText, logText)

    /** Paused (`paused`: resume), closed (`closed`: make a new [Beatcheck]), cancelled, or still busy when it was to pause. */
    public class Suspended internal constructor(code: String, officerText: String, logText: String) :
        BeatcheckException(code, officerText, logText)

    /**
     * The app was put together wrongly, and a new build of it is the only remedy: the native library is missing (code
     * `library_missing`) or is not the one that this package was made with (code `binding`). Thrown by [Beatcheck.checkLibrary] and
     * by whatever is called first.
     */
    public class Library internal constructor(code: String, officerText: String, logText: String) :
        BeatcheckException(code, officerText, logText)

    /**
     * A defect of the core, code `defect`: report it. The core's own words are dropped, for they may hold anything. What was asked
     * was not answered; other calls go on.
     */
    public class Defect internal constructor() : BeatcheckException(
        "defect",
        "Something went wrong in this app. Try again; if it stays so, use the radio and tell your administrator.",
        "defect: the core panicked; its own log says where",
    )

    internal companion object {
        /** As the core says it of a device that was closed: after that there is no core to ask. A test compares the texts. */
        fun closed(): Suspended =
            Suspended("closed", "Closed. Open the app again.", "closed: the device was closed: open it anew")

        /** As the core says it of a sync in another process. */
        fun watching(): Hub = Hub("sync_running", "An update is running already.", "sync_running: a watch is under way")
    }
}

/** The core's error as ours. The compiler refuses it when the core has one more. */
internal fun ApiException.asBeatcheck(): BeatcheckException = when (this) {
    is ApiException.NotEnrolled -> BeatcheckException.NotEnrolled(code, officerText, logText)
    is ApiException.Locked -> BeatcheckException.Locked(code, officerText, logText)
    is ApiException.Hub -> BeatcheckException.Hub(code, officerText, logText)
    is ApiException.NotAccounted -> BeatcheckException.NotAccounted(code, officerText, logText)
    is ApiException.Invalid ->
        if (code == "binding") {
            BeatcheckException.Library(code, officerText, logText)
        } else {
            BeatcheckException.Invalid(code, officerText, logText)
        }
    is ApiException.Storage -> BeatcheckException.Storage(code, officerText, logText)
    is ApiException.Suspended -> BeatcheckException.Suspended(code, officerText, logText)
}
