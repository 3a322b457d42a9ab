// The officer's hands and eyes, and what every screen must be: shared by the tests that run the app.

package org.beatcheck.sample

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Rect
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.view.WindowManager
import android.widget.EditText
import android.widget.ScrollView
import android.widget.TextView
import java.io.File
import org.beatcheck.sample.ui.Screen
import org.robolectric.Shadows.shadowOf
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertTrue

internal abstract class OnScreen {
    protected abstract val activity: PatrolActivity

    internal fun look(screen: Screen, picture: String? = null) {
        idle()
        assertTrue(activity.window.attributes.flags and WindowManager.LayoutParams.FLAG_SECURE != 0, "no screenshots")
        assertTrue(!screen.view.accessibilityPaneTitle.isNullOrBlank(), "TalkBack says which screen it is")
        val density = activity.resources.displayMetrics.density
        val touched = views(screen.view).filter { it.isClickable && it.isShown }
        assertTrue(touched.isNotEmpty())
        for (view in touched) {
            val name = view.contentDescription ?: (view as? EditText)?.hint
            assertTrue(!name.isNullOrBlank(), "a label for $view")
            assertTrue(view.width >= 48 * density && view.height >= 48 * density, "$name is ${view.width / density} x ${view.height / density} dp")
            val seen = Rect()
            val whole = view.getGlobalVisibleRect(seen) && seen.width() == view.width && seen.height() == view.height
            assertTrue(whole || scrolls(view), "$name is not on the screen")
        }
        picture?.let(::draw)
    }

    private fun draw(name: String) {
        val view = activity.window.decorView
        val picture = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
        view.draw(Canvas(picture))
        val small = Bitmap.createScaledBitmap(picture, view.width / 2, view.height / 2, true)
        val file = File(System.getProperty("beatcheck.pictures"), "$name.png").apply { parentFile?.mkdirs() }
        file.outputStream().use { small.compress(Bitmap.CompressFormat.PNG, 100, it) }
        val colours = HashSet<Int>()
        for (x in 0 until small.width step 3) for (y in 0 until small.height step 3) colours += small.getPixel(x, y)
        assertTrue(colours.size > 10, "something was drawn")
        assertEquals(android.graphics.Color.BLACK, small.getPixel(1, small.height / 2), "dark")
    }

    // -- hands and eyes

    internal fun idle() = shadowOf(Looper.getMainLooper()).idle()

    internal fun await(what: String, seen: () -> Boolean) {
        // Ends long before: a bound against hanging for ever, not a measurement.
        repeat(6_000) {
            idle()
            if (seen()) return
            Thread.sleep(10)
        }
        error("$what did not come; on the screen: ${texts(activity.screen.view)}")
    }

    internal inline fun <reified S : Screen> screen(): S {
        await("a ${S::class.simpleName}") { activity.screen is S }
        return activity.screen as S
    }

    private fun scrolls(view: View): Boolean = generateSequence(view.parent) { it.parent }.any { it is ScrollView }

    internal fun views(root: View): List<View> =
        listOf(root) + if (root is ViewGroup) (0 until root.childCount).flatMap { views(root.getChildAt(it)) } else emptyList()

    internal fun texts(root: View): List<String> = views(root).filterIsInstance<TextView>().map { it.text.toString() }.filter { it.isNotEmpty() }

    internal fun fields(root: View): List<EditText> = views(root).filterIsInstance<EditText>()

    internal fun press(label: String) {
        idle()
        val button = views(activity.screen.view).firstOrNull { it.isClickable && it.contentDescription?.toString() == label }
        assertTrue(assertNotNull(button, "a button $label").performClick())
        idle()
    }

    internal fun type(plate: String) = plate.filter(Char::isLetterOrDigit).forEach { press("$it") }
}
