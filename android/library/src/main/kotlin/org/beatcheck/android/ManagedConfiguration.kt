// Device management's configuration: from Android's Bundle to the JSON that the core takes. What a setting means, and whether it fits, is the
// core's to say; nothing is filtered or corrected on the way (docs/mdm.md).

package org.beatcheck.android

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.content.RestrictionsManager
import android.os.Build
import android.os.Bundle
import org.json.JSONArray
import org.json.JSONObject

/** Reads what device management set for this app. */
public object ManagedConfiguration {
    /**
     * The configuration as JSON, for `Beatcheck.applyManagedConfiguration`, or before enrolment for `Beatcheck.readManagedConfiguration`.
     * `{}` where there is none: then everything that an earlier one set is unset. Reads from the system: not for the main thread.
     */
    @JvmStatic
    public fun read(context: Context): String =
        json(context.getSystemService(RestrictionsManager::class.java)?.applicationRestrictions ?: Bundle.EMPTY)

    /** A configuration as JSON. Values of types that Android's restrictions do not have are left out. */
    @JvmStatic
    public fun json(restrictions: Bundle): String = value(restrictions).toString()

    private fun value(bundle: Bundle): JSONObject {
        val out = JSONObject()
        for (key in bundle.keySet().sorted()) {
            // The one getter that does not ask which type it is: what MDM wrote decides, and the core says if it does not fit.
            @Suppress("DEPRECATION")
            value(bundle.get(key))?.let { out.put(key, it) }
        }
        return out
    }

    private fun value(value: Any?): Any? = when (value) {
        is String, is Boolean, is Int, is Long -> value
        is Bundle -> value(value)
        is Array<*> -> JSONArray(value.mapNotNull { if (it is String || it is Bundle) value(it) else null })
        is List<*> -> JSONArray(value.mapNotNull { if (it is Bundle) value(it) else null })
        else -> null
    }
}

/** Tells when the configuration has changed. The system sends it to running apps only; [ManagedConfiguration.read] at each start. */
internal class ManagedConfigurationReceiver(private val changed: () -> Unit) : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        if (intent.action == Intent.ACTION_APPLICATION_RESTRICTIONS_CHANGED) changed()
    }

    fun register(context: Context) {
        val filter = IntentFilter(Intent.ACTION_APPLICATION_RESTRICTIONS_CHANGED)
        // A broadcast of the system's alone: other apps cannot send it, and do not have to reach us.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            context.registerReceiver(this, filter, Context.RECEIVER_NOT_EXPORTED)
        } else {
            @Suppress("UnspecifiedRegisterReceiverFlag") // There is no such flag before API 33.
            context.registerReceiver(this, filter)
        }
    }
}
