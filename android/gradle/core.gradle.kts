// Not built here (../settings.gradle.kts, which names this file as core's). The binding is generated, not committed:
//   beatcheck-bindgen generate libbeatcheck.so --language kotlin --out-dir DIR --no-format
// and DIR is given as -Pbeatcheck.bindings=DIR (script/test-kotlin leaves one in target/bindings/kotlin).
plugins { id("org.jetbrains.kotlin.jvm") }

val bindings = providers.gradleProperty("beatcheck.bindings").orElse("${rootDir}/../target/bindings/kotlin")
sourceSets["main"].java.setSrcDirs(emptyList<String>())
kotlin {
    sourceSets["main"].kotlin.setSrcDirs(listOf("src/main/kotlin", bindings.get()))
    // script/test-kotlin runs these.
    sourceSets["test"].kotlin.setSrcDirs(emptyList<String>())
    compilerOptions { jvmTarget.set(org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_11) }
}
java {
    sourceCompatibility = JavaVersion.VERSION_11
    targetCompatibility = JavaVersion.VERSION_11
}

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.11.0")
    api("net.java.dev.jna:jna:5.19.1")
}
