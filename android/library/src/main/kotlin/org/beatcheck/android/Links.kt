// Which network the phone is on, as the core's budgets want to know it, and when it came back.

package org.beatcheck.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import org.beatcheck.ffi.Network

/** What the platform says of the network that is used now. */
internal data class LinkFacts(
    /** It is meant to reach the internet, or the force's own network in its place. */
    val internet: Boolean,
    /** A hotel's log-in page stands in the way. */
    val captivePortal: Boolean = false,
    /** The link is up but carries nothing just now. */
    val suspended: Boolean = false,
    /** Not paid for by volume, or not for the moment. */
    val unmetered: Boolean,
    val roaming: Boolean,
) {
    /**
     * The kind of network, or nothing where it carries nothing. Whether the platform could reach its own test page (`VALIDATED`) is not
     * asked: on a force's private network it cannot, and the hub is reached all the same.
     */
    fun kind(): Network? = when {
        !internet || captivePortal || suspended -> null
        roaming -> Network.ROAMING
        unmetered -> Network.UNMETERED
        else -> Network.METERED
    }
}

/** Where the facts come from: the platform's callback, or a test. */
internal interface LinkSource {
    /** Calls `changed` with each change, with nothing when the network is gone; once at least after the start where there is one. */
    fun start(changed: (LinkFacts?) -> Unit)

    fun stop()
}

/**
 * Watches the network: [kind] is what [Beatcheck.sync][org.beatcheck.Beatcheck] is told, and `onReconnect` is called when there is a network
 * again, or when one comes that is not paid for by volume.
 *
 * Threading: callbacks come on a thread of the platform's; [start] and [stop] may be called from any.
 *
 * ```kotlin
 * val network = NetworkMonitor.of(context) { kind -> scheduler.reconnected(kind) }
 * network.start()
 * ```
 */
public class NetworkMonitor internal constructor(
    private val source: LinkSource,
    private val onReconnect: (Network) -> Unit,
) {
    private val now = MutableStateFlow<Network?>(null)
    private val lock = Any()
    private var running = false

    /** The kind of network, or null where there is none. */
    public val kind: StateFlow<Network?> = now.asStateFlow()

    /** Begins to watch; again does nothing. */
    public fun start() {
        synchronized(lock) {
            if (running) return
            running = true
        }
        source.start(::changed)
    }

    /** Stops watching; what was known is forgotten. */
    public fun stop() {
        synchronized(lock) {
            if (!running) return
            running = false
            now.value = null
        }
        source.stop()
    }

    private fun changed(facts: LinkFacts?) {
        val kind = facts?.kind()
        val before = synchronized(lock) {
            if (!running) return
            now.value.also { now.value = kind }
        }
        if (kind == null || kind == before) return
        // From paid to free is a reason too: what policy's budget put off can come now. From free to paid is not.
        if (before == null || kind == Network.UNMETERED) onReconnect(kind)
    }

    public companion object {
        /** Watches the network that this app uses by default. Needs `ACCESS_NETWORK_STATE`, which the library's manifest has. */
        @JvmStatic
        public fun of(context: Context, onReconnect: (Network) -> Unit): NetworkMonitor =
            NetworkMonitor(PlatformLinks(context.applicationContext), onReconnect)
    }
}

private class PlatformLinks(context: Context) : LinkSource {
    private val manager = context.getSystemService(ConnectivityManager::class.java)
    private var callback: ConnectivityManager.NetworkCallback? = null

    override fun start(changed: (LinkFacts?) -> Unit) {
        val callback = object : ConnectivityManager.NetworkCallback() {
            override fun onCapabilitiesChanged(network: android.net.Network, capabilities: NetworkCapabilities) =
                changed(facts(capabilities))

            override fun onLost(network: android.net.Network) = changed(null)
        }
        manager?.registerDefaultNetworkCallback(callback)
        this.callback = callback
    }

    override fun stop() {
        callback?.let { manager?.unregisterNetworkCallback(it) }
        callback = null
    }

    private fun facts(has: NetworkCapabilities) = LinkFacts(
        internet = has.hasCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET),
        captivePortal = has.hasCapability(NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL),
        suspended = !has.hasCapability(NetworkCapabilities.NET_CAPABILITY_NOT_SUSPENDED),
        unmetered = has.hasCapability(NetworkCapabilities.NET_CAPABILITY_NOT_METERED) ||
            // Its number is API 30's; older platforms know no such capability and say no.
            has.hasCapability(NetworkCapabilities.NET_CAPABILITY_TEMPORARILY_NOT_METERED),
        roaming = !has.hasCapability(NetworkCapabilities.NET_CAPABILITY_NOT_ROAMING),
    )
}
