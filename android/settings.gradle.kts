// Not built here: Google's Maven repository and the Android Gradle plugin were not reachable where this was written. Maven builds and tests
// the same sources (pom.xml); these are for an Android developer's machine, and have never been run.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode.set(RepositoriesMode.FAIL_ON_PROJECT_REPOS)
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "beatcheck-android"
include(":core", ":library", ":sample")
project(":core").buildFileName = "../gradle/core.gradle.kts"
