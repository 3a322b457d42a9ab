// Those who wait for the device get it, or leave without one. No hub, and no assertion about time.

import Foundation
import XCTest
@testable import BeatcheckApple

final class SlotTests: XCTestCase {
    func testWhoComesEarlyGetsWhatComesLater() {
        let slot = DeviceSlot()
        let fake = FakeDevice()
        let came = expectation(description: "came")
        Thread.detachNewThread {
            XCTAssertTrue(slot.wait(120)?.0 === fake)
            came.fulfill()
        }
        slot.settle(fake, WakeKeeper(device: fake))
        wait(for: [came], timeout: 120)
        XCTAssertTrue(slot.now?.0 === fake)
    }

    func testNoDeviceIsAnAnswerToo() {
        let slot = DeviceSlot()
        XCTAssertNil(slot.now)
        let came = expectation(description: "came")
        Thread.detachNewThread {
            // Without the answer this would wait for longer than the test does.
            XCTAssertNil(slot.wait(600))
            came.fulfill()
        }
        slot.settle(nil)
        wait(for: [came], timeout: 120)
    }

    func testADeviceThatIsGoneIsNotHandedOut() {
        let slot = DeviceSlot()
        let fake = FakeDevice()
        slot.settle(fake, WakeKeeper(device: fake))
        slot.settle(nil)
        XCTAssertNil(slot.now)
    }
}
