// The data screen: what a sync is at, how fresh each source is, which answers have changed, and how this phone is unlocked.

package org.beatcheck.sample.ui

import android.view.View
import android.widget.ProgressBar
import org.beatcheck.sample.R
import org.beatcheck.sample.model.BiometricModel
import org.beatcheck.sample.model.LateHitsModel
import org.beatcheck.sample.model.Line
import org.beatcheck.sample.model.SyncModel
import org.beatcheck.sample.model.Tone

/** What can be done on the data screen. */
internal class SyncActions(
    val sync: () -> Unit,
    val stop: () -> Unit,
    val lock: () -> Unit,
    val biometric: (on: Boolean) -> Unit,
    val moreLateHits: () -> Unit,
)

internal class SyncScreen(private val kit: Kit, to: Places, private val does: SyncActions) : Screen {
    private val title = kit.text(R.string.sync_title)
    private val lines = kit.column()
    private val late = kit.column()
    private val progress = ProgressBar(kit.context, null, android.R.attr.progressBarStyleHorizontal)
    private var running = false
    private val action = kit.button(kit.text(R.string.sync_now), main = true) { if (running) does.stop() else does.sync() }
    private val biometric = kit.switch(kit.text(R.string.biometric_switch)) { does.biometric(it) }
    private val refused = kit.label(Line("", Tone.CAUTION)).apply { accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_ASSERTIVE }

    override val view: View = kit.screen(
        title,
        kit.column(kit.heading(title), progress, lines, late, biometric, refused),
        kit.button(kit.text(R.string.lock)) { does.lock() },
        action,
        kit.places(to),
    )

    init {
        show(BiometricModel.of(null))
    }

    fun show(model: SyncModel) {
        running = model.running
        progress.visibility = if (model.running) View.VISIBLE else View.GONE
        progress.isIndeterminate = model.percent == null
        progress.progress = model.percent ?: 0
        progress.contentDescription = model.headline.text
        lines.removeAllViews()
        (listOf(model.headline) + model.lines).forEach { lines.addView(kit.label(it)) }
        action.text = kit.text(if (running) R.string.sync_stop else R.string.sync_now)
        action.contentDescription = action.text
    }

    fun show(model: LateHitsModel) {
        late.removeAllViews()
        late.addView(kit.heading(kit.text(R.string.late_title)))
        if (model.lines.isEmpty()) late.addView(kit.label(Line(kit.text(R.string.late_none), Tone.QUIET)))
        model.lines.forEach { late.addView(kit.label(it)) }
        if (model.more) late.addView(kit.button(kit.text(R.string.late_more)) { does.moreLateHits() })
    }

    fun show(model: BiometricModel) {
        biometric.visibility = if (model.shown) View.VISIBLE else View.GONE
        biometric.isChecked = model.on
        refused.visibility = if (model.note == null) View.GONE else View.VISIBLE
        refused.text = model.note?.text.orEmpty()
    }
}
