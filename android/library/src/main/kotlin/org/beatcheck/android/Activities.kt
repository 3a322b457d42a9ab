// Follows the app's activities: protects each as it is made, empties what the system would save of it, and tells when the app leaves the screen
// and comes back.

package org.beatcheck.android

import android.app.Activity
import android.app.Application
import android.os.Bundle

internal class Activities(
    private val foreground: Foreground,
    private val guard: Boolean,
    private val hidden: () -> Unit,
    private val back: () -> Unit,
) : Application.ActivityLifecycleCallbacks {
    /** From API 29 on: before the activity's own `onCreate`, so that nothing is shown first. */
    override fun onActivityPreCreated(activity: Activity, savedInstanceState: Bundle?) = protect(activity)

    override fun onActivityCreated(activity: Activity, savedInstanceState: Bundle?) = protect(activity)

    override fun onActivityStarted(activity: Activity) {
        if (foreground.started()) back()
    }

    override fun onActivityStopped(activity: Activity) {
        if (foreground.stopped(activity.isChangingConfigurations)) hidden()
    }

    override fun onActivitySaveInstanceState(activity: Activity, outState: Bundle) = ScreenGuard.forget(outState)

    /** From API 29 on: what the activity itself put in after the call above. */
    override fun onActivityPostSaveInstanceState(activity: Activity, outState: Bundle) = ScreenGuard.forget(outState)

    override fun onActivityResumed(activity: Activity) = Unit

    override fun onActivityPaused(activity: Activity) = Unit

    override fun onActivityDestroyed(activity: Activity) = Unit

    private fun protect(activity: Activity) {
        if (guard) ScreenGuard.protect(activity)
    }
}
