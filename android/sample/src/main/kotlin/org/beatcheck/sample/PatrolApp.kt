// The application: one device for the life of the process, and the vault's finger dialog over whatever screen is there.

package org.beatcheck.sample

import android.app.Activity
import android.app.Application
import java.lang.ref.WeakReference
import org.beatcheck.Beatcheck
import org.beatcheck.android.AndroidBeatcheck
import org.beatcheck.android.AndroidKeyVault
import org.beatcheck.android.AndroidOptions
import org.beatcheck.android.BeatcheckHost
import org.beatcheck.android.BiometricPresence
import org.beatcheck.android.DeviceHome

class PatrolApp : Application(), BeatcheckHost {
    override lateinit var beatcheck: AndroidBeatcheck
        private set

    override fun onCreate() {
        super.onCreate()
        val vault = AndroidKeyVault.of(this, BiometricPresence { onScreen.get() })
        val log = { line: String -> android.util.Log.i("beatcheck", line).let { } }
        beatcheck = AndroidBeatcheck.of(this, Beatcheck(DeviceHome.of(this), vault, VERSION), AndroidOptions(log = log))
        beatcheck.start()
    }

    companion object {
        /** As in the build file; an app takes its BuildConfig.VERSION_NAME. */
        const val VERSION = "0.1.0"

        /** Which activity the finger dialog stands over. */
        @Volatile
        internal var onScreen = WeakReference<Activity>(null)
    }
}
