// The way of an app through the package, from enrolment to an offline check, against a real hub.
import Beatcheck
import Foundation
import HubProcess
import XCTest

final class SmokeTests: XCTestCase {
    func testFromEnrolmentToAnOfflineCheck() async throws {
        let hub = try HubProcess()
        defer { hub.end() }
        let beatcheck = try await hub.enrol("a")
        let early = try await beatcheck.check(plate: "AB12CDE", purpose: "traffic_stop")
        XCTAssertEqual(early.outcome, .cannotSay)
        let report = try await beatcheck.sync()
        XCTAssertTrue(report.complete)
        let plate = try hub.stolenPlate()
        hub.stop()
        let answer = try await beatcheck.check(plate: plate.lowercased(), purpose: "traffic_stop")
        XCTAssertEqual(answer.outcome, .hit)
        await beatcheck.close()
    }
}
