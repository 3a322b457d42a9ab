// Keys in the Android Keystore: how each kind is asked for, and what the platform's exceptions mean. Compiled against the framework's own
// classes; it has not run on a phone here.

package org.beatcheck.android

import android.app.KeyguardManager
import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.security.KeyStoreException as PlatformKeyStoreException
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.PrivateKey
import java.security.cert.X509Certificate
import java.security.spec.ECGenParameterSpec
import java.security.InvalidAlgorithmParameterException
import javax.crypto.AEADBadTagException
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.SecretKeyFactory

internal class AndroidKeyHolder(private val context: Context) : KeyHolder {
    private val store: KeyStore by lazy { KeyStore.getInstance(PROVIDER).apply { load(null) } }

    override val hasStrongBox: Boolean
        get() = context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE)

    override fun generate(request: KeyRequest) {
        val spec = spec(request)
        when (request.kind) {
            KeyKind.SIGN -> KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, PROVIDER).run {
                initialize(spec)
                generateKeyPair()
            }
            else -> KeyGenerator.getInstance(algorithm(request.kind), PROVIDER).run {
                init(spec)
                generateKey()
            }
        }
    }

    private fun algorithm(kind: KeyKind) =
        if (kind == KeyKind.MIX) KeyProperties.KEY_ALGORITHM_HMAC_SHA256 else KeyProperties.KEY_ALGORITHM_AES

    private fun spec(request: KeyRequest): KeyGenParameterSpec {
        val purposes = when (request.kind) {
            // The hub refuses a key that may do more than sign.
            KeyKind.SIGN, KeyKind.MIX -> KeyProperties.PURPOSE_SIGN
            KeyKind.WRAP, KeyKind.PRESENCE -> KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        }
        val builder = KeyGenParameterSpec.Builder(request.alias, purposes)
            .setIsStrongBoxBacked(request.strongBox)
            .setUnlockedDeviceRequired(request.unlockedPhone)
        when (request.kind) {
            KeyKind.SIGN -> builder
                .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
                .setDigests(KeyProperties.DIGEST_SHA256)
            KeyKind.MIX -> builder.setKeySize(256)
            KeyKind.WRAP, KeyKind.PRESENCE -> builder
                .setKeySize(256)
                .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
        }
        if (request.kind == KeyKind.PRESENCE) askForPresence(builder)
        request.challenge?.let(builder::setAttestationChallenge)
        return builder.build()
    }

    private fun askForPresence(builder: KeyGenParameterSpec.Builder) {
        builder.setUserAuthenticationRequired(true).setInvalidatedByBiometricEnrollment(true)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            builder.setUserAuthenticationParameters(0, KeyProperties.AUTH_BIOMETRIC_STRONG)
        } else {
            @Suppress("DEPRECATION") // What API 28 and 29 have: each use by itself, biometrics alone.
            builder.setUserAuthenticationValidityDurationSeconds(-1)
        }
    }

    override fun privateKey(alias: String): PrivateKey? = store.getKey(alias, null) as? PrivateKey

    override fun secretKey(alias: String): SecretKey? = store.getKey(alias, null) as? SecretKey

    override fun certificates(alias: String): List<X509Certificate> =
        store.getCertificateChain(alias).orEmpty().filterIsInstance<X509Certificate>()

    override fun needsPresence(alias: String): Boolean = info(alias)?.isUserAuthenticationRequired ?: false

    override fun inHardware(alias: String): Boolean {
        val info = info(alias) ?: return false
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            return info.securityLevel in listOf(
                KeyProperties.SECURITY_LEVEL_STRONGBOX,
                KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT,
                KeyProperties.SECURITY_LEVEL_UNKNOWN_SECURE,
            )
        }
        @Suppress("DEPRECATION") // What API 28 to 30 have.
        return info.isInsideSecureHardware
    }

    private fun info(alias: String): KeyInfo? = when (val key = store.getKey(alias, null)) {
        is SecretKey -> SecretKeyFactory.getInstance(key.algorithm, PROVIDER).getKeySpec(key, KeyInfo::class.java) as KeyInfo
        is PrivateKey -> KeyFactory.getInstance(key.algorithm, PROVIDER).getKeySpec(key, KeyInfo::class.java)
        else -> null
    }

    override fun delete(alias: String) {
        if (store.containsAlias(alias)) store.deleteEntry(alias)
    }

    override fun trouble(error: Throwable): Trouble = PlatformTrouble.of(error, Build.VERSION.SDK_INT, ::phoneLocked)

    private fun phoneLocked(): Boolean = context.getSystemService(KeyguardManager::class.java)?.isDeviceLocked == true

    private companion object {
        const val PROVIDER = "AndroidKeyStore"
    }
}

/** What the platform's exceptions mean. Apart, because it is looked at without a Keystore. */
internal object PlatformTrouble {
    /** Exceptions come wrapped (`ProviderException` around `KeyStoreException`, ...), a few deep. */
    private const val DEPTH = 8

    fun of(error: Throwable, api: Int, phoneLocked: () -> Boolean): Trouble {
        for (cause in generateSequence(error) { it.cause }.take(DEPTH)) {
            when (cause) {
                is StrongBoxUnavailableException -> return Trouble.NO_STRONGBOX
                is KeyPermanentlyInvalidatedException -> return Trouble.INVALIDATED
                is UserNotAuthenticatedException -> return Trouble.LOCKED
                is AEADBadTagException -> return Trouble.NOT_OURS
                // What the platform's generators make of a key that needs a finger where none is enrolled, whatever the version.
                is InvalidAlgorithmParameterException -> if (cause.cause is IllegalStateException) return Trouble.NOTHING_TO_ASK_FOR
                is PlatformKeyStoreException -> if (api >= Build.VERSION_CODES.TIRAMISU) keystore(cause)?.let { return it }
            }
        }
        // Before API 33 the platform does not say why: a locked phone is the likely reason if it is locked.
        return if (phoneLocked()) Trouble.LOCKED else Trouble.OTHER
    }

    private fun keystore(error: PlatformKeyStoreException): Trouble? {
        return when (error.numericErrorCode) {
            PlatformKeyStoreException.ERROR_USER_AUTHENTICATION_REQUIRED -> Trouble.LOCKED
            PlatformKeyStoreException.ERROR_KEY_DOES_NOT_EXIST, PlatformKeyStoreException.ERROR_KEY_CORRUPTED -> Trouble.INVALIDATED
            else -> null
        }
    }
}
