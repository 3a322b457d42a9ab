// A real hub: the `beatcheck` command, over TLS on loopback, with synthetic lists that the same command made. Nobody on them is real.

package org.beatcheck.support

import org.beatcheck.Enrolment
import java.io.File
import java.nio.file.Files
import java.util.concurrent.TimeUnit

/** Each test class has one of its own. */
class TestHub(persons: Int = 1_000, vehicles: Int = 1_000) : AutoCloseable {
    val dir: File = Files.createTempDirectory("beatcheck-kotlin-").toFile()
    private val data = File(dir, "hub")
    private val lists = File(dir, "lists")
    private var server: Process? = null
    private var codes = 0
    lateinit var address: String
        private set

    /** Rows of the vehicles' list as the hub took it in: column to cell. */
    val vehicles: List<Map<String, String>>
    val persons: List<Map<String, String>>

    init {
        Runtime.getRuntime().addShutdownHook(Thread { server?.destroyForcibly() })
        command("fixtures", "--out", lists.path, "--persons", "$persons", "--vehicles", "$vehicles")
        this.vehicles = rows("vehicles.csv")
        this.persons = rows("persons.csv")
        hub("init")
        ingest("vehicles")
        ingest("persons")
        hub("publish")
        serve("127.0.0.1:0")
    }

    val ca: String get() = File(data, "ca.pem").readText()

    /** Marks on the list, as the officer would type them. */
    val marks: List<String> get() = vehicles.map { it.getValue("vrm") }.filter { it.isNotBlank() }

    fun enrolment(officer: String = "officer-${++codes}", pin: String? = null): Enrolment =
        Enrolment(hub = address, code = text(hub("enrol", "--officer", officer, "--role", "patrol"), "code"), caPem = ca, pin = pin)

    /** A subcommand of `hub`, on this hub's data; what it printed. */
    fun hub(vararg words: String): String {
        val ours = arrayOf("--data", data.path, "--json")
        val at = if (words[0] in setOf("policy", "officer", "account")) 2 else 1
        return command(*(listOf("hub") + words.take(at) + ours + words.drop(at)).toTypedArray(), json = false)
    }

    /** Takes a list in again, as [edit] has changed its lines; publish afterwards. */
    fun ingest(list: String, edit: (List<String>) -> List<String> = { it }) {
        val file = File(lists, "$list.csv")
        file.writeText(edit(file.readLines()).joinToString("\n", postfix = "\n"))
        hub("ingest", "--mapping", File(lists, "$list.toml").path, "--as-of", "now", "--force", file.path)
    }

    /** Puts the policy in force with [from] replaced by [to], and returns its version. */
    fun policy(from: String, to: String): Long {
        val now = hub("policy", "show")
        check(from in now) { "the policy has no $from" }
        val file = File(dir, "policy.json")
        file.writeText(now.replace(from, to).replace(Regex("\"policy_version\":\\d+,"), ""))
        return number(hub("policy", "set", file.path), "policy_version")
    }

    private fun serve(listen: String) {
        val started = ProcessBuilder(beatcheck, "hub", "serve", "--data", data.path, "--listen", listen, "--json")
            .redirectError(ProcessBuilder.Redirect.appendTo(File(dir, "hub.log"))).start()
        server = started
        val line = started.inputStream.bufferedReader().readLine() ?: error("no hub: ${File(dir, "hub.log").readText()}")
        address = text(line, "listening")
    }

    /** It does not answer, and its connections stand open: a hub behind a link that swallows everything. */
    fun freeze() = signal("STOP")

    fun thaw() = signal("CONT")

    fun kill() {
        server?.destroyForcibly()?.waitFor()
        server = null
    }

    /** Where it was. */
    fun restart() = serve(address.removePrefix("https://"))

    private fun signal(name: String) {
        val pid = checkNotNull(server).pid()
        check(ProcessBuilder("kill", "-$name", "$pid").start().waitFor() == 0)
    }

    override fun close() {
        kill()
        dir.deleteRecursively()
    }

    private fun rows(name: String): List<Map<String, String>> {
        val lines = File(lists, name).readLines().map(::cells)
        return lines.drop(1).map { lines[0].zip(it).toMap() }
    }

    companion object {
        private val beatcheck: String = checkNotNull(System.getProperty("beatcheck.command")) { "beatcheck.command is not set" }

        fun command(vararg words: String, json: Boolean = true): String {
            val err = Files.createTempFile("beatcheck-kotlin-", ".err").toFile()
            try {
                val all = listOf(beatcheck) + words + if (json) listOf("--json") else emptyList()
                val run = ProcessBuilder(all).redirectError(err).start()
                val out = run.inputStream.bufferedReader().readText()
                check(run.waitFor(5, TimeUnit.MINUTES) && run.exitValue() == 0) { "${words.take(3)}: ${err.readText()}$out" }
                return out
            } finally {
                err.delete()
            }
        }

        fun text(json: String, key: String): String =
            Regex("\"$key\":\"([^\"]*)\"").find(json)?.groupValues?.get(1) ?: error("no $key in $json")

        fun number(json: String, key: String): Long =
            Regex("\"$key\":(\\d+)").find(json)?.groupValues?.get(1)?.toLong() ?: error("no $key in $json")

        /** A line of CSV whose quoted cells hold no quotes, as the generator writes them. */
        private fun cells(line: String): List<String> =
            Regex("(?:^|,)(?:\"([^\"]*)\"|([^,]*))").findAll(line).map { it.groupValues[1] + it.groupValues[2] }.toList()
    }
}
