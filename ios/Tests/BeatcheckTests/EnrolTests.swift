// Enrolling, opening, unlocking, and checks with and without a hub.
import Beatcheck
import Foundation
import HubProcess
import XCTest

final class EnrolTests: HubTestCase {
    func testFromEnrolmentToAnOfflineCheck() async throws {
        let vault = SwiftVault(try hub.vault("a"))
        let options = try hub.options("a")
        let beatcheck = try await Beatcheck.enrol(options, vault: vault)
        XCTAssertGreaterThan(vault.called, 0)
        let early = try await beatcheck.check(plate: plate, purpose: purpose)
        XCTAssertEqual(early.outcome, .cannotSay)
        XCTAssertNotNil(early.error)

        let report = try await beatcheck.sync()
        XCTAssertTrue(report.complete)
        XCTAssertGreaterThan(report.compartments[0].inserted, 200)

        hub.stop()
        let hit = try await beatcheck.check(plate: plate.lowercased(), purpose: purpose)
        XCTAssertEqual(hit.outcome, .hit)
        XCTAssertEqual(hit.hits[0].vrm, plate.uppercased())
        XCTAssertFalse(hit.confirm.isEmpty)
        XCTAssertNotNil(hit.hits[0].asOf.flatMap(Beatcheck.date))
        XCTAssertGreaterThan(hit.auditSeq, 0)
        let none = try await beatcheck.check(plate: "ZZ99ZZZ", purpose: purpose)
        XCTAssertEqual(none.outcome, .noTrace)
        let person = try await beatcheck.check(person: PersonQuery(surname: "Nobody"), why: Why(purpose: "stop_search"))
        XCTAssertEqual(person.outcome, .cannotSay, "persons were not loaded")
        let refused = try await beatcheck.check(plate: plate, purpose: "curiosity")
        XCTAssertEqual(refused.error?.code, "purpose_not_allowed")
        let offline = try await beatcheck.sync()
        XCTAssertEqual(offline.fault?.code, "hub_unreachable")

        try hub.serve()
        let after = try await beatcheck.sync()
        XCTAssertTrue(after.complete)
        XCTAssertEqual(after.journalPending, 0)
        let journal = try hub.run("journal", "--verify")["devices"] as? [[String: Any]]
        XCTAssertEqual(journal?.first?["unbroken"] as? Bool, true)
        XCTAssertGreaterThanOrEqual(journal?.first?["entries"] as? Int ?? 0, 5)
        let status = try await beatcheck.status()
        XCTAssertEqual(status.compartments[0].records, report.compartments[0].rows)
        await beatcheck.close()
    }

    func testAnEnrolmentThatCannotBe() async throws {
        let beatcheck = try await begun()
        let again = await error { try await self.hub.enrol("a") }
        guard case .invalid(let details) = again else { return XCTFail("\(String(describing: again))") }
        XCTAssertEqual(details.code, "already_enrolled")

        var options = try hub.options("b")
        options.code = "not a code"
        let wrong = await error { try await Beatcheck.enrol(options, vault: self.hub.vault("b")) }
        guard case .invalid = wrong else { return XCTFail("\(String(describing: wrong))") }

        options = try hub.options("b")
        hub.stop()
        let offline = await error { try await Beatcheck.enrol(options, vault: self.hub.vault("b")) }
        guard case .hub = offline else { return XCTFail("\(String(describing: offline))") }
        let nobody = await error { try await Beatcheck.open(home: self.hub.home("b"), vault: self.hub.vault("b")) }
        guard case .notEnrolled = nobody else { return XCTFail("\(String(describing: nobody))") }
        await beatcheck.close()
    }

    func testTheNonceOfALogInBeforeAnEnrolment() throws {
        let code = try hub.options("a").code
        let nonce = try Beatcheck.enrolmentNonce(code: code)
        XCTAssertEqual(nonce.count, 64)
        XCTAssertEqual(try Beatcheck.enrolmentNonce(code: code.lowercased()), nonce, "it follows from the code")
        XCTAssertNotEqual(try Beatcheck.enrolmentNonce(code: hub.options("b").code), nonce)
        XCTAssertThrowsError(try Beatcheck.enrolmentNonce(code: String(code.dropLast()))) {
            XCTAssertEqual(($0 as? BeatcheckError)?.code, "enrol_code")
        }
    }

    func testUnlockingWithThePin() async throws {
        var beatcheck = try await begun(pin: pin)
        let locked = beatcheck.events
        try await beatcheck.lock()
        try await until(locked) { $0 == .locked }
        XCTAssertFalse(beatcheck.state.unlocked)
        var answer = try await beatcheck.check(plate: plate, purpose: purpose)
        XCTAssertEqual(answer.outcome, .cannotSay)
        XCTAssertEqual(answer.error?.code, "locked")

        let wrong = await error { try await beatcheck.unlock(pin: "000000") }
        guard case .locked(let details) = wrong else { return XCTFail("\(String(describing: wrong))") }
        XCTAssertEqual(details.code, "pin")
        XCTAssertFalse(details.logText.contains("000000"))
        var status = try await beatcheck.status()
        XCTAssertEqual(status.unlock.wrongPins, 1)

        let unlocked = beatcheck.events
        try await beatcheck.unlock(pin: pin)
        try await until(unlocked) { $0 == .unlocked }
        var outcome = try await beatcheck.outcome(plate)
        XCTAssertEqual(outcome, .hit)
        try await beatcheck.setPin(old: pin, new: "159284")
        await beatcheck.close()

        let old = await error { try await Beatcheck.open(home: self.hub.home("a"), vault: self.hub.vault("a"), pin: pin) }
        guard case .locked = old else { return XCTFail("\(String(describing: old))") }
        // Without a PIN it opens, locked: syncs go on.
        beatcheck = try await Beatcheck.open(home: hub.home("a"), vault: hub.vault("a"))
        XCTAssertFalse(beatcheck.state.unlocked)
        answer = try await beatcheck.check(plate: plate, purpose: purpose)
        XCTAssertEqual(answer.error?.code, "locked")
        await beatcheck.close()
        beatcheck = try await Beatcheck.open(home: hub.home("a"), vault: hub.vault("a"), pin: "159284")
        XCTAssertTrue(beatcheck.state.unlocked)
        outcome = try await beatcheck.outcome(plate)
        XCTAssertEqual(outcome, .hit)
        status = try await beatcheck.status()
        XCTAssertTrue(status.unlock.unlocked && status.unlock.pinSet)
        await beatcheck.close()
    }

    func testAShift() async throws {
        let beatcheck = try await begun()
        let shift = try await beatcheck.startShift()
        XCTAssertNotNil(Beatcheck.date(shift.ends))
        let status = try await beatcheck.status()
        XCTAssertEqual(status.unlock.shift, shift)
        try await beatcheck.endShift()
        await beatcheck.close()
    }
}
