// The screens for asking: each makes its view, and tells what was done by functions that it is given. None knows the device.

package org.beatcheck.sample.ui

import android.text.InputType
import android.view.View
import android.widget.TextView
import org.beatcheck.sample.R
import org.beatcheck.sample.model.Line
import org.beatcheck.sample.model.PatchModel
import org.beatcheck.sample.model.PersonForm
import org.beatcheck.sample.model.PinPad
import org.beatcheck.sample.model.PlatePad
import org.beatcheck.sample.model.Tone
import org.beatcheck.ffi.PersonQuery

/** One screen. */
internal interface Screen {
    val view: View
}

/** Where one can go from any screen for asking; at the bottom, for the thumb. */
internal class Places(val vehicle: () -> Unit, val person: () -> Unit, val data: () -> Unit)

internal fun Kit.places(to: Places): View = row(
    listOf(
        button(text(R.string.vehicle_title)) { to.vehicle() },
        button(text(R.string.person_title)) { to.person() },
        button(text(R.string.sync_title)) { to.data() },
    ),
)

/** Something to read, and nothing to do. */
internal class MessageScreen(kit: Kit, title: String, text: String) : Screen {
    override val view: View = kit.screen(title, kit.column(kit.heading(title), kit.label(Line(text, Tone.CALM))))
}

/** Before anything else, where the system's security updates are too old. */
internal class PatchScreen(kit: Kit, model: PatchModel, settings: () -> Unit, goOn: () -> Unit) : Screen {
    private val title = kit.text(R.string.patch_title)

    override val view: View = kit.screen(
        title,
        kit.column(kit.heading(title), *model.lines.map { kit.label(it) }.toTypedArray()),
        *listOfNotNull(
            if (model.goOn) kit.button(kit.text(R.string.patch_go_on)) { goOn() } else null,
            kit.button(kit.text(R.string.patch_settings), main = true) { settings() },
        ).toTypedArray(),
    )
}

internal class UnlockScreen(private val kit: Kit, biometric: Boolean, unlock: (pin: String) -> Unit, finger: () -> Unit) : Screen {
    private val pad = PinPad()
    private val dots = kit.label(Line("", Tone.CALM), size = 32f).apply {
        minHeight = kit.dp(48)
        accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_POLITE
    }
    private val said = kit.label(Line("", Tone.CAUTION)).apply { accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_ASSERTIVE }
    private val title = kit.text(R.string.unlock_title)

    override val view: View = kit.screen(
        title,
        kit.column(kit.heading(title), said, dots),
        kit.keys("123456789", columns = 3) { pad.type(it); show() },
        kit.row(
            listOf(
                if (biometric) kit.button(kit.text(R.string.unlock_biometric)) { finger() } else kit.gap(),
                kit.button("0") { pad.type('0'); show() },
                kit.button("⌫", spoken = kit.text(R.string.delete)) { pad.delete(); show() },
            ),
        ),
        kit.button(kit.text(R.string.unlock_button), main = true) {
            if (pad.length > 0) unlock(pad.take())
            show()
        },
    )

    init {
        show()
    }

    /** What the core said of the last try. */
    fun say(text: String) {
        said.text = text
    }

    private fun show() {
        dots.text = pad.dots
        dots.contentDescription = "${pad.length}"
    }
}

internal class VehicleScreen(private val kit: Kit, to: Places, why: Why, check: (plate: String) -> Unit) : Screen {
    private val pad = PlatePad()
    private val plate: TextView = kit.label(Line("", Tone.CALM), size = 40f).apply {
        minHeight = kit.dp(64)
        typeface = android.graphics.Typeface.MONOSPACE
        accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_POLITE
    }
    private val title = kit.text(R.string.vehicle_title)
    private val go = kit.button(kit.text(R.string.check), main = true) { if (pad.canCheck) check(pad.plate) }

    override val view: View = kit.screen(
        title,
        kit.column(kit.heading(title), plate, why.button(kit)),
        kit.keys(PlatePad.KEYS, PlatePad.columns(kit.width)) { pad.type(it); show() },
        kit.row(
            listOf(
                kit.button(kit.text(R.string.clear)) { pad.clear(); show() },
                kit.button("⌫", spoken = kit.text(R.string.delete)) { pad.delete(); show() },
            ),
        ),
        go,
        kit.places(to),
    )

    init {
        show()
    }

    private fun show() {
        plate.text = pad.plate.ifEmpty { "–" }
        plate.contentDescription = pad.spoken.ifEmpty { kit.text(R.string.plate_empty) }
        go.isEnabled = pad.canCheck
        go.alpha = if (pad.canCheck) 1f else 0.4f
    }
}

/** The purpose of a check: which there are is policy's, so it is chosen by tapping through them. */
internal class Why(private val purposes: List<String>, first: String) {
    var purpose: String = first.takeIf { it in purposes } ?: purposes.firstOrNull() ?: first
        private set

    fun next() {
        if (purposes.isNotEmpty()) purpose = purposes[(purposes.indexOf(purpose) + 1) % purposes.size]
    }

    fun button(kit: Kit): View {
        lateinit var button: TextView
        button = kit.button(words()) {
            next()
            button.text = words()
            button.contentDescription = words()
        }
        return button
    }

    private fun words() = "Why: ${purpose.replace('_', ' ')}"
}

internal class PersonScreen(private val kit: Kit, to: Places, why: Why, check: (PersonQuery) -> Unit) : Screen {
    private val surname = kit.field(kit.text(R.string.surname))
    private val given = kit.field(kit.text(R.string.given))
    private val born = kit.field(kit.text(R.string.dob), InputType.TYPE_CLASS_DATETIME or InputType.TYPE_DATETIME_VARIATION_DATE)
    private val title = kit.text(R.string.person_title)

    override val view: View = kit.screen(
        title,
        kit.column(kit.heading(title), surname, given, born, why.button(kit)),
        kit.button(kit.text(R.string.check), main = true) { form().query()?.let(check) ?: surname.requestFocus() },
        kit.places(to),
    )

    private fun form() = PersonForm("${surname.text}", "${given.text}", "${born.text}")
}

/** What enrolment asks for; what device management has set stands in the fields already. */
internal class EnrolScreen(
    private val kit: Kit,
    hub: String,
    ca: String,
    private val enrol: (hub: String, ca: String, code: String, pin: String) -> Unit,
) : Screen {
    private val said = kit.label(Line("", Tone.CAUTION)).apply { accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_ASSERTIVE }
    private val hubField = kit.field(kit.text(R.string.enrol_hub), InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_VARIATION_URI)
    private val caField = kit.field(kit.text(R.string.enrol_ca), InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_MULTI_LINE)
    private val code = kit.field(kit.text(R.string.enrol_code), InputType.TYPE_CLASS_TEXT)
    private val pin = kit.field(kit.text(R.string.enrol_pin), InputType.TYPE_CLASS_NUMBER or InputType.TYPE_NUMBER_VARIATION_PASSWORD)
    private val title = kit.text(R.string.enrol_title)

    override val view: View = kit.screen(
        title,
        kit.column(kit.heading(title), said, hubField, caField, code, pin),
        kit.button(kit.text(R.string.enrol_button), main = true) {
            enrol("${hubField.text}".trim(), "${caField.text}", "${code.text}".trim(), "${pin.text}")
            pin.text.clear()
        },
    )

    init {
        hubField.setText(hub)
        caField.setText(ca)
        caField.maxLines = 3
    }

    fun say(text: String) {
        said.text = text
    }
}
