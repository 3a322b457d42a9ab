// Device management, push, versions, pages, and the list of errors.
@testable import Beatcheck
import BeatcheckCore
import Foundation
import HubProcess
import XCTest

final class ManagementTests: HubTestCase {
    override var persons: Bool { true }

    func testManagedConfiguration() async throws {
        let json = #"{"hub_url": "https://hub.example:8443", "asset": "PHONE-7", "theirs": 1}"#
        let settings = try Beatcheck.managedSettings(json: json)
        XCTAssertEqual(settings.hubUrl, "https://hub.example:8443")
        XCTAssertEqual(settings.asset, "PHONE-7")
        let wrong = await error { try Beatcheck.managedSettings(json: #"{"hub_url": 7}"#) }
        guard case .invalid(let details) = wrong else { return XCTFail("\(String(describing: wrong))") }
        XCTAssertEqual(details.code, "managed")

        let beatcheck = try await begun()
        let applied = try await beatcheck.applyManagedConfiguration(json: #"{"lease_ceiling_hours": 1, "theirs": 1}"#)
        XCTAssertEqual(applied.changed, ["lease_ceiling_hours"])
        XCTAssertEqual(applied.ignored, ["theirs"])
        let status = try await beatcheck.status()
        let ends = try XCTUnwrap(status.leaseEnds.flatMap(Beatcheck.date))
        let contact = try XCTUnwrap(status.lastContact.flatMap(Beatcheck.date))
        XCTAssertEqual(ends.timeIntervalSince(contact), 3600, accuracy: 1)
        let refused = await error { try await beatcheck.applyManagedConfiguration(json: "no json") }
        XCTAssertEqual(refused?.code, "managed")
        let states = try await beatcheck.keyedStates()
        XCTAssertEqual(states.first { $0.key == "enrolment" }?.data, "enrolled")
        try await beatcheck.setAppVersion("1.1")
        await beatcheck.close()
    }

    func testAPolicyHandedOverAsBytes() async throws {
        let beatcheck = try await begun()
        try setPolicy(purposes: ["warrant"])
        let file = hub.root.appendingPathComponent("policy.signed")
        let version = try await beatcheck.status().policyVersion + 1
        try hub.run("policy", "show", "\(version)", "--out", file.path)
        hub.stop()
        var bytes = try Data(contentsOf: file)
        let taken = try await beatcheck.takePolicy(bytes)
        XCTAssertEqual(taken.policyVersion, version)
        XCTAssertTrue(taken.changed)
        let refused = try await beatcheck.check(plate: plate, purpose: purpose)
        XCTAssertEqual(refused.error?.code, "purpose_not_allowed")
        bytes[bytes.count / 2] ^= 1
        let tampered = await error { try await beatcheck.takePolicy(bytes) }
        guard case .invalid(let details) = tampered else { return XCTFail("\(String(describing: tampered))") }
        XCTAssertEqual(details.code, "policy_refused")
        await beatcheck.close()
    }

    func testAPushSaysWhenToSync() async throws {
        let beatcheck = try await begun()
        // What it carries is not looked at: an empty one, and one that is no text.
        for payload in [Data(), Data([0, 255, 128])] {
            let after = try await beatcheck.handlePush(payload)
            XCTAssertGreaterThanOrEqual(after, .seconds(0))
        }
        await beatcheck.close()
    }

    func testABindingOfAnotherVersion() async throws {
        try Beatcheck.checkBinding()
        XCTAssertTrue(Beatcheck.libraryVersion.hasPrefix(Beatcheck.packageVersion + "+"), Beatcheck.libraryVersion)
        let other = await error { try Beatcheck.checkBinding(version: "99.0.0") }
        guard case .invalid(let details) = other else { return XCTFail("\(String(describing: other))") }
        XCTAssertEqual(details.code, "binding")
    }

    func testPagesOfAPersonAndWhatIsLinked() async throws {
        try setPolicy("[limits]\nmax_results = 1")
        let beatcheck = try await begun()
        let why = Why(purpose: "stop_search")
        var pages = 0, shown: [String] = [], total: UInt64 = 0
        for try await page in beatcheck.pages(of: PersonQuery(surname: "Sandhu"), why: why) {
            pages += 1
            total = page.total
            shown += page.hits.map(\.id)
        }
        XCTAssertGreaterThanOrEqual(total, 3)
        XCTAssertEqual(UInt64(shown.count), total)
        XCTAssertEqual(Set(shown).count, shown.count, "none comes twice")
        XCTAssertEqual(UInt64(pages), total)
        var none: [Answer] = []
        for try await page in beatcheck.pages(of: VehicleQuery(vrm: "ZZ99ZZZ"), why: Why(purpose: purpose)) {
            none.append(page)
        }
        XCTAssertEqual(none.map(\.outcome), [.noTrace], "no trace is an answer too")
        var refused: [Answer] = []
        for try await page in beatcheck.pages(of: VehicleQuery(vrm: plate), why: Why(purpose: "curiosity")) {
            refused.append(page)
        }
        XCTAssertEqual(refused.map(\.error?.code), ["purpose_not_allowed"])

        let person = try await beatcheck.check(person: PersonQuery(surname: "Genner-White", dob: "1988-05-24"), why: why)
        let linked = try await beatcheck.check(linkedWith: XCTUnwrap(person.hits.first), why: why)
        XCTAssertEqual(linked.hits.first?.id, person.hits.first?.id)
        await beatcheck.close()
    }

    func testEachErrorOfTheCoreHasItsCase() {
        let texts = BeatcheckError.Details("c", "o", "l")
        let all: [(ApiError, BeatcheckError)] = [
            (.NotEnrolled(code: "c", officerText: "o", logText: "l"), .notEnrolled(texts)),
            (.Locked(code: "c", officerText: "o", logText: "l"), .locked(texts)),
            (.Hub(code: "c", officerText: "o", logText: "l"), .hub(texts)),
            (.NotAccounted(code: "c", officerText: "o", logText: "l"), .notAccounted(texts)),
            (.Invalid(code: "c", officerText: "o", logText: "l"), .invalid(texts)),
            (.Storage(code: "c", officerText: "o", logText: "l"), .storage(texts)),
            (.Suspended(code: "c", officerText: "o", logText: "l"), .suspended(texts)),
        ]
        for (core, ours) in all {
            XCTAssertEqual(BeatcheckError(core), ours)
            XCTAssertEqual(ours.code, texts.code)
            XCTAssertEqual(ours.localizedDescription, texts.officerText)
            XCTAssertEqual("\(ours)", texts.logText)
        }
        // What the binding itself throws is nobody's reviewed text.
        let fault = BeatcheckError(SwiftVault.Talkative())
        XCTAssertEqual(fault.code, "internal")
        XCTAssertFalse("\(fault) \(fault.officerText)".contains("secret"))
    }
}

final class LaneTests: XCTestCase {
    func testOnlySoManyAtATime() async throws {
        let lane = Lane("test", width: 3, qos: .utility), now = Guarded((running: 0, most: 0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await lane.run {
                        now.with { $0.running += 1; $0.most = max($0.most, $0.running) }
                        Thread.sleep(forTimeInterval: 0.001)
                        now.with { $0.running -= 1 }
                    }
                }
            }
            try await group.waitForAll()
        }
        XCTAssertLessThanOrEqual(now.with(\.most), 3)
        XCTAssertEqual(now.with(\.running), 0)
    }

    func testWhatWaitsIsGivenUpAndWhatRunsIsAskedToEnd() async throws {
        let lane = Lane("test", width: 1, qos: .utility)
        let began = Flag(), end = Flag(), ran = Flag()
        let running = Task {
            try await lane.run(end: { end.set() }) {
                began.set()
                while !end.isSet { Thread.sleep(forTimeInterval: 0.001) }
                return "its own result"
            }
        }
        try await eventually("it runs") { began.isSet }
        let waiting = Task { try await lane.run { ran.set() } }
        waiting.cancel()
        await suspended("cancelled") { try await waiting.value }
        XCTAssertFalse(end.isSet, "the one that ran was not meant")
        running.cancel()
        let result = try await running.value
        XCTAssertEqual(result, "its own result")
        try await lane.run {}
        XCTAssertFalse(ran.isSet)
    }
}
