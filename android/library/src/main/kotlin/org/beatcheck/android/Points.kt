// A P-256 public key as the core takes it: the uncompressed point, 65 bytes.

package org.beatcheck.android

import java.math.BigInteger
import java.security.PublicKey
import java.security.interfaces.ECPublicKey

internal object Points {
    private const val SIDE = 32

    /** `04 x y`; nothing if it is no key of a curve of 256 bits. */
    fun uncompressed(key: PublicKey): ByteArray? {
        val point = (key as? ECPublicKey)?.w ?: return null
        val x = side(point.affineX) ?: return null
        val y = side(point.affineY) ?: return null
        return byteArrayOf(4) + x + y
    }

    /** A coordinate in exactly 32 bytes: the JDK's form is shorter for small numbers and has a zero before large ones. */
    private fun side(number: BigInteger): ByteArray? {
        val bytes = number.toByteArray().dropWhile { it == 0.toByte() }.toByteArray()
        return if (bytes.size > SIDE) null else ByteArray(SIDE - bytes.size) + bytes
    }
}
