// Stand-ins with which the Android guide's push block is compiled where Firebase cannot be had. Their shape alone; never in an app.

package com.google.firebase.messaging

import android.app.Service
import android.content.Intent
import android.os.IBinder

class RemoteMessage

abstract class FirebaseMessagingService : Service() {
    open fun onMessageReceived(message: RemoteMessage) = Unit

    override fun onBind(intent: Intent): IBinder? = null
}
