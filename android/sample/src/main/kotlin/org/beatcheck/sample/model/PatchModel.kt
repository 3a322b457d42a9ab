// Security updates that are too old: what the officer is told, and whether the app goes on. Whether they are is PatchLevel's word.

package org.beatcheck.sample.model

import org.beatcheck.android.PatchLevel.Verdict

/**
 * @property goOn whether the officer may go on to what is on the phone. A phone that is enrolled may: taking checks away in the street is for
 *   the hub, which can, and not for the phone's own word. One that is not would be enrolled with a defect that is known.
 */
data class PatchModel(val lines: List<Line>, val goOn: Boolean) {
    companion object {
        /** Nothing where there is nothing to say. */
        fun of(verdict: Verdict, least: Int, actual: String, enrolled: Boolean): PatchModel? {
            val found = when (verdict) {
                Verdict.ENOUGH -> return null
                Verdict.TOO_OLD -> "Security updates of this phone are of ${actual.trim().take(MONTH)}"
                Verdict.UNREADABLE -> "This phone does not say how new its security updates are"
            }
            val wanted = "%04d-%02d".format(least / 100, least % 100)
            return PatchModel(
                listOfNotNull(
                    Line("$found; $wanted or later is needed.", Tone.CAUTION),
                    Line("1. Off patrol, with power and Wi-Fi: open Settings, look for system updates, install them, restart.", Tone.CALM),
                    Line("2. If there are none, or this comes again: ask your administrator for another phone.", Tone.CALM),
                    if (enrolled) {
                        Line("Until then you can go on. The hub may refuse this phone.", Tone.QUIET)
                    } else {
                        Line("It cannot be enrolled before.", Tone.QUIET)
                    },
                ),
                goOn = enrolled,
            )
        }

        private const val MONTH = "YYYY-MM".length
    }
}
