// Suspension: nobody needs the device, so it is paused; somebody comes, so it is resumed. And what leaving the foreground means.

import BeatcheckCore
import XCTest
@testable import BeatcheckApple

final class LifeTests: XCTestCase {
    private final class Grace: GraceTime, @unchecked Sendable {
        var log: [String] = []
        var expire: (@Sendable () -> Void)?
        var grants = true
        func begin(_ name: String, expired: @escaping @Sendable () -> Void) -> Int? {
            log.append("begin")
            expire = expired
            return grants ? 7 : nil
        }
        func end(_ id: Int) { log.append("end \(id)") }
    }

    func testTheKeeperCountsWhoNeedsIt() {
        let device = FakeDevice()
        let keeper = WakeKeeper(device: device)
        XCTAssertTrue(keeper.begin("foreground"))
        XCTAssertTrue(keeper.begin("task"))
        keeper.end("foreground")
        XCTAssertTrue(keeper.isHeld)
        keeper.end("task")
        keeper.end("task")
        keeper.end("unknown")
        XCTAssertEqual(device.calls, ["resume", "pause"])
        keeper.begin("task")
        keeper.begin("task")
        keeper.end("task")
        XCTAssertTrue(keeper.isHeld, "two of one name are two")
        keeper.end("task")
        XCTAssertEqual(device.calls, ["resume", "pause", "resume", "pause"])
    }

    func testTheKeeperOfADeviceThatIsClosed() {
        let device = FakeDevice()
        let log = Box<[String]>([])
        let keeper = WakeKeeper(device: device) { line in log.change { $0.append(line) } }
        device.fails["resume"] = FakeDevice.suspended("closed")
        XCTAssertFalse(keeper.begin("foreground"))
        XCTAssertFalse(keeper.begin("foreground"))
        XCTAssertEqual(device.calls, ["resume"], "closed is for good")
        XCTAssertEqual(log.value, ["resume: closed"])
        let busy = FakeDevice()
        busy.fails["pause"] = FakeDevice.suspended("still_busy")
        let other = WakeKeeper(device: busy)
        XCTAssertTrue(other.begin("a"))
        other.end("a")
        XCTAssertTrue(other.begin("a"), "it is paused all the same, and can be resumed")
    }

    func testManyThreadsAndOnePauseAtTheEnd() {
        let device = FakeDevice()
        let keeper = WakeKeeper(device: device)
        DispatchQueue.concurrentPerform(iterations: 200) { i in
            XCTAssertTrue(keeper.begin("t\(i % 5)"))
            keeper.end("t\(i % 5)")
        }
        XCTAssertFalse(keeper.isHeld)
        XCTAssertEqual(device.count("resume"), device.count("pause"))
        XCTAssertEqual(device.calls.last, "pause")
    }

    private func life(_ device: FakeDevice, _ grace: Grace, locks: Bool = true, readable: Box<[Bool]> = Box([])) -> ForegroundLife {
        ForegroundLife(
            device: device, keeper: WakeKeeper(device: device), grace: grace, queue: AtOnce(), locksInBackground: locks
        ) { now in readable.change { $0.append(now) } }
    }

    func testLeavingLocksAndPausesWithinTheSpan() {
        let device = FakeDevice(), grace = Grace(), readable = Box<[Bool]>([])
        let life = life(device, grace, readable: readable)
        life.entered()
        life.left()
        XCTAssertEqual(device.calls, ["resume", "tick", "lock", "pause"])
        XCTAssertEqual(grace.log, ["begin", "end 7"])
        XCTAssertEqual(readable.value, [true, false])
        life.entered()
        XCTAssertEqual(device.calls.suffix(2), ["resume", "tick"], "before any check: is it time to lock?")
    }

    func testSaidTwiceIsOnce() {
        let device = FakeDevice()
        let life = life(device, Grace())
        life.entered()
        life.entered()
        life.left()
        XCTAssertEqual(device.count("pause"), 1)
        life.left()
        XCTAssertEqual(device.count("pause"), 1)
    }

    func testWithoutASpanOrALockItIsPausedAllTheSame() {
        let device = FakeDevice(), grace = Grace()
        grace.grants = false
        device.fails["lock"] = .NotAccounted(code: "account", officerText: "", logText: "")
        let life = life(device, grace)
        life.entered()
        life.left()
        XCTAssertEqual(device.calls.last, "pause")
        XCTAssertEqual(grace.log, ["begin"])
        let kept = FakeDevice()
        let open = self.life(kept, Grace(), locks: false)
        open.entered()
        open.left()
        XCTAssertEqual(kept.calls, ["resume", "tick", "pause"])
    }

    func testTheEndOfTheSpanBreaksOffWhatRuns() {
        let device = FakeDevice(), grace = Grace()
        let life = life(device, grace)
        life.entered()
        life.left()
        grace.expire?()
        XCTAssertEqual(device.calls.last, "cancel")
    }

    func testTheOldestSystem() throws {
        let floor = SystemFloor([SystemVersion(17, 6, 1), SystemVersion(18, 2)])
        for fine in ["17.6.1", "17.7", "18.2", "18.2.1", "19.0", "26.1"] { XCTAssertNil(floor.refusal(try XCTUnwrap(SystemVersion(fine))), fine) }
        for old in ["16.7.10", "17.6", "18.1.1", "18.0"] { XCTAssertNotNil(floor.refusal(try XCTUnwrap(SystemVersion(old))), old) }
        XCTAssertEqual(
            floor.refusal(SystemVersion(18, 1)), "This phone runs iOS 18.1. Update it to 18.2 or newer, then open Beatcheck again.")
        XCTAssertTrue(floor.refusal(SystemVersion(16))!.contains("18.2"))
        for wrong in ["", "17.", "17.6.1.2", "a", "17.-1", "१७"] { XCTAssertNil(SystemVersion(wrong), wrong) }
    }

    func testWhenTheScreenIsCovered() {
        XCTAssertEqual(CoverRule.cover(.active, captured: false), .none)
        XCTAssertEqual(CoverRule.cover(.inactive, captured: false), .plain)
        XCTAssertEqual(CoverRule.cover(.background, captured: false, presencePending: true), .plain, "iOS takes its picture")
        XCTAssertEqual(CoverRule.cover(.inactive, captured: false, presencePending: true), .none, "our own biometric check")
        for phase in [WindowPhase.active, .inactive, .background] { XCTAssertEqual(CoverRule.cover(phase, captured: true), .recording) }
    }
}
