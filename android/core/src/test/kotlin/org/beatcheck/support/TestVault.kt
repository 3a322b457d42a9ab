// A key vault written in Kotlin, as an app's is, over the desk vault's cryptography. It can be told to fail.

package org.beatcheck.support

import org.beatcheck.ffi.KeyUse
import org.beatcheck.ffi.KeyVault
import org.beatcheck.ffi.VaultException
import org.beatcheck.ffi.deskVault
import java.io.File
import java.util.concurrent.atomic.AtomicInteger

class TestVault(val dir: File) : KeyVault {
    private val inner = deskVault(dir.path)
    val calls = AtomicInteger()

    /** Thrown instead of each answer. */
    @Volatile
    var throws: (() -> Throwable)? = null

    /** Labels whose keys are gone. */
    @Volatile
    var lost: (String) -> Boolean = { false }

    private fun <T> ask(label: String, question: () -> T): T {
        calls.incrementAndGet()
        throws?.let { throw it() }
        if (lost(label)) throw VaultException.NoSuchKey()
        return question()
    }

    override fun kind() = "desk"
    override fun create(label: String, keyUse: KeyUse) = ask(label) {
        inner.create(label, if (keyUse == KeyUse.WRAP_PRESENCE) KeyUse.WRAP else keyUse)
    }
    override fun publicKey(label: String) = ask(label) { inner.publicKey(label) }
    override fun sign(label: String, message: ByteArray) = ask(label) { inner.sign(label, message) }
    override fun wrap(label: String, plain: ByteArray) = ask(label) { inner.wrap(label, plain) }
    override fun unwrap(label: String, wrapped: ByteArray) = ask(label) { inner.unwrap(label, wrapped) }
    override fun mix(label: String, input: ByteArray) = ask(label) { inner.mix(label, input) }
    override fun counter(label: String) = ask(label) { inner.counter(label) }
    override fun attest(label: String, nonce: ByteArray) = ask(label) { inner.attest(label, nonce) }
    override fun destroy(label: String) = ask(label) { inner.destroy(label) }
}
