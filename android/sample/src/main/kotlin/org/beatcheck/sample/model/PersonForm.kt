// From the fields of the person check to a question.

package org.beatcheck.sample.model

import org.beatcheck.ffi.PersonQuery

data class PersonForm(val surname: String = "", val given: String = "", val born: String = "") {
    /** The question; nothing while there is too little to ask with. */
    fun query(): PersonQuery? {
        val (surname, given, born) = listOf(surname, given, born).map { it.trim().ifEmpty { null } }
        if (surname == null) return null
        // One field for both: an officer knows either. What does not read the core says.
        val age = born?.takeIf { it.length <= 3 && it.all(Char::isDigit) }
        return PersonQuery(surname = surname, given = given, dob = born.takeIf { age == null }, age = age)
    }
}
