// Planning of background work, and one task from start to end: iOS is answered once, and the device is paused before it is.

import BeatcheckCore
import XCTest
@testable import BeatcheckApple

final class BackgroundTests: XCTestCase {
    func testTheHubsWordIsTheFloor() {
        var plan = SyncPlan()
        plan.note(SyncOutcome(complete: true, askAgainS: 1800))
        XCTAssertEqual(plan.requests().map(\.earliestS), [1800, 24 * 3600] as [UInt32])
        plan.note(SyncOutcome(complete: true))
        XCTAssertEqual(plan.requests()[0].earliestS, 900, "the hub did not say")
        plan.note(SyncOutcome(complete: false, fault: "hub_busy", askAgainS: 7200))
        XCTAssertEqual(plan.requests()[0].earliestS, 7200, "backing off never asks sooner than the hub wants")
        XCTAssertEqual(plan.requests(dueInS: 30)[0].earliestS, 7200)
        XCTAssertEqual(plan.requests(dueInS: 9000)[0].earliestS, 9000)
    }

    func testItBacksOffWithinBounds() {
        var plan = SyncPlan()
        var waits: [UInt32] = []
        for _ in 0..<12 {
            plan.note(SyncOutcome(complete: false, fault: "hub_unreachable"))
            waits.append(plan.requests()[0].earliestS)
        }
        XCTAssertEqual(Array(waits.prefix(4)), [60, 120, 240, 480])
        XCTAssertEqual(waits.last, 4 * 3600)
        for _ in 0..<100 { plan.note(SyncOutcome(complete: false, fault: "hub_unreachable")) }
        XCTAssertEqual(plan.backoffS, 4 * 3600, "no overflow")
        plan.note(SyncOutcome(complete: true))
        XCTAssertEqual(plan.failures, 0)
    }

    func testBrokenOffIsNoFailure() {
        var plan = SyncPlan()
        plan.note(SyncOutcome(complete: false, fault: "cancelled"))
        XCTAssertEqual(plan.failures, 0)
        XCTAssertEqual(plan.waitS, 60)
    }

    func testUpkeepIsForTheCharger() {
        let upkeep = SyncPlan().requests().first { $0.kind == .upkeep }
        XCTAssertEqual(upkeep?.needsPower, true)
        XCTAssertEqual(SyncPlan().requests().first { $0.kind == .refresh }?.needsPower, false)
    }

    func testAWipedDevicePlansNothing() {
        var plan = SyncPlan()
        plan.note(SyncOutcome(complete: true, wiped: true))
        XCTAssertEqual(plan.requests(), [])
    }

    private func run(_ device: FakeDevice, _ work: BackgroundWork, held: Bool = false) -> (SyncOutcome?, [Bool], [String]) {
        let keeper = WakeKeeper(device: device)
        if held { keeper.begin(WakeKeeper.foreground) }
        let done = Box<[Bool]>([])
        let before = Box<[String]>([])
        let run = BackgroundRun(device: device, keeper: keeper, name: "t") { success in
            before.value = device.calls
            done.change { $0.append(success) }
        }
        return (run.run(work), done.value, before.value)
    }

    func testATaskSyncsPausesAndThenSaysDone() {
        let device = FakeDevice()
        let (outcome, done, before) = run(device, .sync(.metered))
        XCTAssertEqual(outcome, SyncOutcome(complete: true))
        XCTAssertEqual(done, [true])
        XCTAssertEqual(before, ["resume", "sync metered", "pause"], "paused before iOS hears that it may suspend")
    }

    func testInTheForegroundItIsNotPaused() {
        let device = FakeDevice()
        _ = run(device, .sync(.unmetered), held: true)
        XCTAssertEqual(device.count("pause"), 0)
    }

    func testUpkeepReadsRowsInPieces() {
        let device = FakeDevice()
        device.onScrub = { false }
        let (_, done, _) = run(device, .upkeep(.unmetered, scrubMs: 1200))
        XCTAssertEqual(device.calls, ["resume", "sync unmetered", "scrub 500", "scrub 500", "scrub 200", "pause"])
        XCTAssertEqual(done, [true])
        let quick = FakeDevice()
        _ = run(quick, .upkeep(.unmetered, scrubMs: 1200))
        XCTAssertEqual(quick.count("scrub 500"), 1, "no more than was due")
    }

    func testFaultsAreToldAndTheDeviceIsPausedAllTheSame() {
        let unreachable = FakeDevice()
        unreachable.onSync = { _ in FakeDevice.report(complete: false, fault: "hub_unreachable") }
        XCTAssertEqual(run(unreachable, .sync(.metered)).1, [false])
        let thrown = FakeDevice()
        thrown.fails["sync"] = .Storage(code: "store", officerText: "", logText: "")
        let (outcome, done, before) = run(thrown, .sync(.metered))
        XCTAssertEqual(outcome?.fault, "store")
        XCTAssertEqual(done, [false])
        XCTAssertEqual(before.last, "pause")
        let closed = FakeDevice()
        closed.fails["resume"] = FakeDevice.suspended("closed")
        let (none, said, calls) = run(closed, .sync(.metered))
        XCTAssertNil(none)
        XCTAssertEqual(said, [false])
        XCTAssertEqual(calls, ["resume"])
        let wiped = FakeDevice()
        wiped.onSync = { _ in FakeDevice.report(wiped: true) }
        _ = run(wiped, .upkeep(.metered, scrubMs: 1000))
        XCTAssertEqual(wiped.count("scrub 500"), 0)
    }

    func testAnExpirationBreaksTheSyncOff() {
        let device = FakeDevice()
        let keeper = WakeKeeper(device: device)
        let started = DispatchSemaphore(value: 0), cancelled = DispatchSemaphore(value: 0), ended = DispatchSemaphore(value: 0)
        device.onCancel = { cancelled.signal() }
        device.onSync = { _ in
            started.signal()
            cancelled.wait()
            return FakeDevice.report(complete: false, fault: "cancelled")
        }
        let done = Box<[Bool]>([])
        let run = BackgroundRun(device: device, keeper: keeper, name: "t") { success in done.change { $0.append(success) } }
        DispatchQueue.global().async {
            _ = run.run(.upkeep(.metered, scrubMs: 1000))
            ended.signal()
        }
        started.wait()
        run.expire()
        ended.wait()
        XCTAssertEqual(done.value, [false])
        XCTAssertEqual(device.count("scrub 500"), 0, "nothing new is begun")
        XCTAssertEqual(device.calls.filter { $0 != "cancel" }, ["resume", "sync metered", "pause"])
    }

    func testAnExpirationThatComesTooEarlyIsNotLost() {
        // Before the run, or between its look and the sync: cancelling does nothing then, so it is said again.
        let device = FakeDevice()
        let keeper = WakeKeeper(device: device)
        let run = BackgroundRun(device: device, keeper: keeper, name: "t") { _ in }
        run.expire()
        XCTAssertNil(run.run(.sync(.metered)))
        XCTAssertEqual(device.calls.filter { $0 != "cancel" }, ["resume", "pause"])

        let late = FakeDevice()
        let cancels = DispatchSemaphore(value: 0)
        let race = Box<BackgroundRun?>(nil)
        late.onCancel = { cancels.signal() }
        late.onSync = { _ in
            race.value?.expire()  // the first cancel comes at once, before a real sync would hear it
            cancels.wait()
            cancels.wait()  // the second is heard
            return FakeDevice.report(complete: false, fault: "cancelled")
        }
        race.value = BackgroundRun(device: late, keeper: WakeKeeper(device: late), name: "t") { _ in }
        XCTAssertEqual(race.value?.run(.sync(.metered))?.fault, "cancelled")
    }
}
