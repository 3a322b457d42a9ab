// Not built here (../settings.gradle.kts). The native libraries come from `cargo xtask package android`, which writes jniLibs/<abi>/.
plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "org.beatcheck.android"
    compileSdk = 35
    defaultConfig {
        minSdk = 28
        consumerProguardFiles("consumer-rules.pro")
    }
    sourceSets["main"].apply {
        java.srcDirs("src/main/kotlin")
        // What device management may set: an app that has its own puts it in place of this.
        res.srcDirs("src/main/res", "../mdm/res", layout.buildDirectory.dir("mdm-res"))
    }
    // The Maven tests (src/test) use stand-ins for androidx.test, which Gradle does not need: run them by script/test-android.
    sourceSets["test"].java.setSrcDirs(emptyList<String>())
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
}

kotlin { compilerOptions { jvmTarget.set(org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_11) } }

// mdm/app_restrictions.xml belongs into res/xml.
val mdm by tasks.registering(Copy::class) {
    from("../mdm/app_restrictions.xml")
    into(layout.buildDirectory.dir("mdm-res/xml"))
}
tasks.named("preBuild") { dependsOn(mdm) }

dependencies {
    // JNA's classes are the same; on Android its native part comes with the aar.
    api(project(":core")) { exclude(group = "net.java.dev.jna") }
    implementation("net.java.dev.jna:jna:5.19.1@aar")
    api("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.11.0")
}
