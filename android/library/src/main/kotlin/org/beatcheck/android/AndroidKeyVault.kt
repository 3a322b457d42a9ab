// The key vault on a phone: the core's keys in the Android Keystore. Decides which key is bound to what, and what the core is told when the
// platform refuses. Wire formats: a wrapped blob is 1 byte (version), 12 (IV), ciphertext with its tag.

package org.beatcheck.android

import java.security.Signature
import javax.crypto.Cipher
import javax.crypto.Mac
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import org.beatcheck.ffi.KeyUse
import org.beatcheck.ffi.KeyVault
import org.beatcheck.ffi.VaultException

/** What a force may choose about the vault. The defaults are meant for use on patrol. */
public data class VaultOptions(
    /** Use StrongBox: where there is one, always (then a phone without cannot enrol), or never. */
    val strongBox: StrongBoxUse = StrongBoxUse.WHERE_THERE,
    /**
     * Bind *every* key to an unlocked phone. By default only those that open records are (`mix`, biometric): a phone in a pocket must be
     * able to hand in its account and to hear of a wipe, which needs the others.
     */
    val everythingNeedsUnlockedPhone: Boolean = false,
    /** Take keys that live in software. For an emulator alone: the hub's attestation refuses such a device anyway. */
    val allowSoftwareKeys: Boolean = false,
)

/** Use of StrongBox, the separate security chip that some phones have. */
public enum class StrongBoxUse { WHERE_THERE, ALWAYS, NEVER }

/**
 * The core's keys in the Android Keystore.
 *
 * Signing keys are P-256, wrapping keys AES-256-GCM, the PIN is mixed by HMAC-SHA-256; all are made inside and never leave. There is **no
 * counter**: no phone's Keystore has a number that only grows and that an app can read (`setMaxUsageCount` destroys a key after so many
 * uses, and says nothing of how many there were), so [counter] says `Unsupported`, and the core does without and reports that.
 *
 * What the platform's failures become:
 *
 * | platform | core | what the app does |
 * |---|---|---|
 * | no such key, or `KeyPermanentlyInvalidatedException` | `NoSuchKey` | biometric key: unlock by PIN, switch it on again; other keys: `recover`, then enrol anew |
 * | `UserNotAuthenticatedException`, phone locked, prompt cancelled | `Locked` | ask again |
 * | wrong tag, wrong form | `NotOurs` | `recover`, then enrol anew |
 * | anything else | `Failed` | try again |
 *
 * Threading: any thread but the main one for the biometric key, which waits for the officer.
 *
 * ```kotlin
 * val vault = AndroidKeyVault.of(context, BiometricPresence { activityInFront })
 * ```
 */
public class AndroidKeyVault internal constructor(
    private val keys: KeyHolder,
    private val presence: Presence,
    private val options: VaultOptions = VaultOptions(),
) : KeyVault {
    /** Making, replacing and destroying one key is one step to other threads. */
    private val making = Any()

    override fun kind(): String = "android-keystore"

    override fun create(label: String, keyUse: KeyUse): ByteArray {
        val kind = when (keyUse) {
            KeyUse.SIGN -> KeyKind.SIGN
            KeyUse.WRAP -> KeyKind.WRAP
            KeyUse.WRAP_PRESENCE -> KeyKind.PRESENCE
            KeyUse.MIX -> KeyKind.MIX
        }
        val alias = alias(label)
        return refusing {
            synchronized(making) {
                make(alias, kind, challenge = null)
                if (kind == KeyKind.SIGN) point(alias) else ByteArray(0)
            }
        }
    }

    override fun publicKey(label: String): ByteArray = alias(label).let { refusing { point(it) } }

    override fun sign(label: String, message: ByteArray): ByteArray {
        val alias = alias(label)
        return refusing {
            val key = keys.privateKey(alias) ?: throw VaultException.NoSuchKey()
            Signature.getInstance("SHA256withECDSA").run {
                initSign(key)
                update(message)
                sign()
            }
        }
    }

    override fun wrap(label: String, plain: ByteArray): ByteArray {
        if (plain.size > MAX_PLAIN) throw VaultException.Failed()
        val alias = alias(label)
        return refusing {
            val cipher = Cipher.getInstance(GCM)
            cipher.init(Cipher.ENCRYPT_MODE, secret(alias))
            val sealed = present(alias, cipher).run {
                updateAAD(alias.toByteArray())
                doFinal(plain)
            }
            // The Keystore chooses the IV; another length would be another format.
            if (cipher.iv.size != IV) throw VaultException.Failed()
            byteArrayOf(VERSION) + cipher.iv + sealed
        }
    }

    override fun unwrap(label: String, wrapped: ByteArray): ByteArray {
        val alias = alias(label)
        return refusing {
            val key = secret(alias)
            if (wrapped.size < 1 + IV + TAG || wrapped[0] != VERSION) throw VaultException.NotOurs()
            val cipher = Cipher.getInstance(GCM)
            cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(TAG * 8, wrapped, 1, IV))
            present(alias, cipher).run {
                updateAAD(alias.toByteArray())
                doFinal(wrapped, 1 + IV, wrapped.size - 1 - IV)
            }
        }
    }

    override fun mix(label: String, input: ByteArray): ByteArray {
        val alias = alias(label)
        return refusing {
            val key = secret(alias)
            Mac.getInstance(HMAC).run {
                init(key)
                doFinal(input)
            }
        }
    }

    override fun counter(label: String): ULong = throw VaultException.Unsupported()

    /**
     * The certificate chain of a signing key, made under [nonce].
     *
     * The Keystore attests a key only while it makes it. A key that was made without this challenge is therefore made *anew* here, in place
     * of the one before: the core asks for attestation at enrolment alone, before the key is certified. Asking again with the same
     * challenge gives the same key's chain.
     */
    override fun attest(label: String, nonce: ByteArray): ByteArray {
        val alias = alias(label)
        return refusing {
            synchronized(making) {
                if (keys.privateKey(alias) == null) throw VaultException.NoSuchKey()
                if (!Attestation.challenge(keys.certificates(alias)).contentEquals(nonce)) {
                    make(alias, KeyKind.SIGN, nonce)
                }
                val chain = keys.certificates(alias)
                // A Keystore without attestation gives a certificate that says nothing: then there is none to hand over.
                if (Attestation.challenge(chain) == null) throw VaultException.Failed()
                Attestation.encode(chain)
            }
        }
    }

    override fun destroy(label: String) {
        val alias = alias(label)
        refusing { synchronized(making) { keys.delete(alias) } }
    }

    /**
     * What the phone's hardware says of a key that was attested (level, patch, boot state), for a support screen. It is what this phone
     * claims; the hub decides by the chain. Nothing if the key is not there or was not attested.
     */
    public fun statement(label: String): KeyStatement? =
        refusing { keys.certificates(alias(label)).firstOrNull()?.let(Attestation::statement) }

    /** Makes a key in StrongBox or, where there is none and the options allow it, in the TEE. */
    private fun make(alias: String, kind: KeyKind, challenge: ByteArray?) {
        keys.delete(alias)
        val unlockedPhone = options.everythingNeedsUnlockedPhone || kind == KeyKind.PRESENCE || kind == KeyKind.MIX
        fun request(strongBox: Boolean) = KeyRequest(alias, kind, strongBox, unlockedPhone, challenge)
        when {
            options.strongBox == StrongBoxUse.ALWAYS -> keys.generate(request(strongBox = true))
            options.strongBox == StrongBoxUse.NEVER || !keys.hasStrongBox -> keys.generate(request(strongBox = false))
            else -> try {
                keys.generate(request(strongBox = true))
            } catch (e: Exception) {
                if (keys.trouble(e) != Trouble.NO_STRONGBOX) throw e
                keys.delete(alias)
                keys.generate(request(strongBox = false))
            }
        }
        if (!options.allowSoftwareKeys && !keys.inHardware(alias)) {
            keys.delete(alias)
            throw VaultException.Failed()
        }
    }

    /** The cipher, after the officer was seen where its key wants that. */
    private fun present(alias: String, cipher: Cipher): Cipher {
        if (keys.needsPresence(alias) && !presence.confirm(cipher)) throw VaultException.Locked()
        return cipher
    }

    private fun secret(alias: String): SecretKey = keys.secretKey(alias) ?: throw VaultException.NoSuchKey()

    private fun point(alias: String): ByteArray {
        val own = keys.certificates(alias).firstOrNull() ?: throw VaultException.NoSuchKey()
        return Points.uncompressed(own.publicKey) ?: throw VaultException.NoSuchKey()
    }

    private fun alias(label: String): String {
        val plain = label.isNotEmpty() && label.length <= MAX_LABEL &&
            label.all { it in 'a'..'z' || it in 'A'..'Z' || it in '0'..'9' || it == '-' || it == '_' || it == '.' }
        if (!plain) throw VaultException.Failed()
        return PREFIX + label
    }

    /** Turns whatever the platform throws into the few things that the core knows. Its text is dropped. */
    private inline fun <T> refusing(block: () -> T): T = try {
        block()
    } catch (e: VaultException) {
        throw e
    } catch (e: Exception) {
        throw when (keys.trouble(e)) {
            Trouble.LOCKED -> VaultException.Locked()
            Trouble.INVALIDATED -> VaultException.NoSuchKey()
            Trouble.NOT_OURS -> VaultException.NotOurs()
            Trouble.NOTHING_TO_ASK_FOR -> VaultException.Unsupported()
            Trouble.NO_STRONGBOX, Trouble.OTHER -> VaultException.Failed()
        }
    }

    public companion object {
        /**
         * The vault of this app on this phone.
         *
         * @param presence asks the officer for finger or face; [Presence.None] in an app without biometric unlocking.
         */
        @JvmStatic
        @JvmOverloads
        public fun of(
            context: android.content.Context,
            presence: Presence,
            options: VaultOptions = VaultOptions(),
        ): AndroidKeyVault = AndroidKeyVault(AndroidKeyHolder(context.applicationContext), presence, options)

        internal const val PREFIX = "org.beatcheck."
        internal const val GCM = "AES/GCM/NoPadding"
        internal const val HMAC = "HmacSHA256"
        private const val VERSION: Byte = 1
        private const val IV = 12
        private const val TAG = 16
        private const val MAX_PLAIN = 64 * 1024
        private const val MAX_LABEL = 64
    }
}
