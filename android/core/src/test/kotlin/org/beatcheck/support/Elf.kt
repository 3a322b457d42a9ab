// Just enough of ELF to let two exported functions change places.

package org.beatcheck.support

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Writes [from] to [to] (64-bit, little-endian) with the addresses of the exported functions [one] and [other] swapped. */
fun swapSymbols(from: File, to: File, one: String, other: String) {
    val elf = ByteBuffer.wrap(from.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    check(elf.getInt(0) == 0x464c457f && elf.get(4) == 2.toByte() && elf.get(5) == 1.toByte()) { "no such ELF file" }
    val (sections, size, count) = Triple(elf.getLong(0x28).toInt(), elf.getShort(0x3a).toInt(), elf.getShort(0x3c).toInt())
    val symbols = (0 until count).map { sections + it * size }.first { elf.getInt(it + 4) == SHT_DYNSYM }
    val names = elf.getLong(sections + elf.getInt(symbols + 0x28) * size + 0x18).toInt()
    val start = elf.getLong(symbols + 0x18).toInt()
    val end = start + elf.getLong(symbols + 0x20).toInt()
    fun addressOf(name: String): Int {
        val wanted = name.toByteArray() + 0
        val at = (start until end step SYMBOL_SIZE).first { symbol ->
            val text = names + elf.getInt(symbol)
            wanted.indices.all { elf.get(text + it) == wanted[it] }
        }
        return at + 8
    }
    val (a, b) = addressOf(one) to addressOf(other)
    val kept = elf.getLong(a)
    check(kept != elf.getLong(b)) { "the two are one" }
    elf.putLong(a, elf.getLong(b)).putLong(b, kept)
    to.writeBytes(elf.array())
}

private const val SHT_DYNSYM = 11
private const val SYMBOL_SIZE = 24
