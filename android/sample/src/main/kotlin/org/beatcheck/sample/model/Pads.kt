// What is typed on the app's own keypads. Own, so that no keyboard app sees a plate or a PIN, and so that keys are as large as a thumb.

package org.beatcheck.sample.model

/** A plate being typed: letters and digits, shown as typed. What it means is the core's to say. */
class PlatePad(private val most: Int = 12) {
    var plate: String = ""
        private set

    fun type(key: Char) {
        if (key in KEYS && plate.length < most) plate += key
    }

    fun delete() {
        plate = plate.dropLast(1)
    }

    fun clear() {
        plate = ""
    }

    val canCheck: Boolean get() = plate.isNotEmpty()

    /** For a screen reader, which would make a word of it: one character at a time. */
    val spoken: String get() = plate.toList().joinToString(" ")

    companion object {
        const val KEYS = "1234567890ABCDEFGHIJKLMNOPQRSTUVWXYZ"

        /** How many keys stand in a row of this width, none of them smaller than a thumb. */
        fun columns(widthDp: Int): Int = (widthDp / LEAST_DP).coerceIn(1, 9)

        /** Least side of anything that is touched. */
        const val LEAST_DP = 48
    }
}

/** A PIN being typed. Never shown; what is told of it is its length. */
class PinPad(private val most: Int = 16) {
    private val digits = StringBuilder()

    val length: Int get() = digits.length

    fun type(digit: Char) {
        if (digit in '0'..'9' && digits.length < most) digits.append(digit)
    }

    fun delete() {
        if (digits.isNotEmpty()) digits.setLength(digits.length - 1)
    }

    /** Hands the PIN over, and is empty afterwards, whatever comes of it. */
    fun take(): String = digits.toString().also {
        digits.setLength(0)
    }

    val dots: String get() = "●".repeat(length)
}
