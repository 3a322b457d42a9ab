// A text field whose content stays in it: no learning keyboard, no clipboard, no autofill, no saved state.

package org.beatcheck.android

import android.text.InputType
import android.view.ActionMode
import android.view.Menu
import android.view.MenuItem
import android.view.View
import android.view.inputmethod.EditorInfo
import android.widget.EditText

/** Makes fields that keep what is typed to themselves. Main thread. */
public object PrivateInput {
    /**
     * Protects a field: the keyboard is asked not to learn and not to suggest, the menus with cut, copy and paste are gone, and the system
     * keeps no state of it. Shortcuts of a keyboard (Ctrl+C) still reach the clipboard: [PrivateEditText] closes that too. A keyboard that
     * does not listen is the force's to keep off its phones.
     */
    @JvmStatic
    public fun protect(field: EditText) {
        field.inputType = silent(field.inputType)
        field.imeOptions = field.imeOptions or EditorInfo.IME_FLAG_NO_PERSONALIZED_LEARNING or EditorInfo.IME_FLAG_NO_EXTRACT_UI
        field.importantForAutofill = View.IMPORTANT_FOR_AUTOFILL_NO
        field.isSaveEnabled = false
        field.isLongClickable = false
        field.setTextIsSelectable(false)
        // The menu on a selection, and the one at the cursor (paste).
        field.customSelectionActionModeCallback = NoMenu
        field.customInsertionActionModeCallback = NoMenu
    }

    /** The same input, without suggestions. A password's own kind has none already and stays hidden. */
    internal fun silent(inputType: Int): Int =
        if (inputType and InputType.TYPE_MASK_CLASS == InputType.TYPE_CLASS_TEXT) {
            inputType or InputType.TYPE_TEXT_FLAG_NO_SUGGESTIONS and InputType.TYPE_TEXT_FLAG_AUTO_CORRECT.inv() and
                InputType.TYPE_TEXT_FLAG_AUTO_COMPLETE.inv()
        } else {
            inputType
        }

    /** Refuses to open. */
    internal object NoMenu : ActionMode.Callback {
        override fun onCreateActionMode(mode: ActionMode, menu: Menu): Boolean = false

        override fun onPrepareActionMode(mode: ActionMode, menu: Menu): Boolean = false

        override fun onActionItemClicked(mode: ActionMode, item: MenuItem): Boolean = false

        override fun onDestroyActionMode(mode: ActionMode) = Unit
    }
}
