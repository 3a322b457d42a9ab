// Not built here (settings.gradle.kts). Versions as in pom.xml; the plugin's is the one to look at first.
plugins {
    id("com.android.library") version "8.13.0" apply false
    id("com.android.application") version "8.13.0" apply false
    id("org.jetbrains.kotlin.jvm") version "2.4.21" apply false
    id("org.jetbrains.kotlin.android") version "2.4.21" apply false
}

allprojects {
    group = "org.beatcheck"
    version = "0.1.0"
}
