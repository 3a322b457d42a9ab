// The platform's own biometric dialog (android.hardware.biometrics, API 28): thin, because only a phone can show it.

package org.beatcheck.android

import android.content.Context
import android.hardware.biometrics.BiometricManager.Authenticators.BIOMETRIC_STRONG
import android.hardware.biometrics.BiometricPrompt
import android.os.Build
import android.os.CancellationSignal
import android.os.Handler
import android.os.Looper
import java.util.concurrent.Executor
import javax.crypto.Cipher

/**
 * Asks by the platform's biometric dialog, bound to the one cipher that it unlocks: strong biometrics only, no lock-screen PIN in its place
 * (the app's own PIN is the other way in). A dialog that is cancelled, fails or is not answered within a minute counts as no.
 *
 * `context` must be an activity's while the dialog is up: hand in a function that gives the one in the foreground.
 */
public class BiometricPresence(context: () -> Context?) : Presence by PromptPresence(PlatformPrompt(context)) {
    private class PlatformPrompt(private val context: () -> Context?) : Prompt {
        override fun onMainThread(): Boolean = Looper.myLooper() == Looper.getMainLooper()

        override fun show(cipher: Cipher, answer: (Boolean) -> Unit): () -> Unit {
            val within = context() ?: return {}.also { answer(false) }
            val main = Handler(Looper.getMainLooper())
            val onMain = Executor { main.post(it) }
            val cancel = CancellationSignal()
            val texts = Texts(within)
            val builder = BiometricPrompt.Builder(within)
                .setTitle(texts["beatcheck_presence_title"])
                .setNegativeButton(texts["beatcheck_presence_use_pin"], onMain) { _, _ -> answer(false) }
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) builder.setAllowedAuthenticators(BIOMETRIC_STRONG)
            val callback = object : BiometricPrompt.AuthenticationCallback() {
                override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult?) = answer(true)

                // A finger that is not known is not the end: the dialog stays up, and says so itself.
                override fun onAuthenticationFailed() = Unit

                override fun onAuthenticationError(code: Int, text: CharSequence?) = answer(false)
            }
            main.post {
                builder.build().authenticate(BiometricPrompt.CryptoObject(cipher), cancel, onMain, callback)
            }
            return cancel::cancel
        }
    }
}
