// The system's security patch level against the least that a force wants. The phone's own word, for telling the officer early; the hub asks the
// hardware (docs/attestation.md).

package org.beatcheck.android

import android.os.Build

/** Whether the system's security updates are new enough. */
public object PatchLevel {
    /** What was found. */
    public enum class Verdict { ENOUGH, TOO_OLD, UNREADABLE }

    private val FORM = Regex("""(\d{4})-(\d{2})(?:-\d{2})?""")

    /**
     * Compares months, as the hub does.
     *
     * @param least the least that is wanted, `YYYYMM`, as in `hub attestation set --android-patch`.
     * @param actual the system's; a level that does not read is no level.
     */
    @JvmStatic
    @JvmOverloads
    public fun check(least: Int, actual: String = Build.VERSION.SECURITY_PATCH): Verdict {
        val (year, month) = FORM.matchEntire(actual.trim())?.destructured ?: return Verdict.UNREADABLE
        val found = year.toInt() * 100 + month.toInt()
        return if (month.toInt() in 1..12) {
            if (found >= least) Verdict.ENOUGH else Verdict.TOO_OLD
        } else {
            Verdict.UNREADABLE
        }
    }
}
