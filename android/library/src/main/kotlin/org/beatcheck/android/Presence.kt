// Asking the officer for finger or face before a key is used. The vault waits here, on a thread of the core's.

package org.beatcheck.android

import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicBoolean
import javax.crypto.Cipher

/** Asks the officer to show who they are, for one use of one key. */
public fun interface Presence {
    /**
     * Waits until the officer has passed the platform's check for exactly this `cipher`, or not: then false. Never called on the main
     * thread.
     */
    public fun confirm(cipher: Cipher): Boolean

    /** For an app without biometric unlocking: nobody is there. */
    public object None : Presence {
        override fun confirm(cipher: Cipher): Boolean = false
    }
}

/** The platform's dialog, as [PromptPresence] drives it. */
internal interface Prompt {
    /** Whether the calling thread may not wait, because the dialog needs it. */
    fun onMainThread(): Boolean

    /** Shows the dialog; `answer` comes at most once and on any thread. What is returned takes the dialog away. */
    fun show(cipher: Cipher, answer: (Boolean) -> Unit): () -> Unit
}

/** Waits for the dialog, one at a time, and not for ever. */
internal class PromptPresence(private val prompt: Prompt, private val patienceMs: Long = 60_000) : Presence {
    private val showing = AtomicBoolean()

    override fun confirm(cipher: Cipher): Boolean {
        // Waiting here on the main thread would be waiting for oneself.
        if (prompt.onMainThread()) return false
        // Two dialogs on top of each other: nobody could say which key the finger was for.
        if (!showing.compareAndSet(false, true)) return false
        try {
            val answered = CountDownLatch(1)
            val passed = AtomicBoolean()
            val dismiss = prompt.show(cipher) { yes ->
                passed.set(yes)
                answered.countDown()
            }
            if (!answered.await(patienceMs, TimeUnit.MILLISECONDS)) {
                dismiss()
                return false
            }
            return passed.get()
        } catch (_: InterruptedException) {
            Thread.currentThread().interrupt()
            return false
        } finally {
            showing.set(false)
        }
    }
}
