// Where keys are held, as the vault sees it: the Android Keystore on a phone, the JDK's own ciphers in a test. Rules (which key needs what,
// what a failure means to the core) stand in AndroidKeyVault, so that they are tested; this is only what differs.

package org.beatcheck.android

import java.security.PrivateKey
import java.security.cert.X509Certificate
import javax.crypto.SecretKey

/** What a key can do. */
internal enum class KeyKind {
    /** ECDSA P-256 with SHA-256, and nothing else. */
    SIGN,

    /** AES-256-GCM. */
    WRAP,

    /** AES-256-GCM, each use after a biometric check; gone when the enrolled fingers or faces change. */
    PRESENCE,

    /** HMAC-SHA-256. */
    MIX,
}

/** A key to be made. */
internal class KeyRequest(
    val alias: String,
    val kind: KeyKind,
    /** In the phone's separate security chip. */
    val strongBox: Boolean,
    /** Usable only while the phone itself is unlocked. */
    val unlockedPhone: Boolean,
    /** The challenge of an attestation, for signing keys. */
    val challenge: ByteArray? = null,
)

/** What a failure of the platform means. */
internal enum class Trouble {
    /** There is no StrongBox, or it cannot make such a key. */
    NO_STRONGBOX,

    /** The phone is locked, or the officer has not shown who they are. */
    LOCKED,

    /** The key was destroyed by the platform: fingers or faces changed, or the lock screen was removed. */
    INVALIDATED,

    /** No finger, face or lock screen is set up that such a key could ask for. */
    NOTHING_TO_ASK_FOR,

    /** The blob was not made by this key, or was altered. */
    NOT_OURS,

    /** Anything else. */
    OTHER,
}

/** Holds keys that do not leave. All calls may come from any thread. */
internal interface KeyHolder {
    /** Whether this phone says that it has a StrongBox. */
    val hasStrongBox: Boolean

    /** Makes a key. Throws what the platform throws; [trouble] tells what it means. */
    fun generate(request: KeyRequest)

    /** The private half of a signing key, opaque. */
    fun privateKey(alias: String): PrivateKey?

    /** A wrapping or mixing key, opaque. */
    fun secretKey(alias: String): SecretKey?

    /** The chain of a signing key, its own certificate first; empty if there is no such key. */
    fun certificates(alias: String): List<X509Certificate>

    /** Whether the key is one that cannot be used without a biometric check. */
    fun needsPresence(alias: String): Boolean

    /** Whether the key lives in secure hardware (TEE or StrongBox). */
    fun inHardware(alias: String): Boolean

    /** Destroys a key; one that is not there is no failure. */
    fun delete(alias: String)

    /** What a failure of one of these calls, or of a cipher with one of these keys, means. */
    fun trouble(error: Throwable): Trouble
}
