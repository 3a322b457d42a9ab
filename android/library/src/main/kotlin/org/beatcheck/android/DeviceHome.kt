// Where the device's files lie: in no backup and in no transfer to another phone. The manifest says the same twice more (allowBackup, and the
// rules in res/xml), for each Android version listens to another of them.

package org.beatcheck.android

import android.content.Context
import java.io.File

/** The directory of the device's files. */
public object DeviceHome {
    /**
     * The home to hand to `Beatcheck`. In `noBackupFilesDir`, which neither a cloud backup nor a transfer to a new phone takes. A copy would be
     * of no use (the keys are in this phone's hardware) but would carry the account's ciphertext away, and would look like a device that was
     * put back.
     */
    @JvmStatic
    public fun of(context: Context): File = File(context.noBackupFilesDir, NAME)

    internal const val NAME = "beatcheck"
}
