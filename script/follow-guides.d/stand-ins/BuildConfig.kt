// What Gradle's Android plugin generates for the app of the Android guide, as far as the guide uses it.

package org.example.patrol

object BuildConfig {
    const val VERSION_NAME = "1.0"
}
