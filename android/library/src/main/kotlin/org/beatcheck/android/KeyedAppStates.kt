// Feedback to device management: keyed app states. The protocol is that of Google's androidx.enterprise:enterprise-feedback, spoken here
// without that library (it is not to be had where this is built): a Messenger of the device owner's, the profile owner's or the Play Store's
// takes a message with a list of bundles. No MDM has received one from this code yet.

package org.beatcheck.android

import android.app.admin.DevicePolicyManager
import android.content.ComponentName
import android.content.Context
import android.content.Intent
import android.content.ServiceConnection
import android.os.Bundle
import android.os.Handler
import android.os.IBinder
import android.os.Looper
import android.os.Message
import android.os.Messenger
import android.os.RemoteException
import org.beatcheck.ffi.KeyedState
import org.beatcheck.ffi.Severity

/** States as the protocol wants them. */
internal object KeyedAppStates {
    const val ACTION = "androidx.enterprise.feedback.action.APP_STATES"
    const val PLAY_STORE = "com.android.vending"
    const val STATES = "androidx.enterprise.feedback.APP_STATES"
    const val KEY = "androidx.enterprise.feedback.APP_STATE_KEY"
    const val SEVERITY = "androidx.enterprise.feedback.APP_STATE_SEVERITY"
    const val MESSAGE = "androidx.enterprise.feedback.APP_STATE_MESSAGE"
    const val DATA = "androidx.enterprise.feedback.APP_STATE_DATA"
    const val INFO = 1
    const val ERROR = 2
    private const val WHAT_STATE = 1
    private const val WHAT_STATE_AT_ONCE = 2

    /** A receiver drops a state that is longer. */
    private const val MOST_KEY = 100
    private const val MOST_TEXT = 1000

    /** States with errors ask to be shown to the console at once. */
    fun message(states: List<KeyedState>): Message = Message.obtain().apply {
        what = if (states.any { it.severity == Severity.ERROR }) WHAT_STATE_AT_ONCE else WHAT_STATE
        obj = bundle(states)
    }

    fun bundle(states: List<KeyedState>): Bundle = Bundle().apply {
        putParcelableArrayList(STATES, ArrayList(states.filter { it.key.length <= MOST_KEY }.map(::one)))
    }

    private fun one(state: KeyedState) = Bundle().apply {
        putString(KEY, state.key)
        putInt(SEVERITY, if (state.severity == Severity.ERROR) ERROR else INFO)
        putString(MESSAGE, state.message.take(MOST_TEXT))
        putString(DATA, state.data.take(MOST_TEXT))
    }
}

/**
 * Sends keyed app states to whoever manages this device. Holds a connection for each receiver; make one for the app.
 *
 * Only receivers that the system vouches for are told: the device's owner, the work profile's owner, and the Play Store (which passes
 * states on for Google's own management). Where there is none nothing is sent, and nothing is kept.
 *
 * Threading: any thread; connections live on the main one.
 */
public class KeyedAppStatesReporter(context: Context) {
    private val context = context.applicationContext
    private val main = Handler(Looper.getMainLooper())

    /** On the main thread only. */
    private val connections = HashMap<String, Connection>()

    /** Sends these; the newest states of a receiver that is not connected yet wait for it. */
    public fun report(states: List<KeyedState>) {
        if (states.isEmpty()) return
        main.post {
            val services = receivers()
            connections.entries.removeAll { (name, connection) ->
                (connection.dead || name !in services).also { if (it) connection.end() }
            }
            for ((name, service) in services) {
                connections.getOrPut(name) { Connection().also { it.begin(service) } }.send(states)
            }
        }
    }

    /** Ends all connections. */
    public fun close() {
        main.post {
            connections.values.forEach { it.end() }
            connections.clear()
        }
    }

    private fun receivers(): Map<String, ComponentName> {
        val policy = context.getSystemService(DevicePolicyManager::class.java)
        val owners = policy?.activeAdmins.orEmpty().map { it.packageName }
            .filter { policy?.isDeviceOwnerApp(it) == true || policy?.isProfileOwnerApp(it) == true }
        val trusted = owners.toSet() + KeyedAppStates.PLAY_STORE
        return context.packageManager.queryIntentServices(Intent(KeyedAppStates.ACTION), 0)
            .mapNotNull { it.serviceInfo }
            .filter { it.packageName in trusted }
            .associate { it.packageName to ComponentName(it.packageName, it.name) }
    }

    private inner class Connection : ServiceConnection {
        private var messenger: Messenger? = null
        private var waiting: List<KeyedState>? = null
        private var bound = false
        var dead = false
            private set

        fun begin(service: ComponentName) {
            bound = true
            if (!context.bindService(Intent().setComponent(service), this, Context.BIND_AUTO_CREATE)) dead = true
        }

        fun end() {
            if (bound) context.unbindService(this)
            bound = false
            dead = true
        }

        fun send(states: List<KeyedState>) {
            val to = messenger
            if (to == null) {
                // States are values: only the newest count.
                waiting = states
                return
            }
            try {
                to.send(KeyedAppStates.message(states))
            } catch (_: RemoteException) {
                waiting = states
            }
        }

        override fun onServiceConnected(name: ComponentName, service: IBinder) {
            messenger = Messenger(service)
            waiting?.let { states ->
                waiting = null
                send(states)
            }
        }

        override fun onServiceDisconnected(name: ComponentName) {
            messenger = null
        }

        override fun onBindingDied(name: ComponentName) {
            dead = true
        }

        override fun onNullBinding(name: ComponentName) {
            dead = true
        }
    }
}
