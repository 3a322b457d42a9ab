// Stands between the core and the app's key vault, and lets only what the core knows come out of it.
//
// The generated code hands on exceptions, but nothing that is an Error (no memory, a class that is missing): that ends in JNA, which
// prints it, and the core takes what came back for an answer. A key that was not destroyed would count as destroyed. And the
// text of whatever is thrown may say anything, so it ends here.

package org.beatcheck

import org.beatcheck.ffi.KeyUse
import org.beatcheck.ffi.KeyVault
import org.beatcheck.ffi.KeyVaultImpl
import org.beatcheck.ffi.VaultException

internal class GuardedVault private constructor(private val inner: KeyVault, private val heard: (Throwable) -> Unit) : KeyVault {
    override fun kind(): String = guard { inner.kind() }
    override fun create(label: String, keyUse: KeyUse): ByteArray = guard { inner.create(label, keyUse) }
    override fun publicKey(label: String): ByteArray = guard { inner.publicKey(label) }
    override fun sign(label: String, message: ByteArray): ByteArray = guard { inner.sign(label, message) }
    override fun wrap(label: String, plain: ByteArray): ByteArray = guard { inner.wrap(label, plain) }
    override fun unwrap(label: String, wrapped: ByteArray): ByteArray = guard { inner.unwrap(label, wrapped) }
    override fun mix(label: String, input: ByteArray): ByteArray = guard { inner.mix(label, input) }
    override fun counter(label: String): ULong = guard { inner.counter(label) }
    override fun attest(label: String, nonce: ByteArray): ByteArray = guard { inner.attest(label, nonce) }
    override fun destroy(label: String): Unit = guard { inner.destroy(label) }

    private inline fun <T> guard(ask: () -> T): T = try {
        ask()
    } catch (e: VaultException) {
        throw e
    } catch (e: Throwable) {
        if (e is InterruptedException) Thread.currentThread().interrupt()
        runCatching { heard(e) } // Whatever the app does with it, the core gets its answer.
        throw VaultException.Failed()
    }

    companion object {
        /** [vault], guarded; the core's own desk vault needs no guard. */
        fun over(vault: KeyVault, heard: (Throwable) -> Unit): KeyVault =
            if (vault is KeyVaultImpl) vault else GuardedVault(vault, heard)
    }
}
