// The vault's decisions: which keys are made, what is refused, how errors are named. Over a stand-in for the hardware.

import BeatcheckCore
import XCTest
@testable import BeatcheckApple

final class VaultTests: XCTestCase {
    private var enclave: SoftEnclave!
    private var vault: SecureEnclaveVault!

    override func setUpWithError() throws {
        enclave = try SoftEnclave()
        vault = SecureEnclaveVault(keys: enclave, attestor: NoAttestService(), space: "test")
    }

    private func fails(_ word: VaultError, line: UInt = #line, _ work: () throws -> Any) {
        XCTAssertThrowsError(try work(), line: line) { XCTAssertEqual($0 as? VaultError, word, line: line) }
    }

    func testAttributesOfEachUse() throws {
        func plan(_ use: KeyUse) throws -> KeyPlan { try KeyPlan(space: "s", label: "tls", use: use) }
        XCTAssertEqual(try plan(.sign).access, .afterFirstUnlockThisDeviceOnly, "a locked phone hands in its account")
        XCTAssertEqual(try plan(.wrap).access, .afterFirstUnlockThisDeviceOnly)
        XCTAssertEqual(try plan(.mix).access, .whenUnlockedThisDeviceOnly)
        XCTAssertEqual(try plan(.wrapPresence).access, .whenPasscodeSetThisDeviceOnly)
        XCTAssertEqual(try plan(.wrapPresence).guarding, .biometryCurrentSet)
        for use in [KeyUse.sign, .wrap, .mix] { XCTAssertEqual(try plan(use).guarding, .none) }
        XCTAssertEqual(Set(try KeyPlan.uses.map { try plan($0).tag }).count, 4, "no key is found for another use")
    }

    func testLabelsAreShortAndPlain() throws {
        for label in ["", "UPPER", "a/b", "a.b", "ä", String(repeating: "a", count: 33)] {
            fails(.Failed) { try vault.create(label: label, keyUse: .sign) }
        }
        XCTAssertEqual(enclave.tags, [])
        for label in ["tls", "receipt", "wrap-17", "pin-a", "presence"] { _ = try vault.create(label: label, keyUse: .wrap) }
    }

    func testASigningKeySigns() throws {
        let point = try vault.create(label: "tls", keyUse: .sign)
        XCTAssertEqual(point.count, 65)
        XCTAssertEqual(try vault.publicKey(label: "tls"), point)
        let signature = try vault.sign(label: "tls", message: Data("message".utf8))
        XCTAssertEqual(signature.first, 0x30, "ASN.1")
        fails(.NoSuchKey) { try vault.sign(label: "receipt", message: Data()) }
        fails(.NoSuchKey) { try vault.unwrap(label: "tls", wrapped: Data(repeating: 1, count: 80)) }
        fails(.NoSuchKey) { try vault.mix(label: "tls", input: Data(count: 32)) }
    }

    func testMakingAKeyReplacesTheOneBefore() throws {
        let first = try vault.create(label: "tls", keyUse: .sign)
        let second = try vault.create(label: "tls", keyUse: .sign)
        XCTAssertNotEqual(first, second)
        XCTAssertEqual(try vault.publicKey(label: "tls"), second)
        _ = try vault.create(label: "tls", keyUse: .mix)
        XCTAssertEqual(enclave.tags, ["test.mix.tls"], "one key for a label")
    }

    func testWrapping() throws {
        XCTAssertEqual(try vault.create(label: "wrap-1", keyUse: .wrap), Data())
        _ = try vault.create(label: "wrap-2", keyUse: .wrap)
        let plain = Data((0..<200).map { UInt8($0) })
        let blob = try vault.wrap(label: "wrap-1", plain: plain)
        XCTAssertEqual(try vault.unwrap(label: "wrap-1", wrapped: blob), plain)
        // As a slice, whose indices do not begin at 0.
        XCTAssertEqual(try vault.unwrap(label: "wrap-1", wrapped: (Data([9, 9]) + blob).dropFirst(2)), plain)
        fails(.NotOurs) { try vault.unwrap(label: "wrap-2", wrapped: blob) }
        for at in [0, 1, 2, 9, 10, blob.count - 1] {
            var altered = blob
            altered[at] ^= 4
            XCTAssertThrowsError(try vault.unwrap(label: "wrap-1", wrapped: altered)) {
                XCTAssertEqual($0 as? VaultError, .NotOurs, "byte \(at)")
            }
        }
        for short in [Data(), blob.prefix(9), blob.prefix(10), blob.prefix(30)] {
            fails(.NotOurs) { try vault.unwrap(label: "wrap-1", wrapped: short) }
        }
        try vault.destroy(label: "wrap-1")
        fails(.NoSuchKey) { try vault.unwrap(label: "wrap-1", wrapped: blob) }
        fails(.NoSuchKey) { try vault.unwrap(label: "wrap-1", wrapped: Data()) }
        fails(.NoSuchKey) { try vault.wrap(label: "wrap-1", plain: plain) }
        fails(.Failed) { try vault.wrap(label: "wrap-2", plain: Data(count: 64 * 1024 + 1)) }
        XCTAssertEqual(try vault.unwrap(label: "wrap-2", wrapped: vault.wrap(label: "wrap-2", plain: Data(count: 64 * 1024))).count, 65536)
    }

    func testThePresenceKeyAsksAndCanBeLost() throws {
        _ = try vault.create(label: "presence", keyUse: .wrapPresence)
        let blob = try vault.wrap(label: "presence", plain: Data(count: 32))
        XCTAssertEqual(enclave.called("decrypt"), 0, "wrapping asks nobody")
        XCTAssertEqual(try vault.unwrap(label: "presence", wrapped: blob), Data(count: 32))
        let la = PlatformFault.localAuthentication
        for (fault, word) in [
            (PlatformFault(domain: la, code: -2), VaultError.Locked), (PlatformFault(domain: la, code: -8), .Locked),
            (PlatformFault(status: -25308), .Locked), (PlatformFault(domain: PlatformFault.token, code: -3), .NoSuchKey),
        ] {
            enclave.faults["decrypt"] = fault
            fails(word) { try vault.unwrap(label: "presence", wrapped: blob) }
        }
        enclave.lose("test.presence.presence")
        fails(.NoSuchKey) { try vault.unwrap(label: "presence", wrapped: blob) }
    }

    func testDestroying() throws {
        try vault.destroy(label: "never-made")
        _ = try vault.create(label: "pin-a", keyUse: .mix)
        enclave.faults["forget"] = PlatformFault(status: -25308)
        fails(.Locked) { try vault.destroy(label: "pin-a") }
        try vault.destroy(label: "pin-a")
        XCTAssertEqual(enclave.tags, [])
    }

    func testLeftoversOfAnotherInstallation() throws {
        let other = SecureEnclaveVault(keys: enclave, attestor: NoAttestService(), space: "test-2")
        _ = try vault.create(label: "tls", keyUse: .sign)
        _ = try other.create(label: "tls", keyUse: .sign)
        try vault.destroyLeftovers()
        XCTAssertEqual(enclave.tags, ["test-2.sign.tls"], "another vault's keys stay")
    }

    func testItHasNoCounterAndSaysSo() {
        fails(.Unsupported) { try vault.counter(label: "tries") }
        XCTAssertEqual(vault.kind(), "secure-enclave")
    }

    func testWithoutAnEnclaveNoKeyIsMade() {
        enclave.faults["make"] = .noEnclave
        fails(.Unsupported) { try vault.create(label: "tls", keyUse: .sign) }
    }

    func testNothingThatMayPassIsALostKey() {
        // An app may offer recovery, which clears the device, where a key is lost.
        for step in [VaultStep.unwrap, .other] {
            for status: Int32 in [-25308, -25315, -25293, -25291, -128, -34018, -4, -67585, 0] {
                let word = PlatformFault(status: status).word(during: step)
                XCTAssertFalse([.NoSuchKey, .NotOurs].contains(word), "\(status)")
            }
            for code in -20...0 {
                let word = PlatformFault(domain: PlatformFault.localAuthentication, code: code).word(during: step)
                XCTAssertTrue([.Locked, .Unsupported].contains(word), "\(code)")
            }
            XCTAssertEqual(PlatformFault(domain: "another", code: -25300).word(during: step), .Failed)
        }
        XCTAssertEqual(PlatformFault(status: -50).word(during: .unwrap), .NotOurs)
        XCTAssertEqual(PlatformFault(status: -50).word(during: .other), .Failed)
        XCTAssertEqual(PlatformFault(status: -25300).word(during: .other), .NoSuchKey)
    }
}
