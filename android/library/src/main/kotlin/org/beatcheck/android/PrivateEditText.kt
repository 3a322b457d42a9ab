// The field for what is asked about: PrivateInput's protection, and the one door that needs a class of its own.

package org.beatcheck.android

import android.content.Context
import android.widget.EditText

/**
 * A text field whose content stays in it ([PrivateInput]), and that neither gives to the clipboard nor takes from it by any way: a menu, a
 * keyboard's shortcut, an input method or an accessibility tool all end in [onTextContextMenuItem].
 */
public open class PrivateEditText(context: Context) : EditText(context) {
    init {
        PrivateInput.protect(this)
    }

    /** The keyboard's kind may be set later; suggestions stay off. */
    override fun setInputType(type: Int): Unit = super.setInputType(PrivateInput.silent(type))

    /** Moving the selection is all that is left of it. */
    override fun onTextContextMenuItem(id: Int): Boolean =
        if (id == android.R.id.selectAll || id == android.R.id.undo || id == android.R.id.redo) super.onTextContextMenuItem(id) else false
}
