// Pausing, closing, letting go; a vault that fails; who hears of it.
import Beatcheck
import Foundation
import HubProcess
import XCTest

final class LifecycleTests: HubTestCase {
    func testClosedTwiceAndUsedAfterwards() async throws {
        let beatcheck = try await begun()
        let events = beatcheck.events, states = beatcheck.states
        await beatcheck.close()
        await beatcheck.close()
        for await _ in events {}
        var last: DeviceState?
        for await state in states { last = state }
        XCTAssertEqual(last?.lifecycle, .closed)
        XCTAssertEqual(beatcheck.state.lifecycle, .closed)
        await suspended("closed") { try await beatcheck.outcome(self.plate) }
        await suspended("closed") { try await beatcheck.sync() }
        await suspended("closed") { try await beatcheck.status() }
        await suspended("closed") { try await beatcheck.unlock(pin: pin) }
        await suspended("closed") { try await beatcheck.resume() }
        await suspended("closed") { try await beatcheck.wipe() }
        await suspended("closed") { for try await _ in beatcheck.lateHits() {} }
        // It was closed and not broken.
        let again = try await Beatcheck.open(home: hub.home("a"), vault: hub.vault("a"))
        let outcome = try await again.outcome(plate)
        XCTAssertEqual(outcome, .hit)
        await again.close()
    }

    func testPausedWhileItIsUsed() async throws {
        let beatcheck = try await begun()
        let plate = plate
        let done = Flag(), answered = Counter(), refused = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    while !done.isSet && !Task.isCancelled {
                        do {
                            let outcome = try await beatcheck.outcome(plate)
                            XCTAssertEqual(outcome, .hit)
                            answered.add()
                        } catch let error as BeatcheckError {
                            XCTAssertEqual(error.code, "paused")
                            refused.add()
                        }
                    }
                }
            }
            let events = beatcheck.events
            let watching = Task { try await beatcheck.watch() }
            try await until(events) { $0 == .connecting }
            try await eventually("an answer") { answered.count > 0 }
            try await beatcheck.pause()
            XCTAssertEqual(beatcheck.state.lifecycle, .paused)
            try await beatcheck.pause()
            // The watch was broken off by the pause.
            _ = try? await watching.value
            try await eventually("a refusal") { refused.count > 0 }
            await suspended("paused") { try await beatcheck.sync() }
            await suspended("paused") { try await beatcheck.status() }
            let before = answered.count
            try await beatcheck.resume()
            XCTAssertEqual(beatcheck.state.lifecycle, .open)
            try await eventually("another answer") { answered.count > before }
            done.set()
            try await group.waitForAll()
        }
        let report = try await beatcheck.sync()
        XCTAssertTrue(report.complete && report.journalPending == 0)
        await beatcheck.close()
    }

    func testAPauseHappensThoughItsTaskIsCancelled() async throws {
        let beatcheck = try await begun()
        let pausing = Task {
            while !Task.isCancelled { await Task.yield() }
            try await beatcheck.pause()
        }
        pausing.cancel()
        try await pausing.value
        XCTAssertEqual(beatcheck.state.lifecycle, .paused)
        try await beatcheck.resume()
        await beatcheck.close()
    }

    func testWhatIsLetGoOfIsReleased() async throws {
        weak var vault: SwiftVault?
        weak var device: Beatcheck?
        var events: AsyncStream<SyncEvent>?
        do {
            let made = SwiftVault(try hub.vault("a"))
            vault = made
            let beatcheck = try await Beatcheck.enrol(hub.options("a"), vault: made)
            device = beatcheck
            events = beatcheck.events
            try await beatcheck.sync()
        }
        // Not closed, only let go of: the reader's loop ends, and nothing of it stays.
        if let events { for await _ in events {} }
        events = nil
        try await eventually("the device is released") { device == nil }
        try await eventually("the vault is released") { vault == nil }
        let again = try await Beatcheck.open(home: hub.home("a"), vault: hub.vault("a"))
        await again.close()
    }

    func testAnErrorThrownFromTheVault() async throws {
        let vault = SwiftVault(try hub.vault("a"))
        var beatcheck = try await Beatcheck.enrol(hub.options("a"), vault: vault)
        try await beatcheck.sync()
        await beatcheck.close()
        for mood in [SwiftVault.Mood.throwsAnything, .lost, .locked] {
            vault.become(mood)
            let failed = await error { try await Beatcheck.open(home: self.hub.home("a"), vault: vault) }
            guard let failed else { return }
            for text in [failed.code, failed.officerText, failed.logText, "\(failed)", failed.localizedDescription] {
                XCTAssertFalse(text.contains("secret"), text)
            }
            switch (mood, failed) {
            case (.locked, .locked): break
            case (.throwsAnything, .storage(let details)), (.lost, .storage(let details)): XCTAssertEqual(details.code, "vault")
            default: XCTFail("\(mood): \(failed)")
            }
        }
        vault.become(.well)
        // It can fail in the middle, too.
        beatcheck = try await Beatcheck.open(home: hub.home("a"), vault: vault)
        vault.become(.throwsAnything)
        let report = try? await beatcheck.sync()
        XCTAssertNotEqual(report?.complete, true)
        vault.become(.well)
        let after = try await beatcheck.sync()
        XCTAssertTrue(after.complete)
        await beatcheck.close()
    }

    func testAVaultWhoseKeyIsGone() async throws {
        let vault = SwiftVault(try hub.vault("a"))
        let beatcheck = try await Beatcheck.enrol(hub.options("a"), vault: vault)
        try await beatcheck.sync()
        _ = try await beatcheck.outcome(plate)
        await beatcheck.close()
        let home = hub.home("a")
        let there = await error { try await Beatcheck.recover(home: home, vault: vault) }
        XCTAssertEqual(there?.code, "not_lost")
        vault.become(.lost)
        let gone = await error { try await Beatcheck.open(home: home, vault: vault) }
        guard case .storage(let details) = gone else { return XCTFail("\(String(describing: gone))") }
        XCTAssertEqual(details.code, "vault")
        let recovered = try await Beatcheck.recover(home: home, vault: vault)
        XCTAssertGreaterThan(recovered.keptBytes, 0)
        vault.become(.well)
        let anew = try await Beatcheck.enrol(hub.options("a"), vault: vault)
        let report = try await anew.sync()
        XCTAssertTrue(report.complete)
        await anew.close()
    }
}
