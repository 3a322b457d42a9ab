// Plays the phone's Keystore with the JDK's own ciphers and real certificates, and can be told which of the Keystore's moods to have. The
// description of a key is built as Android's hardware writes it (key attestation, extension 1.3.6.1.4.1.11129.2.1.17).

package org.beatcheck.android.support

import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import org.beatcheck.android.Attestation
import org.beatcheck.android.KeyHolder
import org.beatcheck.android.KeyKind
import org.beatcheck.android.KeyRequest
import org.beatcheck.android.PlatformTrouble
import org.beatcheck.android.Trouble
import org.bouncycastle.asn1.ASN1Boolean
import org.bouncycastle.asn1.ASN1Encodable
import org.bouncycastle.asn1.ASN1Enumerated
import org.bouncycastle.asn1.ASN1Integer
import org.bouncycastle.asn1.ASN1ObjectIdentifier
import org.bouncycastle.asn1.DEROctetString
import org.bouncycastle.asn1.DERSequence
import org.bouncycastle.asn1.DERTaggedObject
import org.bouncycastle.asn1.x500.X500Name
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder
import java.math.BigInteger
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.cert.X509Certificate
import java.security.spec.ECGenParameterSpec
import java.util.Date
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

internal class JdkKeyHolder(
    override val hasStrongBox: Boolean = true,
    /** Says that it has a StrongBox, which then cannot make the key. */
    var strongBoxRefuses: Boolean = false,
    var hardware: Boolean = true,
    var attests: Boolean = true,
) : KeyHolder {
    class Held(val request: KeyRequest, val pair: KeyPair?, val secret: SecretKey?, val chain: List<X509Certificate>)

    val held = HashMap<String, Held>()
    val asked = mutableListOf<KeyRequest>()
    var phoneLocked = false

    /** Fingers were changed: keys that are bound to them cannot be used any more. */
    var fingersChanged = false

    override fun generate(request: KeyRequest) {
        asked += request
        if (request.strongBox && strongBoxRefuses) throw StrongBoxUnavailableException()
        held[request.alias] = when (request.kind) {
            KeyKind.SIGN -> pair().let { Held(request, it, null, listOf(certificate(it, request))) }
            KeyKind.MIX -> Held(request, null, KeyGenerator.getInstance("HmacSHA256").generateKey(), emptyList())
            else -> Held(request, null, KeyGenerator.getInstance("AES").apply { init(256) }.generateKey(), emptyList())
        }
    }

    override fun privateKey(alias: String): PrivateKey? = use(alias)?.pair?.private

    override fun secretKey(alias: String): SecretKey? = use(alias)?.secret

    private fun use(alias: String): Held? = held[alias]?.also {
        if (it.request.kind == KeyKind.PRESENCE && fingersChanged) throw KeyPermanentlyInvalidatedException()
        if (it.request.unlockedPhone && phoneLocked) throw UserNotAuthenticatedException()
    }

    override fun certificates(alias: String): List<X509Certificate> = held[alias]?.chain.orEmpty()

    override fun needsPresence(alias: String): Boolean = held[alias]?.request?.kind == KeyKind.PRESENCE

    override fun inHardware(alias: String): Boolean = hardware

    override fun delete(alias: String) {
        held.remove(alias)
    }

    override fun trouble(error: Throwable): Trouble = PlatformTrouble.of(error, api = 35) { phoneLocked }

    private fun pair() = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()

    private fun certificate(pair: KeyPair, request: KeyRequest): X509Certificate {
        val name = X500Name("CN=Android Keystore Key")
        val builder = JcaX509v3CertificateBuilder(name, BigInteger.ONE, Date(0), Date(4_102_444_800_000), name, pair.public)
        if (request.challenge != null && attests) {
            builder.addExtension(ASN1ObjectIdentifier(Attestation.EXTENSION), false, description(request))
        }
        val signer = JcaContentSignerBuilder("SHA256withECDSA").build(pair.private)
        return JcaX509CertificateConverter().getCertificate(builder.build(signer))
    }

    private fun description(request: KeyRequest): DERSequence {
        val level = ASN1Enumerated(if (request.strongBox) 2 else 1)
        fun tagged(tag: Int, value: ASN1Encodable) = DERTaggedObject(true, tag, value)
        val root = DERSequence(
            arrayOf(DEROctetString(ByteArray(32)), ASN1Boolean.TRUE, ASN1Enumerated(0), DEROctetString(ByteArray(32))),
        )
        val hardware = DERSequence(arrayOf(tagged(1, ASN1Integer(2)), tagged(704, root), tagged(706, ASN1Integer(202510))))
        return DERSequence(
            arrayOf(
                ASN1Integer(300), level, ASN1Integer(300), level, DEROctetString(request.challenge),
                DEROctetString(ByteArray(0)), DERSequence(), hardware,
            ),
        )
    }
}
