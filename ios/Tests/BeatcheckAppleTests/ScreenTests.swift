// What an officer sees and hears. The rules of the domain, at the place where they could still be broken. All records are synthetic.

import BeatcheckCore
import XCTest
@testable import BeatcheckApple

final class ScreenTests: XCTestCase {
    private let now = Age.date("2026-11-25T12:00:00Z")!

    private func coverage(_ state: CoverageState, _ asOf: String? = "2026-11-25T09:00:00Z", withheld: String? = nil) -> Coverage {
        Coverage(
            compartment: "c", source: "Stolen vehicles", state: state, withheld: withheld, asOf: asOf, watermark: 1, records: 1,
            unsearchable: 0, arriving: nil)
    }

    private func hit(_ outcome: Outcome = .hit, _ markers: [ShownMarker] = []) -> Hit {
        Hit(
            id: "01", version: 1, sourceKey: "k", kind: .vehicle, outcome: outcome, grade: .strong, score: 0.97,
            reasons: [Reason(code: "vrm_exact", text: "mark as written")], markers: markers, flags: [], source: "Stolen vehicles",
            compartment: "c", asOf: "2026-11-25T09:00:00Z", vrm: "AB12CDE", title: "FORD FIESTA BLUE", details: [])
    }

    private func answer(
        _ outcome: Outcome, hits: [Hit] = [], banner: String = "", warnings: WarningsState = .loaded, coverage: [Coverage]? = nil,
        error: AnswerError? = nil
    ) -> Answer {
        Answer(
            kind: .vehicle, outcome: outcome, reference: "K7 42", warningsState: warnings, confirm: "Confirm before acting.", banner: banner,
            notes: [], hits: hits, total: UInt64(hits.count), coverage: coverage ?? [self.coverage(.current)], text: "spoken text of the core",
            at: "2026-11-25T11:59:00Z", auditSeq: 1, tookUs: 1, accountUs: 1, error: error)
    }

    private func marker(_ text: String, _ disclosure: Disclosure) -> ShownMarker {
        ShownMarker(code: "X", text: text, action: "act on \(text)", disclosure: disclosure, since: nil)
    }

    func testThereIsNoClear() {
        for outcome in [Outcome.hit, .possible, .noTrace, .cannotSay] {
            let screen = AnswerScreen(answer(outcome), now: now)
            // tidy: allow(never-clear) the word that must not appear
            XCTAssertFalse("\(screen)".lowercased().contains("clear"))
            XCTAssertFalse(screen.freshness.isEmpty)
        }
        XCTAssertEqual(AnswerScreen(answer(.noTrace), now: now).heading, "NO TRACE in the sources searched")
        XCTAssertEqual(AnswerScreen(answer(.noTrace), now: now).tone, .nothing)
    }

    func testSilentMarkersAreSeenAndNeverHeard() {
        let markers = [marker("FIREARMS", .speakable), marker("OBSERVE", .silent)]
        let screen = AnswerScreen(answer(.hit, hits: [hit(.hit, markers)]), now: now)
        XCTAssertEqual(screen.cards[0].markers.map(\.silent), [false, true])
        XCTAssertTrue(screen.cards[0].spoken.hasPrefix("FIREARMS. act on FIREARMS"), "danger first")
        XCTAssertFalse(screen.cards[0].spoken.contains("OBSERVE"))
        XCTAssertEqual(screen.spoken, "spoken text of the core")
    }

    func testDangerAndStanding() {
        XCTAssertEqual(AnswerScreen(answer(.possible, hits: [hit(.possible)], banner: "one weak candidate carries FIREARMS"), now: now).tone, .danger)
        let screen = AnswerScreen(answer(.possible, hits: [hit(.possible)]), now: now)
        XCTAssertEqual(screen.heading, "POSSIBLE MATCH")
        XCTAssertEqual(screen.cards[0].standing, "POSSIBLE: nearly all agrees")
        XCTAssertFalse("\(screen)".contains("97") || "\(screen)".contains("%"), "never a bare percentage")
        XCTAssertEqual(screen.cards[0].provenance, "Stolen vehicles, 3 h old")
    }

    func testFreshnessSaysTheWorst() {
        func line(_ coverage: [Coverage], _ warnings: WarningsState = .loaded) -> (String, Tone) {
            let screen = AnswerScreen(answer(.noTrace, warnings: warnings, coverage: coverage), now: now)
            return (screen.freshness, screen.freshnessTone)
        }
        XCTAssertEqual(line([coverage(.current), coverage(.current, "2026-11-25T11:30:00Z")]).0, "oldest source 3 h old.")
        XCTAssertEqual(line([coverage(.current)]).1, .nothing)
        XCTAssertEqual(line([coverage(.stale, "2026-11-20T09:00:00Z"), coverage(.missing, nil)]).0, "1 source NOT searched. 1 source STALE. oldest source 5 days old.")
        XCTAssertEqual(line([coverage(.current)], .notLoaded).0, "Warnings not loaded: assume unknown. oldest source 3 h old.")
        XCTAssertEqual(line([coverage(.current)], .notLoaded).1, .unknown)
        XCTAssertEqual(line([coverage(.withheld, withheld: "lease")]).0, "1 source NOT searched. nothing was searched.")
        XCTAssertEqual(line([]).1, .unknown)
        XCTAssertEqual(line([coverage(.current, nil)]).0, "oldest: age not known.")
        XCTAssertEqual(FreshnessLine(coverage(.withheld, withheld: "lease"), now: now).text, "NOT searched: its lease ended: connect and sync")
    }

    func testAges() {
        XCTAssertEqual(Age.words(of: "2026-11-25T11:59:30Z", at: now), "under a minute old")
        XCTAssertEqual(Age.words(of: "2026-11-25T11:59:30.123456789Z", at: now), "under a minute old")
        XCTAssertEqual(Age.words(of: "2026-11-23T13:00:00Z", at: now), "47 h old")
        XCTAssertEqual(Age.words(of: "2026-11-23T11:00:00Z", at: now), "2 days old")
        XCTAssertEqual(Age.words(of: "2026-11-25T12:01:00Z", at: now), "under a minute old")
        XCTAssertEqual(Age.words(of: "2026-11-25T12:30:00Z", at: now), "dated ahead of the clock")
        for unread in [nil, "", "yesterday"] { XCTAssertEqual(Age.words(of: unread, at: now), "age not known") }
    }

    func testThePlateKeypad() {
        var plate = PlateEntry()
        XCTAssertFalse(plate.canCheck)
        "ab12 c-dé".forEach { plate.press($0) }
        XCTAssertEqual(plate.text, "AB12CD")
        plate.press("E")
        XCTAssertEqual(plate.shown, "AB12 CDE")
        XCTAssertEqual(plate.spoken, "A B 1 2 C D E")
        plate.delete()
        XCTAssertEqual(plate.shown, "AB12CD")
        for _ in 0..<50 { plate.press("X") }
        XCTAssertEqual(plate.text.count, PlateEntry.most)
        plate.clear()
        plate.delete()
        XCTAssertEqual(plate, PlateEntry())
        XCTAssertEqual(Set(PlateEntry.rows.joined()), Set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    }

    func testThePersonForm() {
        var person = PersonEntry()
        person.born = "12/3/1984"
        XCTAssertFalse(person.canCheck)
        person.surname = "  Nobody "
        XCTAssertTrue(person.canCheck)
        XCTAssertEqual(person.query, PersonQuery(surname: "Nobody", dob: "1984-03-12"))
        for (typed, read) in [("12031984", "1984-03-12"), ("1984-03-12", "1984-03-12"), ("1984", "1984"), ("31.2.1984", "1984-02-31"), ("x", "x")] {
            XCTAssertEqual(PersonEntry.date(typed), read)
        }
    }

    func testNotificationsSayNothing() {
        XCTAssertEqual(NoticeText.of(lateHits: 3, leaseHoursLeft: 2, accountLow: true), [.lateHit, .contactDue, .accountLow])
        XCTAssertEqual(NoticeText.of(lateHits: 0, leaseHoursLeft: 20, accountLow: false), [])
        XCTAssertEqual(NoticeText.of(lateHits: 1, leaseHoursLeft: nil, accountLow: false)[0].body, NoticeText.lateHit.body)
        for notice in NoticeText.allCases { XCTAssertNil(notice.body.rangeOfCharacter(from: .decimalDigits)) }
    }

    func testErrorsForTheOfficer() {
        let texts: [(ApiError, String, OfficerError.Step)] = [
            (.NotEnrolled(code: "wiped", officerText: "t", logText: "l"), "This phone is not enrolled", .enrol),
            (.Locked(code: "pin", officerText: "t", logText: "l"), "Locked", .unlock),
            (.Hub(code: "hub_unreachable", officerText: "t", logText: "l"), "Not done at the hub", .syncLater),
            (.NotAccounted(code: "account", officerText: "t", logText: "l"), "Not checked", .tryAgain),
            (.Invalid(code: "managed", officerText: "t", logText: "l"), "That cannot be used", .tryAgain),
            (.Storage(code: "store", officerText: "t", logText: "l"), "A problem on this phone", .callSupport),
            (.Suspended(code: "closed", officerText: "t", logText: "l"), "Beatcheck was paused", .reopen),
        ]
        for (error, heading, step) in texts {
            let shown = OfficerError(error)
            XCTAssertEqual([shown.heading, shown.text], [heading, "t"], "the log's text is not for the screen")
            XCTAssertEqual(shown.step, step)
            XCTAssertEqual(shown.code, error.stableCode)
        }
        struct Other: Error { let secret = "AB12CDE" }
        XCTAssertFalse("\(OfficerError(Other()))".contains("AB12CDE"))
    }

    func testProgressOfASync() {
        var progress = SyncProgress()
        progress.take(.fetched(bytes: 5, of: 10, bytesPerS: 1))
        XCTAssertEqual(progress.share, 0.5)
        progress.take(.applying(compartment: "c", rows: 1, of: 0))
        XCTAssertNil(progress.share)
        let late = LateHit(
            reference: "r", asked: "2026-11-25T10:00:00Z", at: "2026-11-25T12:00:00Z", change: "appeared", text: "t.", auditSeq: 1)
        let noon = Age.date("2026-11-25T12:00:00Z")!
        XCTAssertEqual(SyncProgress.words(late, now: noon), "Asked \(Age.span(7200)) ago. t.")
        progress.take(.lateHit(hit: late))
        progress.take(.lateHit(hit: late))
        progress.take(.finished(complete: true, fault: nil))
        XCTAssertNil(progress.line)
        XCTAssertEqual(progress.late.count, 1, "told until it was seen")
        progress.sawLate()
        XCTAssertEqual(progress.late, [])
        progress.take(.locked)
        XCTAssertTrue(progress.locked)
    }
}
