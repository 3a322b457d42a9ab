// Key attestation as the hub wants it (docs/attestation.md): the chain, each certificate behind its length; and the few fields of the
// hardware's description that the phone itself looks at. The hub verifies; nothing here does.

package org.beatcheck.android

import java.security.cert.X509Certificate

/** What the hardware says of a key. The phone's own claim: only the hub, which verifies the chain, may rely on it. */
public data class KeyStatement(
    /** Where the key lives. */
    val level: Level,
    /** Whether the boot loader is locked; unknown if the hardware does not say. */
    val bootLoaderLocked: Boolean?,
    /** Whether the system is the maker's own, verified at boot; unknown if the hardware does not say. */
    val verifiedBoot: Boolean?,
    /** The system's patch level, `YYYYMM`; unknown if the hardware does not say. */
    val patchLevel: Int?,
) {
    /** Where a key lives. */
    public enum class Level { SOFTWARE, TEE, STRONGBOX, UNKNOWN }
}

internal object Attestation {
    /** The extension in which Android's hardware describes a key. */
    const val EXTENSION = "1.3.6.1.4.1.11129.2.1.17"
    private const val ROOT_OF_TRUST = 704
    private const val OS_PATCH_LEVEL = 706

    /** The chain, the key's own certificate first, each (DER) behind its length as u32 little endian. */
    fun encode(chain: List<X509Certificate>): ByteArray {
        val out = java.io.ByteArrayOutputStream()
        for (certificate in chain) {
            val der = certificate.encoded
            repeat(4) { out.write(der.size ushr (8 * it)) }
            out.write(der)
        }
        return out.toByteArray()
    }

    /** The challenge under which a chain's own key was attested; none if it was not. */
    fun challenge(chain: List<X509Certificate>): ByteArray? =
        chain.firstOrNull()?.let(::description)?.getOrNull(4)?.takeIf { it.tag == Der.OCTETS }?.bytes()

    /** What the hardware says of the key of `certificate`; nothing if it says nothing that reads. */
    fun statement(certificate: X509Certificate): KeyStatement? {
        val fields = description(certificate) ?: return null
        if (fields.size < 8) return null
        val levels = listOf(fields[1], fields[3]).map { it.number() }
        val hardware = Der.children(fields[7]) ?: return null
        val root = hardware.find { it.tag == ROOT_OF_TRUST }?.let(Der::children)?.firstOrNull()?.let(Der::children)
        return KeyStatement(
            level = when (if (null in levels) null else levels.minOf { it!! }) {
                0 -> KeyStatement.Level.SOFTWARE
                1 -> KeyStatement.Level.TEE
                2 -> KeyStatement.Level.STRONGBOX
                else -> KeyStatement.Level.UNKNOWN
            },
            bootLoaderLocked = root?.getOrNull(1)?.bytes()?.singleOrNull()?.let { it != 0.toByte() },
            verifiedBoot = root?.getOrNull(2)?.number()?.let { it == 0 },
            patchLevel = hardware.find { it.tag == OS_PATCH_LEVEL }?.let(Der::children)?.firstOrNull()?.number(),
        )
    }

    private fun description(certificate: X509Certificate): List<Der>? {
        // An extension's value is an octet string around what it holds.
        val wrapped = certificate.getExtensionValue(EXTENSION) ?: return null
        val inner = Der.one(wrapped)?.takeIf { it.tag == Der.OCTETS } ?: return null
        return Der.one(inner.bytes())?.let(Der::children)
    }
}

/** One element of DER: enough of it to read a description of a key, and strict about lengths. */
internal class Der private constructor(val tag: Int, private val data: ByteArray, private val from: Int, private val until: Int) {
    fun bytes(): ByteArray = data.copyOfRange(from, until)

    /** A small number, INTEGER or ENUMERATED. */
    fun number(): Int? = bytes().takeIf { it.size in 1..4 && it[0] >= 0 }?.fold(0) { n, b -> (n shl 8) or (b.toInt() and 0xff) }

    companion object {
        const val OCTETS = 4
        private const val MAX_CHILDREN = 128

        /** The one element of `data`, and nothing behind it. */
        fun one(data: ByteArray): Der? = all(data, 0, data.size)?.singleOrNull()

        /** The elements inside `parent`; nothing if they do not read. */
        fun children(parent: Der): List<Der>? = all(parent.data, parent.from, parent.until)

        private fun all(data: ByteArray, from: Int, until: Int): List<Der>? {
            val out = mutableListOf<Der>()
            var at = from
            while (at < until) {
                if (out.size == MAX_CHILDREN) return null
                val next = read(data, at, until) ?: return null
                out += next
                at = next.until
            }
            return out
        }

        private fun read(data: ByteArray, start: Int, until: Int): Der? {
            var at = start
            fun byte(): Int? = if (at < until) data[at++].toInt() and 0xff else null
            var tag = (byte() ?: return null) and 0x1f
            if (tag == 0x1f) {
                tag = 0
                do {
                    val part = byte() ?: return null
                    if (tag > 0xffff) return null
                    tag = (tag shl 7) or (part and 0x7f)
                } while (part and 0x80 != 0)
            }
            val first = byte() ?: return null
            var length = first
            if (first and 0x80 != 0) {
                val digits = first and 0x7f
                if (digits !in 1..3) return null
                length = 0
                repeat(digits) { length = (length shl 8) or (byte() ?: return null) }
            }
            return if (length <= until - at) Der(tag, data, at, at + length) else null
        }
    }
}
