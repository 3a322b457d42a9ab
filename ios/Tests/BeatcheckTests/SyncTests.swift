// What comes from the hub: policy, withdrawals, wipes, late hits; events; cancelling; checks while a sync runs.
import Beatcheck
import BeatcheckCore
import Foundation
import HubProcess
import XCTest

final class SyncTests: HubTestCase {
    private let header = "no_plate,color,company_name,vehicle_desc,model_year,vehicle_type,date_stolen,district_name"

    private func publish(_ plates: [String]) throws {
        let rows = plates.map { "\($0),Blue,Ford,FIESTA,2015,Hatchback,4/21/2026,Central (synthetic)" }
        try hub.publish(mapping: "nz-police-stolen-vehicles.toml", rows: ([header] + rows).joined(separator: "\n") + "\n")
    }

    func testAPolicyThatIsPushed() async throws {
        let beatcheck = try await begun()
        let before = try await beatcheck.status().policyVersion
        try setPolicy(purposes: ["warrant"])
        let events = beatcheck.events
        try await beatcheck.sync()
        try await until(events) { $0 == .policyChanged(policyVersion: before + 1) }
        XCTAssertEqual(beatcheck.state.policyVersion, before + 1)
        let refused = try await beatcheck.check(plate: plate, purpose: purpose)
        XCTAssertEqual(refused.error?.code, "purpose_not_allowed")
        let allowed = try await beatcheck.check(plate: plate, purpose: "warrant")
        XCTAssertEqual(allowed.outcome, .hit)
        let status = try await beatcheck.status()
        XCTAssertEqual(status.purposes, ["warrant"])
        await beatcheck.close()
    }

    func testACompartmentThatIsWithdrawn() async throws {
        let beatcheck = try await begun()
        let status = try await beatcheck.status()
        let compartment = status.compartments[0].compartment
        try hub.run("withdraw", "--device", status.device, "--compartment", compartment)
        let report = try await beatcheck.sync()
        XCTAssertEqual(report.withdrawn, [compartment])
        let outcome = try await beatcheck.outcome(plate)
        XCTAssertEqual(outcome, .cannotSay)
        let after = try await beatcheck.status()
        XCTAssertTrue(after.compartments.allSatisfy { $0.records == 0 })
        await beatcheck.close()
    }

    func testAWipeFromTheHub() async throws {
        let vault = try hub.vault("a")
        let beatcheck = try await begun()
        _ = try await beatcheck.outcome(plate)
        let device = try await beatcheck.status().device
        try hub.run("wipe", "--device", device, "--by", "operator")
        let events = beatcheck.events
        let report = try await beatcheck.sync()
        XCTAssertTrue(report.wiped)
        try await until(events) { $0 == .wiped }
        XCTAssertEqual(beatcheck.state.lifecycle, .wiped)
        let gone = await error { try await beatcheck.outcome(self.plate) }
        guard case .notEnrolled(let details) = gone else { return XCTFail("\(String(describing: gone))") }
        XCTAssertEqual(details.code, "wiped")
        await beatcheck.close()
        _ = try await Beatcheck.sendLastWords(home: hub.home("a"), vault: vault)
        let orders = try hub.run("orders")["orders"] as? [[String: Any]]
        XCTAssertEqual(orders?.first?["state"] as? String, "obeyed")
    }

    func testAWipeByTheOfficer() async throws {
        let vault = try hub.vault("a")
        let beatcheck = try await begun()
        _ = try await beatcheck.outcome(plate)
        let report = try await beatcheck.wipe()
        XCTAssertTrue(report.wiped)
        XCTAssertGreaterThanOrEqual(report.journalPending, 1)
        let gone = await error { try await beatcheck.outcome(self.plate) }
        guard case .notEnrolled = gone else { return XCTFail("\(String(describing: gone))") }
        XCTAssertEqual(beatcheck.state.lifecycle, .wiped)
        let sent = try await Beatcheck.sendLastWords(home: hub.home("a"), vault: vault)
        XCTAssertGreaterThanOrEqual(sent, 1)
        await beatcheck.close()
    }

    func testEventsOfASync() async throws {
        let beatcheck = try await hub.enrol("a")
        // Nobody listens yet: the first reader gets what has happened.
        try await beatcheck.sync()
        let seen = try await until(beatcheck.events) { if case .finished = $0 { true } else { false } }
        XCTAssertTrue(seen.contains(.connecting))
        XCTAssertTrue(seen.contains { if case .usable = $0 { true } else { false } }, "\(seen)")
        XCTAssertEqual(seen.last, .finished(complete: true, fault: nil))
        XCTAssertEqual(beatcheck.state.lastSync?.complete, true)
        XCTAssertNil(beatcheck.state.lastSync?.fault)
        XCTAssertEqual(beatcheck.state.syncing, .idle)

        // Two readers see the same, and a state changes as they say.
        let one = beatcheck.events, two = beatcheck.events, states = beatcheck.states
        hub.stop()
        try await beatcheck.sync()
        let ended = SyncEvent.finished(complete: false, fault: "hub_unreachable")
        let first = try await until(one) { $0 == ended }
        let second = try await until(two) { $0 == ended }
        XCTAssertEqual(first, second)
        try await until(states) { $0.lastSync?.fault == "hub_unreachable" && $0.syncing == .idle }
        let rest = beatcheck.events
        await beatcheck.close()
        for await _ in rest {} // ends with the device
        for await _ in beatcheck.events {}
    }

    func testLateHitsAndTheirPages() async throws {
        let beatcheck = try await begun()
        let marks = ["BD51SMA", "BD51SMB", "BD51SMC"]
        for mark in marks {
            let outcome = try await beatcheck.outcome(mark)
            XCTAssertEqual(outcome, .noTrace)
        }
        try publish(marks)
        let events = beatcheck.events
        let report = try await beatcheck.sync()
        XCTAssertEqual(report.lateHits.count, marks.count)
        var told = 0
        try await until(events) { event in
            if case .lateHit = event { told += 1 }
            return told == marks.count
        }
        for size in [1, 2, 50] {
            var found: [UInt64] = []
            for try await hit in beatcheck.lateHits(pageSize: size) { found.append(hit.auditSeq) }
            XCTAssertEqual(found, report.lateHits.map(\.auditSeq).sorted(by: >), "pages of \(size)")
        }
        await beatcheck.close()
    }

    func testCancellingATaskEndsItsSync() async throws {
        let beatcheck = try await begun()
        for _ in 0..<3 {
            let events = beatcheck.events
            // The hub would hold this question for 25 s.
            let syncing = Task { try await beatcheck.sync(hold: 25) }
            try await until(events) { $0 == .connecting }
            syncing.cancel()
            await suspended("cancelled") { try await syncing.value }
        }
        // Cancelled before it began, and while it waited behind another one.
        let early = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await beatcheck.sync()
        }
        early.cancel()
        await suspended("cancelled") { try await early.value }
        let events = beatcheck.events
        let long = Task { try await beatcheck.sync(hold: 25) }
        try await until(events) { $0 == .connecting }
        let queued = Task { try await beatcheck.sync() }
        queued.cancel()
        await suspended("cancelled") { try await queued.value }
        // Ended by somebody else, it has a report to give.
        let canceller = Task { while !Task.isCancelled { beatcheck.cancelSync(); try? await Task.sleep(nanoseconds: 5_000_000) } }
        let report = try await long.value
        canceller.cancel()
        _ = await canceller.value
        XCTAssertEqual(report.fault?.code, "cancelled")
        let after = try await beatcheck.sync()
        XCTAssertTrue(after.complete)
        XCTAssertEqual(after.journalPending, 0)
        await beatcheck.close()
    }

    func testAWatchEndsWithItsTask() async throws {
        let beatcheck = try await begun()
        let events = beatcheck.events
        let watching = Task { try await beatcheck.watch() }
        try await until(events) { $0 == .finished(complete: true, fault: nil) }
        try publish([plate, "BD51SMD"])
        try await until(beatcheck.events) { if case .usable = $0 { true } else { false } }
        watching.cancel()
        try await watching.value
        let outcome = try await beatcheck.outcome("BD51SMD")
        XCTAssertEqual(outcome, .hit)
        await beatcheck.close()
    }

    func testSixteenTasksCheckWhileASyncRuns() async throws {
        let beatcheck = try await begun()
        let plate = plate
        try publish([plate] + (0..<3000).map { "BD\(10 + $0 % 90)S\(["MA", "MB", "MC", "MD"][$0 / 90 % 4])" })
        let checked = try await withThrowingTaskGroup(of: Int.self) { group in
            let syncing = Task { try await beatcheck.sync() }
            let done = Flag()
            for _ in 0..<16 {
                group.addTask {
                    var checks = 0
                    repeat {
                        let outcome = try await beatcheck.outcome(plate)
                        XCTAssertEqual(outcome, .hit)
                        checks += 1
                    } while !done.isSet && !Task.isCancelled
                    return checks
                }
            }
            let report = try await syncing.value
            XCTAssertTrue(report.complete)
            done.set()
            return try await group.reduce(0, +)
        }
        XCTAssertGreaterThanOrEqual(checked, 16)
        let last = try await beatcheck.sync()
        XCTAssertEqual(last.journalPending, 0)
        let journal = try hub.run("journal", "--verify")["devices"] as? [[String: Any]]
        XCTAssertEqual(journal?.first?["unbroken"] as? Bool, true)
        await beatcheck.close()
    }

    func testSixteenThreadsOnTheBindingItself() throws {
        let vault = SwiftVault(try hub.vault("raw"))
        let device = try Device.enrol(options: hub.options("raw"), vault: vault)
        XCTAssertTrue(try device.sync().complete)
        let done = Flag(), all = DispatchGroup(), hits = Counter()
        defer { done.set() }
        for _ in 0..<16 {
            all.enter()
            Thread.detachNewThread { [plate] in
                defer { all.leave() }
                repeat {
                    let answer = try? device.checkVehicle(query: VehicleQuery(vrm: plate), why: Why(purpose: purpose))
                    XCTAssertEqual(answer?.outcome, .hit)
                    hits.add()
                } while !done.isSet
            }
        }
        for _ in 0..<3 { XCTAssertTrue(try device.sync().complete) }
        done.set()
        all.wait()
        XCTAssertGreaterThanOrEqual(hits.count, 16)
        device.shutDown()
    }
}

final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false
    var isSet: Bool { lock.withLock { value } }
    func set() { lock.withLock { value = true } }
}

final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var value = 0
    var count: Int { lock.withLock { value } }
    func add() { lock.withLock { value += 1 } }
}
