// The switch for unlocking by finger or face. Whether policy and the vault have it is the core's to say, when it is asked to switch it on: the
// status does not tell before.

package org.beatcheck.sample.model

import org.beatcheck.BeatcheckException
import org.beatcheck.ffi.UnlockStatus

/**
 * @property shown without a PIN there is nothing that finger or face could stand for.
 * @property note why the last try to switch it on failed.
 */
data class BiometricModel(val shown: Boolean, val on: Boolean, val note: Line?) {
    companion object {
        fun of(unlock: UnlockStatus?, refused: BeatcheckException? = null): BiometricModel = BiometricModel(
            shown = unlock?.pinSet == true,
            on = unlock?.biometric == true,
            // Once it is on, what stood in its way before is over.
            note = refused?.takeIf { unlock?.biometric != true }?.let { Line(words(it), Tone.CAUTION) },
        )

        /** The core has one code for a policy without this and for a vault that has no such key: its text would send the phone to repair. */
        private fun words(refused: BeatcheckException) = if (refused.code == "vault") NOT_TO_BE_HAD else refused.officerText

        internal const val NOT_TO_BE_HAD =
            "Not on this phone now: policy may not allow it, or no finger or face is set up in Settings. Your PIN goes on as before."
    }
}
