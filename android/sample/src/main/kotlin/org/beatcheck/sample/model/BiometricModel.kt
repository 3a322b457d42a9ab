// The switch for unlocking by finger or face. Whether policy allows it, the status tells; whether the phone has it, the core says when it is
// asked to switch it on.

package org.beatcheck.sample.model

import org.beatcheck.BeatcheckException
import org.beatcheck.ffi.UnlockStatus

/**
 * @property shown without a PIN there is nothing that finger or face could stand for, and policy may forbid it.
 * @property note why the last try to switch it on failed.
 */
data class BiometricModel(val shown: Boolean, val on: Boolean, val note: Line?) {
    companion object {
        fun of(unlock: UnlockStatus?, refused: BeatcheckException? = null): BiometricModel = BiometricModel(
            shown = unlock?.pinSet == true && unlock.biometricAllowed,
            on = unlock?.biometric == true,
            // Once it is on, what stood in its way before is over.
            note = refused?.takeIf { unlock?.biometric != true }?.let { Line(it.officerText, Tone.CAUTION) },
        )
    }
}
