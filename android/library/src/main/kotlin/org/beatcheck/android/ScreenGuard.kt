// What a screen with personal data must not let out: screenshots, the picture in the app switcher, autofill, content capture, touches through
// another app's window.

package org.beatcheck.android

import android.app.Activity
import android.os.Build
import android.view.View
import android.view.WindowManager

/**
 * Closes the ways on which a screen leaves the app. [AndroidBeatcheck] does it to every activity of the app; an app that makes windows of its
 * own (dialogs have windows) calls [protect] on them.
 *
 * Main thread.
 */
public object ScreenGuard {
    /** Protects an activity's window and everything in it. Call it in `onCreate`, before anything is shown. */
    @JvmStatic
    public fun protect(activity: Activity) {
        protect(activity.window)
        // API 33: nothing at all in the app switcher, where FLAG_SECURE leaves an empty picture.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) activity.setRecentsScreenshotEnabled(false)
    }

    /**
     * Empties the state that the system would write to disk for an activity. After a death of the process the app begins at its first screen:
     * what was asked and what was shown is gone.
     */
    @JvmStatic
    public fun forget(state: android.os.Bundle) {
        state.clear()
    }

    /** Protects a window: no screenshots, recordings, casts or assistants' looks. */
    @JvmStatic
    public fun protect(window: android.view.Window) {
        window.addFlags(WindowManager.LayoutParams.FLAG_SECURE)
        protect(window.decorView)
    }

    /** Protects a view and all below it: nothing for autofill or content capture, no touch that comes through another app's window. */
    @JvmStatic
    public fun protect(view: View) {
        view.importantForAutofill = View.IMPORTANT_FOR_AUTOFILL_NO_EXCLUDE_DESCENDANTS
        view.filterTouchesWhenObscured = true
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            view.importantForContentCapture = View.IMPORTANT_FOR_CONTENT_CAPTURE_NO_EXCLUDE_DESCENDANTS
        }
        // API 34: readable to accessibility tools such as TalkBack, and to no other app that calls itself a service.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
            view.setAccessibilityDataSensitive(View.ACCESSIBILITY_DATA_SENSITIVE_YES)
        }
    }
}
