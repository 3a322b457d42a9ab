// Notifications. Their texts come from the resources and from nowhere else: nothing of a record, a query or an officer can get in, because no
// function here takes any.

package org.beatcheck.android

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent

/** What an officer is told while the app is not on the screen. */
public enum class Notice(internal val title: String, internal val text: String, internal val urgent: Boolean) {
    /** An answer that was given has changed. */
    LATE_HIT("beatcheck_notice_late_hit_title", "beatcheck_notice_late_hit_text", true),

    /** The lease is about to end, or has ended: the phone needs the hub. */
    LEASE("beatcheck_notice_lease_title", "beatcheck_notice_lease_text", false),

    /** The device was erased. */
    WIPED("beatcheck_notice_wiped_title", "beatcheck_notice_wiped_text", true),
}

/**
 * Shows notices. On the lock screen too they say no more than here; they are not passed on to watches or cars.
 *
 * Needs the permission `POST_NOTIFICATIONS` from API 33 on, which the app asks for; without it nothing is shown.
 */
public class Notices(context: Context) {
    private val context = context.applicationContext
    private val manager = this.context.getSystemService(NotificationManager::class.java)

    /** Shows a notice, in place of an earlier one of its kind. */
    public fun show(notice: Notice) {
        channel(notice.urgent)
        manager?.notify(TAG, notice.ordinal, build(notice))
    }

    /** Takes a notice away. */
    public fun clear(notice: Notice) {
        manager?.cancel(TAG, notice.ordinal)
    }

    internal fun build(notice: Notice): Notification {
        val texts = Texts(context)
        val title = texts[notice.title]
        val builder = Notification.Builder(context, channelId(notice.urgent))
            .setSmallIcon(texts.id("beatcheck_notice", "drawable"))
            .setContentTitle(title)
            .setContentText(texts[notice.text])
            .setTicker(title)
            .setCategory(Notification.CATEGORY_STATUS)
            .setVisibility(Notification.VISIBILITY_PRIVATE)
            .setLocalOnly(true)
            .setAutoCancel(true)
            .setShowWhen(true)
            // A state that goes on does not ring again; news does.
            .setOnlyAlertOnce(!notice.urgent)
        // Opens the app where it opens by itself: at the unlock screen. No extras: nothing says what it was about.
        context.packageManager.getLaunchIntentForPackage(context.packageName)?.let { launch ->
            launch.flags = Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_SINGLE_TOP
            builder.setContentIntent(PendingIntent.getActivity(context, 0, launch, PendingIntent.FLAG_IMMUTABLE))
        }
        return builder.build()
    }

    private fun channel(urgent: Boolean) {
        val importance = if (urgent) NotificationManager.IMPORTANCE_HIGH else NotificationManager.IMPORTANCE_DEFAULT
        val name = Texts(context)[if (urgent) "beatcheck_channel_urgent" else "beatcheck_channel_state"]
        val channel = NotificationChannel(channelId(urgent), name, importance)
        channel.lockscreenVisibility = Notification.VISIBILITY_PRIVATE
        manager?.createNotificationChannel(channel)
    }

    private fun channelId(urgent: Boolean) = if (urgent) "beatcheck.urgent" else "beatcheck.state"

    private companion object {
        const val TAG = "beatcheck"
    }
}
