// The vault's rules over real ciphers. What of them is the Keystore's own (that a key cannot be read out) only a phone can show.

package org.beatcheck.android

import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import org.beatcheck.android.support.JdkKeyHolder
import org.beatcheck.ffi.KeyUse
import org.beatcheck.ffi.VaultException
import org.junit.jupiter.api.Test
import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.InvalidAlgorithmParameterException
import java.security.KeyFactory
import java.security.ProviderException
import java.security.Signature
import java.security.cert.CertificateFactory
import java.security.cert.X509Certificate
import javax.crypto.AEADBadTagException
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

class AndroidKeyVaultTest {
    private val keys = JdkKeyHolder()
    private var present = true
    private val vault = AndroidKeyVault(keys, { present })
    private val text = "what is kept".toByteArray()

    @Test
    fun `signs with a key that can do nothing else`() {
        val point = vault.create("identity", KeyUse.SIGN)
        assertContentEquals(point, vault.publicKey("identity"))
        val signature = vault.sign("identity", text)
        val public = keys.held.getValue("org.beatcheck.identity").chain.first().publicKey
        assertTrue(Signature.getInstance("SHA256withECDSA").run { initVerify(public); update(text); verify(signature) })
        assertEquals("EC", KeyFactory.getInstance("EC").algorithm)
        assertFailsWith<VaultException.NoSuchKey> { vault.wrap("identity", text) }
    }

    @Test
    fun `wraps, and gives nothing for a blob that is not its own`() {
        vault.create("store", KeyUse.WRAP)
        vault.create("other", KeyUse.WRAP)
        val blob = vault.wrap("store", text)
        assertContentEquals(text, vault.unwrap("store", blob))
        assertNotEquals(blob.toList(), vault.wrap("store", text).toList(), "an IV of its own each time")
        assertFailsWith<VaultException.NotOurs> { vault.unwrap("other", blob) }
        for (at in blob.indices) {
            val bent = blob.copyOf().also { it[at] = (it[at].toInt() xor 1).toByte() }
            assertFailsWith<VaultException.NotOurs>("byte $at") { vault.unwrap("store", bent) }
        }
        for (size in 0 until 29) assertFailsWith<VaultException.NotOurs> { vault.unwrap("store", blob.copyOf(size)) }
        assertFailsWith<VaultException.Failed> { vault.wrap("store", ByteArray(65 * 1024)) }
    }

    @Test
    fun `a blob of one label does not open under another, though the key were the same`() {
        vault.create("store", KeyUse.WRAP)
        val blob = vault.wrap("store", text)
        keys.held["org.beatcheck.moved"] = keys.held.getValue("org.beatcheck.store")
        assertFailsWith<VaultException.NotOurs> { vault.unwrap("moved", blob) }
    }

    @Test
    fun `mixes the same from the same, with a key of its own`() {
        vault.create("pin", KeyUse.MIX)
        val mixed = vault.mix("pin", text)
        assertEquals(32, mixed.size)
        assertContentEquals(mixed, vault.mix("pin", text))
        vault.create("pin", KeyUse.MIX)
        assertNotEquals(mixed.toList(), vault.mix("pin", text).toList())
    }

    @Test
    fun `the biometric key asks each time, and a no is a lock`() {
        vault.create("bio", KeyUse.WRAP_PRESENCE)
        val blob = vault.wrap("bio", text)
        assertContentEquals(text, vault.unwrap("bio", blob))
        present = false
        assertFailsWith<VaultException.Locked> { vault.unwrap("bio", blob) }
        assertFailsWith<VaultException.Locked> { vault.wrap("bio", text) }
    }

    @Test
    fun `changed fingers end the biometric key and no other`() {
        vault.create("bio", KeyUse.WRAP_PRESENCE)
        vault.create("pin", KeyUse.MIX)
        val blob = vault.wrap("bio", text)
        keys.fingersChanged = true
        assertFailsWith<VaultException.NoSuchKey> { vault.unwrap("bio", blob) }
        vault.mix("pin", text)
    }

    @Test
    fun `a locked phone opens no records, and still signs and hears of a wipe`() {
        for ((label, use) in mapOf("sign" to KeyUse.SIGN, "store" to KeyUse.WRAP, "pin" to KeyUse.MIX, "bio" to KeyUse.WRAP_PRESENCE)) {
            vault.create(label, use)
        }
        keys.phoneLocked = true
        vault.sign("sign", text)
        vault.unwrap("store", vault.wrap("store", text))
        assertFailsWith<VaultException.Locked> { vault.mix("pin", text) }
        assertFailsWith<VaultException.Locked> { vault.wrap("bio", text) }
        val strict = AndroidKeyVault(keys, { true }, VaultOptions(everythingNeedsUnlockedPhone = true))
        strict.create("sign", KeyUse.SIGN)
        assertFailsWith<VaultException.Locked> { strict.sign("sign", text) }
    }

    @Test
    fun `StrongBox where it is, the TEE where it is not, and no phone without where it must`() {
        vault.create("a", KeyUse.SIGN)
        assertTrue(keys.held.getValue("org.beatcheck.a").request.strongBox)
        keys.strongBoxRefuses = true
        vault.create("a", KeyUse.SIGN)
        assertFalse(keys.held.getValue("org.beatcheck.a").request.strongBox)
        assertEquals(listOf(true, true, false), keys.asked.map { it.strongBox })
        val must = AndroidKeyVault(keys, { true }, VaultOptions(strongBox = StrongBoxUse.ALWAYS))
        assertFailsWith<VaultException.Failed> { must.create("b", KeyUse.SIGN) }
        val without = JdkKeyHolder(hasStrongBox = false)
        AndroidKeyVault(without, { true }).create("c", KeyUse.WRAP)
        assertFalse(without.asked.single().strongBox)
    }

    @Test
    fun `keys in software are destroyed again, unless an emulator is meant`() {
        keys.hardware = false
        assertFailsWith<VaultException.Failed> { vault.create("a", KeyUse.WRAP) }
        assertTrue(keys.held.isEmpty())
        AndroidKeyVault(keys, { true }, VaultOptions(allowSoftwareKeys = true)).create("a", KeyUse.WRAP)
    }

    @Test
    fun `attests under the hub's challenge, once`() {
        vault.create("identity", KeyUse.SIGN)
        assertNull(vault.statement("identity"))
        val nonce = "the hub's".toByteArray()
        val chain = vault.attest("identity", nonce)
        assertContentEquals(chain, vault.attest("identity", nonce), "the same key's chain")
        assertNotEquals(chain.toList(), vault.attest("identity", "another".toByteArray()).toList())
        val again = vault.attest("identity", "another".toByteArray())
        val size = ByteBuffer.wrap(again).order(ByteOrder.LITTLE_ENDIAN).int
        assertEquals(again.size - 4, size)
        val leaf = CertificateFactory.getInstance("X.509").generateCertificate(ByteArrayInputStream(again, 4, size)) as X509Certificate
        assertContentEquals(vault.publicKey("identity"), Points.uncompressed(leaf.publicKey), "the key that signs is the attested one")
        assertEquals(KeyStatement(KeyStatement.Level.STRONGBOX, bootLoaderLocked = true, verifiedBoot = true, 202510), vault.statement("identity"))
    }

    @Test
    fun `a phone that cannot attest says so`() {
        keys.attests = false
        vault.create("identity", KeyUse.SIGN)
        assertFailsWith<VaultException.Failed> { vault.attest("identity", text) }
        assertFailsWith<VaultException.NoSuchKey> { vault.attest("nobody", text) }
    }

    @Test
    fun `a description that is no DER is none, and no crash`() {
        vault.create("identity", KeyUse.SIGN)
        vault.attest("identity", text)
        val good = keys.certificates("org.beatcheck.identity").first().getExtensionValue(Attestation.EXTENSION)
        for (size in good.indices) assertNull(Der.one(good.copyOf(size)), "cut at $size")
        for (seed in 0 until 2_000) {
            val bent = good.copyOf().also { it[seed % good.size] = (seed * 31 / 7).toByte() }
            Der.one(bent)?.let { Der.one(it.bytes()) }?.let(Der::children)
        }
    }

    @Test
    fun `destroyed is gone, twice is once, and labels are plain words`() {
        vault.create("a", KeyUse.MIX)
        vault.destroy("a")
        vault.destroy("a")
        assertFailsWith<VaultException.NoSuchKey> { vault.mix("a", text) }
        for (label in listOf("", "a/b", "a b", "ä", "x".repeat(65))) {
            assertFailsWith<VaultException.Failed>(label) { vault.create(label, KeyUse.MIX) }
        }
        assertFailsWith<VaultException.Unsupported> { vault.counter("a") }
        assertEquals("android-keystore", vault.kind())
    }

    @Test
    fun `what the platform throws means one of a few things, wrapped or not`() {
        fun of(error: Throwable, locked: Boolean = false) = PlatformTrouble.of(error, api = 35) { locked }
        assertEquals(Trouble.NO_STRONGBOX, of(ProviderException(StrongBoxUnavailableException())))
        assertEquals(Trouble.INVALIDATED, of(ProviderException(RuntimeException(KeyPermanentlyInvalidatedException()))))
        assertEquals(Trouble.LOCKED, of(UserNotAuthenticatedException()))
        assertEquals(Trouble.NOT_OURS, of(AEADBadTagException()))
        assertEquals(Trouble.OTHER, of(ProviderException("no idea")))
        val noFinger = IllegalStateException("At least one biometric must be enrolled")
        assertEquals(Trouble.NOTHING_TO_ASK_FOR, of(InvalidAlgorithmParameterException(noFinger)))
        assertEquals(Trouble.OTHER, of(InvalidAlgorithmParameterException(IllegalArgumentException("a key of another size"))))
        assertEquals(Trouble.LOCKED, of(ProviderException("no idea"), locked = true))
        val loop = RuntimeException().also { it.initCause(RuntimeException(it)) }
        assertEquals(Trouble.OTHER, of(loop), "a cause that is its own cause ends")
    }
}
