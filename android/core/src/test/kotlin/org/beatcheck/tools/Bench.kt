// The runner of Kotlin for `beatcheck bench bindings`: asks the questions of an enrolled device and writes what it took. The form of
// QUESTIONS and REPORT stands in docs/benches.md. What the times mean, and whether they are good, is said there and not here.

package org.beatcheck.tools

import kotlinx.coroutines.runBlocking
import org.beatcheck.Beatcheck
import org.beatcheck.ffi.Answer
import org.beatcheck.ffi.Device
import org.beatcheck.ffi.Outcome
import org.beatcheck.ffi.PersonQuery
import org.beatcheck.ffi.VehicleQuery
import org.beatcheck.ffi.Why
import org.beatcheck.ffi.deskVault
import org.beatcheck.ffi.version
import java.io.File
import java.util.Locale
import kotlin.system.exitProcess

/** Questions of each kind that are asked before any is counted. */
private const val WARM = 200

/** A call alone is shorter than the clock can tell: so many make one measurement. */
private const val CALLS = 100
private const val BATCHES = 1000

private sealed interface Question {
    val kind: String

    class Vehicle(mark: String) : Question {
        override val kind = "vehicle"
        val query = VehicleQuery(vrm = mark)
    }

    class Person(val query: PersonQuery) : Question {
        override val kind = "person"
    }
}

private val stop = Why("traffic_stop")
private val search = Why("stop_search")

private suspend fun Beatcheck.ask(question: Question): Answer = when (question) {
    is Question.Vehicle -> check(question.query, stop)
    is Question.Person -> check(question.query, search)
}

fun main(words: Array<String>) {
    if (words.size != 4) {
        System.err.println("usage: HOME VAULT QUESTIONS REPORT")
        exitProcess(2)
    }
    val (home, vault, list, report) = words.map(::File)
    val questions = list.readLines().filter { it.isNotEmpty() }.map(::question)
    require(questions.isNotEmpty()) { "no questions in $list" }
    val lines = overhead(home, vault) + whole(home, vault, questions)
    report.writeText(lines.joinToString("\n", postfix = "\n"))
}

private fun question(line: String): Question {
    val cells = line.split('\t')
    fun cell(n: Int) = cells[n].ifEmpty { null }
    return when (cells[0] to cells.size) {
        "v" to 2 -> Question.Vehicle(cells[1])
        "p" to 4 -> Question.Person(PersonQuery(surname = cell(1), given = cell(2), dob = cell(3)))
        else -> error("not a question: a line of ${cells.size} cells")
    }
}

/** What the generated binding adds to a call, by calls that do nothing. */
private fun overhead(home: File, vault: File): List<String> {
    val device = Device.open(home.path, deskVault(vault.path), null)
    try {
        return listOf(measured("version()") { version() }, measured("lifecycle()") { device.lifecycle() })
    } finally {
        device.shutDown()
        device.close()
    }
}

private fun measured(metric: String, call: () -> Any): String {
    fun batch(): Double {
        val began = System.nanoTime()
        repeat(CALLS) { call() }
        return (System.nanoTime() - began).toDouble() / CALLS
    }
    repeat(BATCHES) { batch() } // The JIT compiler's time is not the call's.
    val means = List(BATCHES) { batch() }.sorted()
    val ns = listOf(means[BATCHES / 2], means[BATCHES * 99 / 100 - 1])
    return """{"case":"call","metric":"$metric","n":${CALLS * BATCHES},"ns":${numbers(ns)}}"""
}

/** Whole checks by the facade, as an app asks them: from the call to the answer in hand, coroutines and threads included. */
private fun whole(home: File, vault: File, questions: List<Question>): List<String> = runBlocking {
    Beatcheck(home, deskVault(vault.path), "1.0").use { beatcheck ->
        beatcheck.open()
        for (of in questions.groupBy { it.kind }.values) of.take(WARM).forEach { beatcheck.ask(it) }
        val took = mapOf("vehicle" to mutableListOf<Double>(), "person" to mutableListOf())
        val answers = questions.map { question ->
            val began = System.nanoTime()
            val answer = beatcheck.ask(question)
            took.getValue(question.kind) += (System.nanoTime() - began) / 1e3
            "\"${name(answer.outcome)}:${answer.hits.size}\""
        }
        took.map { (kind, us) -> """{"case":"$kind","us":${numbers(us)}}""" } +
            """{"case":"answers","all":${answers.joinToString(",", "[", "]")}}"""
    }
}

/** As Rust calls it: all languages must have been told the same. */
private fun name(outcome: Outcome) = when (outcome) {
    Outcome.HIT -> "Hit"
    Outcome.POSSIBLE -> "Possible"
    Outcome.NO_TRACE -> "NoTrace"
    Outcome.CANNOT_SAY -> "CannotSay"
}

private fun numbers(all: List<Double>) = all.joinToString(",", "[", "]") { String.format(Locale.ROOT, "%.3f", it) }
