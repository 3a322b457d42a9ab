// Texts from the app's resources, by name. By name and not through R, so that these classes compile here without the Android Gradle plugin;
// res/raw/beatcheck_keep.xml keeps a resource shrinker from dropping them.

package org.beatcheck.android

import android.content.Context

internal class Texts(private val context: Context) {
    /** The text of a string resource of this library or of the app that overrides it. */
    operator fun get(name: String): String = context.getString(id(name, "string"))

    /** A text for a number of things. */
    fun of(name: String, count: Int): String = context.resources.getQuantityString(id(name, "plurals"), count, count)

    /** The number of a resource; an app that lost it must not be shipped. */
    fun id(name: String, type: String): Int {
        val id = context.resources.getIdentifier(name, type, context.packageName)
        check(id != 0) { "resource $type/$name is missing from the app" }
        return id
    }
}
