// Views of the sample, in plain Android: large, dark, for one hand. Nothing on it is smaller than a thumb.

package org.beatcheck.sample.ui

import android.content.Context
import android.graphics.Color
import android.graphics.Typeface
import android.graphics.drawable.GradientDrawable
import android.text.InputType
import android.view.Gravity
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.Space
import android.widget.Switch
import android.widget.TextView
import org.beatcheck.android.PrivateEditText
import org.beatcheck.sample.model.Line
import org.beatcheck.sample.model.PlatePad
import org.beatcheck.sample.model.Tone

internal class Kit(val context: Context) {
    fun dp(size: Int): Int = (size * context.resources.displayMetrics.density).toInt()

    fun text(id: Int): String = context.getString(id)

    fun column(vararg children: View): LinearLayout = LinearLayout(context).apply {
        orientation = LinearLayout.VERTICAL
        children.forEach { addView(it, ViewGroup.LayoutParams(MATCH, WRAP)) }
    }

    /** Children of equal width. */
    fun row(children: List<View>): LinearLayout = LinearLayout(context).apply {
        orientation = LinearLayout.HORIZONTAL
        children.forEach { addView(it, LinearLayout.LayoutParams(0, WRAP, 1f)) }
    }

    /** What scrolls, above what does not: the thumb reaches the bottom. */
    fun screen(title: String, scrolls: View, vararg below: View): LinearLayout = LinearLayout(context).apply {
        orientation = LinearLayout.VERTICAL
        setBackgroundColor(Color.BLACK)
        setPadding(dp(4), dp(8), dp(4), dp(8))
        // TalkBack says it when the screen changes.
        accessibilityPaneTitle = title
        val scroll = ScrollView(context).apply {
            isFillViewport = true
            addView(scrolls)
        }
        addView(scroll, LinearLayout.LayoutParams(MATCH, 0, 1f))
        below.forEach { addView(it, LinearLayout.LayoutParams(MATCH, WRAP)) }
    }

    fun heading(text: String, tone: Tone = Tone.CALM): TextView = label(Line(text, tone), size = 28f).apply {
        typeface = Typeface.DEFAULT_BOLD
        isAccessibilityHeading = true
    }

    fun label(line: Line, size: Float = 18f): TextView = TextView(context).apply {
        text = line.text
        textSize = size
        setTextColor(ink(line.tone))
        setPadding(dp(8), dp(4), dp(8), dp(4))
        setTextIsSelectable(false)
        if (line.tone == Tone.DANGER) {
            setBackgroundColor(RED)
            typeface = Typeface.DEFAULT_BOLD
        }
    }

    fun button(text: String, main: Boolean = false, spoken: String = text, press: () -> Unit): Button = Button(context).apply {
        this.text = text
        contentDescription = spoken
        isAllCaps = false
        textSize = if (main) 22f else 18f
        setTextColor(Color.WHITE)
        minHeight = dp(if (main) 64 else PlatePad.LEAST_DP + 4)
        minimumHeight = minHeight
        minWidth = dp(PlatePad.LEAST_DP)
        minimumWidth = minWidth
        setPadding(0, 0, 0, 0)
        background = GradientDrawable().apply {
            setColor(if (main) BLUE else GREY)
            setStroke(dp(1), Color.BLACK)
            cornerRadius = dp(6).toFloat()
        }
        stateListAnimator = null
        filterTouchesWhenObscured = true
        setOnClickListener { press() }
    }

    /** `turn` hears what the officer wants; whether it is so is shown by whoever knows. */
    fun switch(text: String, turn: (on: Boolean) -> Unit): Switch = Switch(context).apply {
        this.text = text
        contentDescription = text
        textSize = 18f
        setTextColor(Color.WHITE)
        minHeight = dp(PlatePad.LEAST_DP + 4)
        minimumHeight = minHeight
        setPadding(dp(8), 0, dp(8), 0)
        filterTouchesWhenObscured = true
        isSaveEnabled = false
        setOnClickListener { turn(isChecked) }
    }

    /** A field that keeps what is typed to itself. */
    fun field(hint: String, type: Int = InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_CAP_WORDS): EditText = PrivateEditText(context).apply {
        this.hint = hint
        inputType = type
        textSize = 20f
        setTextColor(Color.WHITE)
        setHintTextColor(DIM)
        minHeight = dp(PlatePad.LEAST_DP + 8)
        minimumHeight = minHeight
        gravity = Gravity.CENTER_VERTICAL
    }

    /** Keys in rows that fit the width, none smaller than a thumb. */
    fun keys(keys: String, columns: Int, press: (Char) -> Unit): LinearLayout = column().apply {
        for (part in keys.chunked(columns)) {
            val buttons: List<View> = part.map { key -> button(key.toString()) { press(key) } }
            addView(row(buttons + List(columns - buttons.size) { gap() }))
        }
    }

    /** Nothing, where a key would be. Not a plain View: that one takes all the height there is. */
    fun gap(): View = Space(context)

    /** Width that keys have, in dp. */
    val width: Int get() = context.resources.configuration.screenWidthDp - 8

    companion object {
        const val MATCH = ViewGroup.LayoutParams.MATCH_PARENT
        const val WRAP = ViewGroup.LayoutParams.WRAP_CONTENT
        val RED: Int = Color.rgb(0xb0, 0x00, 0x20)
        val BLUE: Int = Color.rgb(0x1f, 0x5f, 0xbf)
        val GREY: Int = Color.rgb(0x30, 0x34, 0x3a)
        val DIM: Int = Color.rgb(0xb0, 0xb4, 0xba)
        val AMBER: Int = Color.rgb(0xff, 0xc1, 0x07)

        fun ink(tone: Tone): Int = when (tone) {
            Tone.DANGER, Tone.CALM -> Color.WHITE
            Tone.CAUTION -> AMBER
            Tone.QUIET -> DIM
        }
    }
}
