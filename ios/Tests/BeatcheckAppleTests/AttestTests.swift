// App Attest's two steps as one call that waits: what is signed over, when a key is tried again, and that nothing waits for ever.

import BeatcheckCore
import XCTest
@testable import BeatcheckApple

final class AttestTests: XCTestCase {
    private final class Steps: AttestSteps, @unchecked Sendable {
        let lock = NSLock()
        var isSupported = true
        var made = 0
        var asked: [(key: String, hash: Data)] = []
        /// Answers of `attestKey`, in order; nothing: never.
        var answers: [Result<Data, PlatformFault>?] = []

        func generateKey(_ done: @escaping @Sendable (Result<String, PlatformFault>) -> Void) {
            let n = lock.withLock { () -> Int in made += 1; return made }
            DispatchQueue.global().async { done(.success("key-\(n)")) }
        }

        func attestKey(_ key: String, clientDataHash: Data, _ done: @escaping @Sendable (Result<Data, PlatformFault>) -> Void) {
            let answer = lock.withLock { () -> Result<Data, PlatformFault>? in
                asked.append((key, clientDataHash))
                return answers.isEmpty ? .success(Data("object".utf8)) : answers.removeFirst()
            }
            if let answer { DispatchQueue.global().async { done(answer) } }
        }
    }

    private func vault(_ steps: Steps, patience: TimeInterval = 15) throws -> SecureEnclaveVault {
        let attestor = WaitingAttestService(steps: steps, patience: patience)
        let vault = SecureEnclaveVault(keys: try SoftEnclave(), attestor: attestor, space: "test")
        _ = try vault.create(label: "tls", keyUse: .sign)
        return vault
    }

    func testItIsOverTheChallengeAndTheKey() throws {
        let steps = Steps()
        let vault = try vault(steps)
        let challenge = Data(repeating: 7, count: 32)
        XCTAssertEqual(try vault.attest(label: "tls", nonce: challenge), Data("object".utf8))
        // docs/attestation.md: SHA-256 of the 32 bytes of the challenge and the 65 of the point.
        XCTAssertEqual(steps.asked.map(\.hash), [SoftHash.sha256(challenge + (try vault.publicKey(label: "tls")))])
    }

    func testEmptyWhereThereIsNone() throws {
        let steps = Steps()
        steps.isSupported = false
        let vault = try vault(steps)
        XCTAssertEqual(try vault.attest(label: "tls", nonce: Data(count: 32)), Data())
        XCTAssertEqual(steps.made, 0)
        XCTAssertThrowsError(try vault.attest(label: "other", nonce: Data(count: 32))) { XCTAssertEqual($0 as? VaultError, .NoSuchKey) }
    }

    func testAKeyIsTriedAgainOnlyWhereApplesServerWasAway() throws {
        let steps = Steps()
        steps.answers = [
            .failure(WaitingAttestService.serverUnavailable), .success(Data([1])),
            .failure(PlatformFault(domain: PlatformFault.deviceCheck, code: 3)), .success(Data([2])),
        ]
        let vault = try vault(steps)
        let nonce = Data(count: 32)
        XCTAssertThrowsError(try vault.attest(label: "tls", nonce: nonce)) { XCTAssertEqual($0 as? VaultError, .Failed) }
        XCTAssertEqual(try vault.attest(label: "tls", nonce: nonce), Data([1]))
        XCTAssertThrowsError(try vault.attest(label: "tls", nonce: nonce))
        XCTAssertEqual(try vault.attest(label: "tls", nonce: nonce), Data([2]))
        XCTAssertEqual(steps.asked.map(\.key), ["key-1", "key-1", "key-2", "key-3"])
    }

    func testItDoesNotWaitForEver() throws {
        let steps = Steps()
        steps.answers = [nil]
        let vault = try vault(steps, patience: 0.05)
        XCTAssertThrowsError(try vault.attest(label: "tls", nonce: Data(count: 32))) { XCTAssertEqual($0 as? VaultError, .Failed) }
    }
}
