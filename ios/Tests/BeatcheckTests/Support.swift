// What the tests share: a key vault written in Swift, and ways to say what is expected. All records are synthetic.
import Beatcheck
import Foundation
import HubProcess
import XCTest

let purpose = "traffic_stop"
let pin = "482915"

/// A vault as an app writes one: over the desk vault's cryptography, with keys that can be lost and errors that say too
/// much.
final class SwiftVault: KeyVault, @unchecked Sendable {
    enum Mood { case well, throwsAnything, lost, locked }
    struct Talkative: Error, LocalizedError {
        var errorDescription: String? { "a secret text that must not come out" }
    }

    private let inner: any KeyVault
    private let lock = NSLock()
    private var mood = Mood.well
    private var calls = 0

    init(_ inner: any KeyVault) { self.inner = inner }

    func become(_ mood: Mood) { lock.withLock { self.mood = mood } }
    var called: Int { lock.withLock { calls } }

    private func pass<T>(_ call: () throws -> T) throws -> T {
        let mood = lock.withLock { calls += 1; return self.mood }
        switch mood {
        case .well: return try call()
        case .throwsAnything: throw Talkative()
        case .lost: throw VaultError.NoSuchKey
        case .locked: throw VaultError.Locked
        }
    }

    func kind() -> String { "desk" }
    func create(label: String, keyUse: KeyUse) throws -> Data { try pass { try inner.create(label: label, keyUse: keyUse) } }
    func publicKey(label: String) throws -> Data { try pass { try inner.publicKey(label: label) } }
    func sign(label: String, message: Data) throws -> Data { try pass { try inner.sign(label: label, message: message) } }
    func wrap(label: String, plain: Data) throws -> Data { try pass { try inner.wrap(label: label, plain: plain) } }
    func unwrap(label: String, wrapped: Data) throws -> Data { try pass { try inner.unwrap(label: label, wrapped: wrapped) } }
    func mix(label: String, input: Data) throws -> Data { try pass { try inner.mix(label: label, input: input) } }
    func counter(label: String) throws -> UInt64 { try pass { try inner.counter(label: label) } }
    func attest(label: String, nonce: Data) throws -> Data { try pass { try inner.attest(label: label, nonce: nonce) } }
    /// Destroying a key that is not there succeeds: the core counts on it when keys are lost.
    func destroy(label: String) throws { try inner.destroy(label: label) }
}

/// The error that a call throws; a failed test if it throws none.
func error<T>(of call: () async throws -> T, file: StaticString = #filePath, line: UInt = #line) async -> BeatcheckError? {
    do {
        _ = try await call()
        XCTFail("an error was expected", file: file, line: line)
    } catch let error as BeatcheckError {
        XCTAssertFalse(error.officerText.isEmpty, file: file, line: line)
        XCTAssertTrue(error.logText.hasPrefix(error.code), error.logText, file: file, line: line)
        return error
    } catch {
        XCTFail("not an error of ours: \(error)", file: file, line: line)
    }
    return nil
}

/// A call must be refused as suspended, with this code.
func suspended<T>(_ code: String, file: StaticString = #filePath, line: UInt = #line, _ call: () async throws -> T) async {
    guard let refused = await error(of: call, file: file, line: line) else { return }
    guard case .suspended = refused else { return XCTFail("\(refused)", file: file, line: line) }
    XCTAssertEqual(refused.code, code, file: file, line: line)
}

/// Reads a sequence until one is as wanted; a failed test if it ends before.
@discardableResult
func until<S: AsyncSequence>(
    _ sequence: S, file: StaticString = #filePath, line: UInt = #line, _ wanted: (S.Element) -> Bool
) async throws -> [S.Element] {
    var seen: [S.Element] = []
    for try await element in sequence {
        seen.append(element)
        if wanted(element) { return seen }
    }
    XCTFail("it ended before: \(seen)", file: file, line: line)
    return seen
}

/// Waits until something is so; a failed test if it is not in two minutes, which is no measurement but an end.
func eventually(_ what: String, file: StaticString = #filePath, line: UInt = #line, _ condition: () -> Bool) async throws {
    for _ in 0..<12_000 {
        if condition() { return }
        try await Task.sleep(nanoseconds: 10_000_000)
    }
    XCTFail("never: \(what)", file: file, line: line)
}

extension Beatcheck {
    /// The outcome of a check of a vehicle.
    func outcome(_ plate: String) async throws -> Outcome {
        try await check(plate: plate, purpose: purpose).outcome
    }
}

/// A test with a hub of its own.
class HubTestCase: XCTestCase {
    private(set) var hub: HubProcess!
    private(set) var plate = ""
    var persons: Bool { false }

    override func setUpWithError() throws {
        hub = try HubProcess(persons: persons)
        plate = try hub.stolenPlate()
    }

    override func tearDown() {
        hub?.end()
        hub = nil
    }

    /// Enrolled and synced.
    func begun(_ name: String = "a", pin: String? = nil) async throws -> Beatcheck {
        let beatcheck = try await hub.enrol(name, pin: pin)
        let report = try await beatcheck.sync()
        XCTAssertTrue(report.complete, "\(report)")
        return beatcheck
    }

    /// A policy under which everything may be done that these tests do, with more rules.
    func setPolicy(purposes: [String] = [purpose, "stop_search", "warrant"], _ rest: String = "") throws {
        let file = hub.root.appendingPathComponent("policy-\(UUID().uuidString).toml")
        let names = purposes.map { "'\($0)'" }.joined(separator: ", ")
        try "[roles.patrol]\ncompartments = ['*']\npurposes = [\(names)]\n\(rest)\n".write(to: file, atomically: true, encoding: .utf8)
        try hub.run("policy", "set", file.path)
    }
}
