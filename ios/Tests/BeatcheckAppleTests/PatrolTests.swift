// The sample's screens, without their pictures, against a real hub: what is shown, and what is forgotten. All records are synthetic.

import Beatcheck
import BeatcheckCore
import Foundation
import HubProcess
import XCTest
@testable import BeatcheckApple

@MainActor
final class PatrolTests: XCTestCase {
    /// A hub, and the model of a phone's app.
    private func stage() throws -> (HubProcess, PatrolModel) {
        let hub = try HubProcess(persons: true)
        return (hub, PatrolModel(home: hub.home("phone"), vault: try hub.vault("phone")))
    }

    private func enrolled(pin: String = "482915") async throws -> (HubProcess, PatrolModel) {
        let (hub, model) = try stage()
        await model.start()
        XCTAssertEqual(model.screen, .enrol)
        let options = try hub.options("phone")
        let settings = ManagedSettings(hubUrl: options.hub, hubCaPem: options.caPem, asset: nil)
        await model.enrol(code: options.code, pin: pin, settings: settings, appVersion: "1.0")
        return (hub, model)
    }

    private func setPolicy(_ hub: HubProcess, _ rest: String) throws {
        let file = hub.root.appendingPathComponent("policy-\(UUID().uuidString).toml")
        try "[roles.patrol]\ncompartments = ['*']\npurposes = [\"traffic_stop\"]\n\(rest)\n".write(to: file, atomically: true, encoding: .utf8)
        try hub.run("policy", "set", file.path)
    }

    private func type(_ plate: String, _ model: PatrolModel) {
        model.plate.clear()
        plate.forEach { model.plate.press($0) }
    }

    func testFromNothingToAnAnswer() async throws {
        let (hub, model) = try await enrolled()
        defer { hub.end() }
        // Who has just chosen the PIN is not asked for it.
        XCTAssertEqual(model.screen, .patrol, "\(String(describing: model.error))")
        try await model.beatcheck?.lock()
        await model.start()
        XCTAssertEqual(model.screen, .unlock)
        await model.unlock(pin: "000000")
        XCTAssertEqual(model.error?.step, .unlock)
        XCTAssertEqual(model.screen, .unlock)
        await model.unlock(pin: "482915")
        XCTAssertNil(model.error)
        XCTAssertEqual(model.screen, .patrol)
        await model.sync(over: .unmetered)
        XCTAssertTrue(model.held?.line.hasPrefix("Last contact") ?? false)
        XCTAssertTrue(model.purposes.contains(model.purpose))

        type(try hub.stolenPlate(), model)
        await model.checkPlate()
        XCTAssertEqual(model.answer?.heading, "HIT")
        XCTAssertFalse(model.answer?.freshness.isEmpty ?? true)
        XCTAssertFalse(model.answer?.reference.isEmpty ?? true)
        type("ZZ99ZZZ", model)
        await model.checkPlate()
        XCTAssertEqual(model.answer?.heading, "NO TRACE in the sources searched")
        model.putAway()
        XCTAssertNil(model.answer)
        model.person.surname = "Nobodyatall"
        await model.checkPerson()
        XCTAssertNotNil(model.answer)

        // Offline goes on.
        hub.stop()
        await model.sync(over: .unmetered)
        type(try hub.stolenPlate(), model)
        await model.checkPlate()
        XCTAssertEqual(model.answer?.heading, "HIT")
        await model.beatcheck?.close()
    }

    func testLockingForgetsWhatWasOnTheScreen() async throws {
        let (hub, model) = try await enrolled()
        defer { hub.end() }
        await model.unlock(pin: "482915")
        let following = Task { await model.follow() }
        type(try hub.stolenPlate(), model)
        model.person.surname = "Nobodyatall"
        await model.checkPlate()
        XCTAssertNotNil(model.answer)
        try await model.beatcheck?.lock()
        for _ in 0..<12_000 where model.answer != nil { try await Task.sleep(nanoseconds: 10_000_000) }
        XCTAssertNil(model.answer)
        XCTAssertEqual(model.plate, PlateEntry())
        XCTAssertEqual(model.person, PersonEntry())
        XCTAssertEqual(model.screen, .unlock)
        await model.beatcheck?.close()
        await following.value
    }

    func testWherePolicyWantsAShiftTheShiftIsAskedForAndNotThePin() async throws {
        let (hub, model) = try await enrolled()
        defer { hub.end() }
        try setPolicy(hub, "[session]\nshift_key = true\nmax_hours = 8")
        await model.sync(over: .unmetered)
        XCTAssertEqual(model.screen, .startShift)
        try await model.beatcheck?.lock()
        await model.start()
        XCTAssertEqual(model.screen, .unlock)
        await model.unlock(pin: "482915")
        XCTAssertEqual(model.screen, .startShift, "\(String(describing: model.error))")
        await model.startShift()
        XCTAssertNil(model.error)
        XCTAssertEqual(model.screen, .patrol)
        XCTAssertTrue(model.onShift)
        await model.sync(over: .unmetered)
        type(try hub.stolenPlate(), model)
        await model.checkPlate()
        XCTAssertEqual(model.answer?.heading, "HIT")
        await model.endShift()
        XCTAssertNil(model.answer)
        // A shift that ends locks as well.
        XCTAssertEqual(model.screen, .unlock)
        await model.unlock(pin: "482915")
        XCTAssertEqual(model.screen, .startShift)
        // Without the hub none can be started, and the screen says why.
        hub.stop()
        await model.startShift()
        XCTAssertEqual(model.error?.step, .syncLater)
        XCTAssertEqual(model.screen, .startShift)
        await model.beatcheck?.close()
    }

    func testWherePolicyWantsAPinOneIsChosen() async throws {
        let (hub, model) = try await enrolled(pin: "")
        defer { hub.end() }
        XCTAssertEqual(model.screen, .patrol)
        XCTAssertFalse(model.hasPin)
        try setPolicy(hub, "[unlock]\npin_required = true\npin_min_length = 6")
        await model.sync(over: .unmetered)
        XCTAssertEqual(model.screen, .choosePin)
        await model.choosePin(new: "12")
        XCTAssertNotNil(model.error)
        XCTAssertEqual(model.screen, .choosePin)
        await model.choosePin(new: "482915")
        XCTAssertNil(model.error)
        XCTAssertTrue(model.hasPin)
        XCTAssertEqual(model.screen, .patrol)
        XCTAssertTrue(model.biometricsOffered)
        try setPolicy(hub, "[unlock]\npin_required = true\npin_min_length = 6\nbiometric_allowed = false")
        await model.sync(over: .unmetered)
        XCTAssertFalse(model.biometricsOffered)
        await model.setBiometrics(true)
        XCTAssertEqual(model.error?.text, "Your force does not allow unlocking by finger or face. Use the PIN.")
        await model.beatcheck?.close()
    }

    func testAnAnswerGetsOlderWhileItIsLookedAt() async throws {
        let hub = try HubProcess()
        defer { hub.end() }
        let clock = Clock()
        let model = PatrolModel(home: hub.home("phone"), vault: try hub.vault("phone"), now: { clock.now })
        await model.start()
        let options = try hub.options("phone")
        let settings = ManagedSettings(hubUrl: options.hub, hubCaPem: options.caPem, asset: nil)
        await model.enrol(code: options.code, pin: "482915", settings: settings, appVersion: "1.0")
        type(try hub.stolenPlate(), model)
        await model.checkPlate()
        let fresh = try XCTUnwrap(model.answer)
        clock.pass(3 * 86400)
        await model.minute()
        let old = try XCTUnwrap(model.answer)
        XCTAssertEqual(old.heading, fresh.heading)
        XCTAssertNotEqual(old.freshness, fresh.freshness)
        XCTAssertNotEqual(old.cards.first?.provenance, fresh.cards.first?.provenance)
        try await model.beatcheck?.lock()
        await model.minute()
        XCTAssertNil(model.answer)
        XCTAssertEqual(model.screen, .unlock)
        await model.beatcheck?.close()
    }

    func testAPauseIsNoErrorOnTheScreen() async throws {
        let (hub, model) = try await enrolled()
        defer { hub.end() }
        try await model.beatcheck?.pause()
        await model.start()
        await model.sync(over: .unmetered)
        XCTAssertNil(model.error)
        XCTAssertEqual(model.screen, .patrol)
        try await model.beatcheck?.resume()
        await model.start()
        XCTAssertNil(model.error)
        await model.beatcheck?.close()
    }

    func testAWipedPhoneAsksToBeEnrolled() async throws {
        let (hub, model) = try await enrolled()
        defer { hub.end() }
        let following = Task { await model.follow() }
        try await model.beatcheck?.wipe()
        for _ in 0..<12_000 where model.screen != .enrol { try await Task.sleep(nanoseconds: 10_000_000) }
        XCTAssertEqual(model.screen, .enrol)
        XCTAssertNil(model.beatcheck)
        await following.value
    }

    func testASystemThatIsTooOldOpensNothing() async throws {
        let (hub, model) = try stage()
        defer { hub.end() }
        await model.start(refusal: SystemFloor([SystemVersion(18, 2)]).refusal(SystemVersion(17)))
        guard case .stopped(let why) = model.screen else { return XCTFail("\(model.screen)") }
        XCTAssertTrue(why.text.contains("Update it to 18.2"))
        XCTAssertNil(model.beatcheck)
    }
}

/// A clock for the screen alone: the device has its own.
private final class Clock: @unchecked Sendable {
    private let lock = NSLock()
    private var ahead: TimeInterval = 0
    var now: Date { lock.withLock { Date(timeIntervalSinceNow: ahead) } }
    func pass(_ seconds: TimeInterval) { lock.withLock { ahead += seconds } }
}
