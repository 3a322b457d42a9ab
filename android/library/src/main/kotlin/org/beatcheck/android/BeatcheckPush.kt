// Pushes: a knock, without a word in it that anybody has signed. No dependency on a push service; the app hands over what its own brought.

package org.beatcheck.android

import android.content.Context

/**
 * For the app's push receiver, whichever it is:
 *
 * ```kotlin
 * class Receiver : FirebaseMessagingService() {
 *     override fun onMessageReceived(message: RemoteMessage) = runBlocking {
 *         BeatcheckPush.handle(applicationContext, message.rawData ?: ByteArray(0))
 *         Unit
 *     }
 * }
 * ```
 */
public object BeatcheckPush {
    /**
     * Asks for a sync in as many seconds as the core says (a fleet that was pushed to at once must not come at once). What the payload
     * carries is looked at by nobody: it cannot make the phone do more than ask its hub.
     *
     * Any thread.
     *
     * @return the seconds; null where the app is no [BeatcheckHost].
     * @throws org.beatcheck.BeatcheckException where there is no device that could sync.
     */
    public suspend fun handle(context: Context, payload: ByteArray): Long? =
        AndroidBeatcheck.of(context)?.run { runner.pushed(payload, work) }
}
