// In the place of an MDM's or the Play Store's receiver of keyed app states: a service of another package, with a Messenger that writes down.

package org.beatcheck.android.support

import android.app.Application
import android.content.ComponentName
import android.content.Intent
import android.content.IntentFilter
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.os.Messenger
import org.beatcheck.android.KeyedAppStates
import org.robolectric.Shadows.shadowOf

internal class ManagementStandIn(app: Application, packageName: String) {
    class Heard(val what: Int, val states: List<Bundle>)

    val name = ComponentName(packageName, "$packageName.Receiver")
    val heard = mutableListOf<Heard>()

    init {
        val messenger = Messenger(
            Handler(Looper.getMainLooper()) { message ->
                // What the message holds is another's once it is handled.
                val states = (message.obj as Bundle).getParcelableArrayList(KeyedAppStates.STATES, Bundle::class.java)
                heard += Heard(message.what, states.orEmpty())
                true
            },
        )
        shadowOf(app.packageManager).run {
            addServiceIfNotPresent(name)
            addIntentFilterForService(name, IntentFilter(KeyedAppStates.ACTION))
        }
        shadowOf(app).setComponentNameAndServiceForBindServiceForIntent(Intent().setComponent(name), name, messenger.binder)
    }
}
