// Small helps for showing an answer. Answers come from the core ready to be shown, in order: danger first within a subject, confidence
// between candidates. Nothing here sorts, weighs or leaves out a candidate.

package org.beatcheck

import org.beatcheck.ffi.Answer
import org.beatcheck.ffi.CoverageState
import org.beatcheck.ffi.Disclosure
import org.beatcheck.ffi.Hit
import org.beatcheck.ffi.ShownMarker

/**
 * What may be read aloud or given to a screen reader: the core's text, in which silent markers never are. Not for a notification: it
 * names who or what was checked.
 *
 * ```
 * screen.contentDescription = answer.spokenText
 * ```
 */
public val Answer.spokenText: String get() = text

/** Markers that may be spoken, most urgent first. */
public val Hit.speakableMarkers: List<ShownMarker> get() = markers.filter { it.disclosure == Disclosure.SPEAKABLE }

/**
 * Markers that are for the officer's eyes (observe, do not stop), most urgent first. Show them; never read them aloud, never give
 * them to a screen reader, never put them in a notification.
 */
public val Hit.silentMarkers: List<ShownMarker> get() = markers.filter { it.disclosure == Disclosure.SILENT }

/** Whether more agreed than this answer shows: [Beatcheck.pages] goes on. */
public val Answer.isCut: Boolean get() = total > hits.size.toULong()

/**
 * Names of the sources that were permitted and not searched in full: missing, withheld, or with only their marks. An answer without
 * hits says nothing about what they hold.
 */
public val Answer.sourcesNotSearched: List<String>
    get() = coverage.filter { it.state != CoverageState.CURRENT && it.state != CoverageState.STALE }.map { it.source }

/** Names of the sources that were searched but are old or overdue. */
public val Answer.staleSources: List<String>
    get() = coverage.filter { it.state == CoverageState.STALE }.map { it.source }
