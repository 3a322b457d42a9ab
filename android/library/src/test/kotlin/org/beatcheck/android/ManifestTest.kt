// What the manifest, the rules for backups and the shrinker's rules must say. That every name in them exists is aapt2's to find
// (script/android-resources).

package org.beatcheck.android

import org.junit.jupiter.api.Test
import org.w3c.dom.Element
import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class ManifestTest {
    private val android = File(System.getProperty("beatcheck.android"))
    private val main = File(android, "library/src/main")

    private fun xml(file: File): Element = DocumentBuilderFactory.newInstance().apply { isNamespaceAware = true }
        .newDocumentBuilder().parse(file).documentElement

    private fun Element.all(tag: String): List<Element> =
        getElementsByTagName(tag).let { found -> (0 until found.length).map { found.item(it) as Element } }

    private fun Element.android(name: String): String = getAttributeNS("http://schemas.android.com/apk/res/android", name)

    @Test
    fun `no backup, said in each way that some Android listens to`() {
        val application = xml(File(main, "AndroidManifest.xml")).all("application").single()
        assertEquals("false", application.android("allowBackup"))
        assertEquals("@xml/beatcheck_data_extraction_rules", application.android("dataExtractionRules"))
        assertEquals("@xml/beatcheck_backup_rules", application.android("fullBackupContent"))
        val domains = setOf(
            "root", "file", "database", "sharedpref", "external", "device_root", "device_file", "device_database", "device_sharedpref",
        )
        val rules = xml(File(main, "res/xml/beatcheck_data_extraction_rules.xml"))
        for (way in listOf("cloud-backup", "device-transfer")) {
            assertEquals(domains, rules.all(way).single().all("exclude").map { it.getAttribute("domain") }.toSet(), way)
        }
        val old = xml(File(main, "res/xml/beatcheck_backup_rules.xml"))
        assertEquals(domains, old.all("exclude").map { it.getAttribute("domain") }.toSet())
        assertTrue(rules.all("include").isEmpty() && old.all("include").isEmpty())
    }

    @Test
    fun `the service is the system's alone to start, and its class is there`() {
        val service = xml(File(main, "AndroidManifest.xml")).all("service").single()
        assertEquals("false", service.android("exported"))
        assertEquals("android.permission.BIND_JOB_SERVICE", service.android("permission"))
        Class.forName(service.android("name"), false, javaClass.classLoader)
    }

    @Test
    fun `no permission that the list does not explain`() {
        val asked = xml(File(main, "AndroidManifest.xml")).all("uses-permission").map { it.android("name").substringAfterLast('.') }
        assertEquals(setOf("INTERNET", "ACCESS_NETWORK_STATE", "RECEIVE_BOOT_COMPLETED", "POST_NOTIFICATIONS", "USE_BIOMETRIC"), asked.toSet())
    }

    @Test
    fun `no text of a notice has a placeholder`() {
        val texts = xml(File(main, "res/values/beatcheck_strings.xml")).all("string")
        assertTrue(texts.size >= 10)
        for (text in texts) assertFalse('%' in text.textContent, text.getAttribute("name"))
    }

    @Test
    fun `what code asks for by name is kept and is there`() {
        val names = xml(File(main, "res/values/beatcheck_strings.xml")).all("string").map { it.getAttribute("name") }.toSet()
        val asked = File(main, "kotlin").walk().filter { it.extension == "kt" }
            .flatMap { Regex("\"(beatcheck_[a-z_]+)\"").findAll(it.readText()).map { m -> m.groupValues[1] } }.toSet()
        assertTrue(asked.size >= 10)
        for (name in asked - "beatcheck_notice") assertTrue(name in names, name)
        assertTrue(File(main, "res/drawable/beatcheck_notice.xml").exists())
        assertTrue("@string/beatcheck_*,@drawable/beatcheck_*" in File(main, "res/raw/beatcheck_keep.xml").readText())
    }

    @Test
    fun `the shrinker keeps classes that there are`() {
        val rules = File(android, "library/consumer-rules.pro").readText()
        for (needed in listOf("com.sun.jna.**", "org.beatcheck.ffi.**", "* implements org.beatcheck.ffi.KeyVault")) {
            assertTrue(needed in rules, needed)
        }
        val named = Regex("""class (org\.beatcheck\.[a-z.]+\.[A-Z]\w+)""").findAll(rules).map { it.groupValues[1] }.toList()
        assertTrue(named.isNotEmpty())
        for (name in named) Class.forName(name, false, javaClass.classLoader)
    }

    @Test
    fun `management is offered the settings that the core knows`() {
        val offered = xml(File(android, "mdm/app_restrictions.xml")).all("restriction").map { it.android("key") }.toSet()
        assertEquals(setOf("hub_url", "hub_ca_pem", "root_fingerprint", "asset", "lease_ceiling_hours"), offered)
    }
}
