// What comes in from outside: device management, pushes, the network, the file system.

import BeatcheckCore
import XCTest
@testable import BeatcheckApple

final class EntryTests: XCTestCase {
    // -- managed configuration

    private func json(_ dictionary: [String: Any]) -> String { ManagedConfiguration.json(dictionary) }

    func testAConfigurationIsHandedOnWhole() throws {
        XCTAssertEqual(
            json(["hub_url": "https://hub.example:8443", "lease_ceiling_hours": 24, "x": ["a": [1, 2]]]),
            #"{"hub_url":"https:\/\/hub.example:8443","lease_ceiling_hours":24,"x":{"a":[1,2]}}"#)
        // The core reads it.
        let settings = try managedConfiguration(json: json(["hub_url": "https://hub.example:8443", "asset": "PHONE-7", "lease_ceiling_hours": 8]))
        XCTAssertEqual(settings.hubUrl, "https://hub.example:8443")
        XCTAssertEqual(settings.asset, "PHONE-7")
    }

    func testWhatHasNoJsonIsRefusedByNameAndNotDropped() throws {
        for wrong in [Date() as Any, Data([1]) as Any, Double.nan as Any, [Date()] as Any] {
            XCTAssertThrowsError(try managedConfiguration(json: json(["asset": wrong]))) {
                XCTAssertTrue(($0 as? ApiError).map { "\($0)" }?.contains("asset") ?? false, "\($0)")
            }
            XCTAssertNoThrow(try managedConfiguration(json: json(["mdm_vendor_key": wrong])), "others' keys are ignored")
        }
        XCTAssertThrowsError(try managedConfiguration(json: json(["lease_ceiling_hours": "one day"])))
        XCTAssertThrowsError(try managedConfiguration(json: json(["lease_ceiling_hours": true])))
    }

    func testAbsenceCountsOnlyWhereItCanBeKnown() {
        XCTAssertEqual(ManagedConfiguration.step(nil, protectedDataAvailable: false), .wait, "it would lift the lease's ceiling")
        XCTAssertEqual(ManagedConfiguration.step(nil, protectedDataAvailable: true), .apply(json: "{}"))
        XCTAssertEqual(ManagedConfiguration.step(["asset": "P"], protectedDataAvailable: false), .apply(json: #"{"asset":"P"}"#))
    }

    private func defaults() -> (UserDefaults, () -> Void) {
        let name = "beatcheck-\(UUID().uuidString)"
        let defaults = UserDefaults(suiteName: name)!
        return (defaults, { defaults.removePersistentDomain(forName: name) })
    }

    func testTheWatcherAppliesOnceAndTells() {
        let (defaults, done) = defaults()
        defer { done() }
        let device = FakeDevice()
        device.states = [KeyedState(key: "lease", severity: .error, message: "ended", data: "2026-01-01T00:00:00Z")]
        defaults.set(["asset": "P"], forKey: ManagedConfiguration.key)
        let watcher = ManagedWatcher(device: device, defaults: defaults, queue: AtOnce(), protectedDataAvailable: { true })
        watcher.look()
        XCTAssertEqual(device.calls.filter { $0.hasPrefix("managed") }, [#"managed {"asset":"P"}"#])
        XCTAssertEqual(defaults.dictionary(forKey: ManagedConfiguration.feedbackKey) as? [String: String], ["lease": "2026-01-01T00:00:00Z"])
        device.fails["managed"] = .Invalid(code: "managed", officerText: "", logText: "")
        defaults.set(["asset": "Q"], forKey: ManagedConfiguration.key)
        watcher.look()
        let feedback = defaults.dictionary(forKey: ManagedConfiguration.feedbackKey) as? [String: String]
        XCTAssertEqual(feedback?["configuration"], "managed", "a refusal is told")
        device.fails = [:]
        watcher.look()
        XCTAssertEqual(device.calls.last { $0.hasPrefix("managed") }, #"managed {"asset":"Q"}"#)
        XCTAssertNil(defaults.dictionary(forKey: ManagedConfiguration.feedbackKey)?["configuration"])
    }

    // -- push

    func testAPushCarriesNothing() {
        XCTAssertTrue(PushEntry.isOurs(["aps": ["content-available": 1]]))
        XCTAssertTrue(PushEntry.isOurs(["aps": ["content-available": NSNumber(value: 1)], "vrm": "AB12CDE"]))
        for other: [AnyHashable: Any] in [[:], ["aps": ["alert": "hello"]], ["content-available": 1], ["aps": ["content-available": 0]], ["aps": 1]] {
            XCTAssertFalse(PushEntry.isOurs(other))
        }
    }

    private func push(_ device: FakeDevice, _ info: [AnyHashable: Any] = ["aps": ["content-available": 1], "x": "y"]) -> (PushResult, [UInt32]) {
        var later: [UInt32] = []
        let result = PushEntry.handle(info, device: device, keeper: WakeKeeper(device: device), network: .metered) { later.append($0) }
        return (result, later)
    }

    func testAPushSyncsNowOrLater() {
        let now = FakeDevice()
        XCTAssertEqual(push(now).0, .newData)
        XCTAssertEqual(now.calls, ["resume", "push 0", "sync metered", "pause"], "no byte of it is handed on; paused before iOS is told")
        let patient = FakeDevice()
        patient.pushWaitS = 300
        let (result, later) = push(patient)
        XCTAssertEqual(result, .noData)
        XCTAssertEqual(later, [300])
        XCTAssertEqual(patient.calls, ["resume", "push 0", "pause"])
        let fault = FakeDevice()
        fault.onSync = { _ in FakeDevice.report(complete: false, fault: "hub_unreachable") }
        XCTAssertEqual(push(fault).0, .failed)
        let other = FakeDevice()
        XCTAssertEqual(push(other, ["aps": ["alert": "x"]]).0, .noData)
        XCTAssertEqual(other.calls, [])
    }

    // -- network

    func testKindsOfNetworks() {
        XCTAssertNil(LinkSample(usable: false, expensive: true).network())
        XCTAssertEqual(LinkSample(usable: true).network(), .unmetered)
        XCTAssertEqual(LinkSample(usable: true, expensive: true).network(), .metered)
        XCTAssertEqual(LinkSample(usable: true, constrained: true).network(), .metered)
        XCTAssertEqual(LinkSample(usable: true, expensive: true).network(roaming: true), .roaming)
        XCTAssertNil(LinkSample(usable: false).network(roaming: true))
    }

    func testChangesThatMatter() {
        var tracker = LinkTracker()
        XCTAssertEqual(tracker.take(LinkSample(usable: false)), .lost)
        XCTAssertEqual(tracker.take(LinkSample(usable: false)), .nothing)
        XCTAssertEqual(tracker.take(LinkSample(usable: true, expensive: true)), .reconnected(.metered))
        XCTAssertEqual(tracker.take(LinkSample(usable: true, expensive: true, constrained: true)), .nothing)
        XCTAssertEqual(tracker.take(LinkSample(usable: true)), .changed(.unmetered))
        XCTAssertEqual(tracker.network, .unmetered)
        XCTAssertEqual(tracker.take(LinkSample(usable: false)), .lost)
        XCTAssertNil(tracker.network)
        var fresh = LinkTracker()
        XCTAssertEqual(fresh.take(LinkSample(usable: true)), .reconnected(.unmetered), "a start wants a sync")
    }

    // -- files

    private final class Marks: FileMarks, @unchecked Sendable {
        var log: [String] = []
        var failing = false
        func setProtectionUntilFirstUnlock(_ url: URL) throws {
            XCTAssertTrue(FileManager.default.fileExists(atPath: url.path))
            log.append("protect")
        }
        func excludeFromBackup(_ url: URL) throws {
            if failing { throw CocoaError(.fileWriteUnknown) }
            log.append("no backup")
        }
    }

    func testTheHomeIsMarkedBeforeAnythingIsInIt() throws {
        let marks = Marks()
        let home = HomeFiles(base: URL(fileURLWithPath: Fixture.folder("files")), marks: marks)
        XCTAssertEqual(try home.prepare(), .nothing)
        XCTAssertEqual(try home.prepare(), .home)
        XCTAssertEqual(marks.log, ["protect", "no backup", "protect", "no backup"])
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: home.path), [])
        marks.failing = true
        XCTAssertThrowsError(try home.prepare())
    }
}
