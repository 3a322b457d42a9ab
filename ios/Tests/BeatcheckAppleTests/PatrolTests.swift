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

    private func type(_ plate: String, _ model: PatrolModel) {
        model.plate.clear()
        plate.forEach { model.plate.press($0) }
    }

    func testFromNothingToAnAnswer() async throws {
        let (hub, model) = try await enrolled()
        defer { hub.end() }
        XCTAssertEqual(model.screen, .unlock, "\(String(describing: model.error))")
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
