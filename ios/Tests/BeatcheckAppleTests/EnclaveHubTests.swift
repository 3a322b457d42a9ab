// The vault's logic under the real core, against a real hub over TLS, with real encrypted files. Only the hardware is a stand-in
// (SoftEnclave.swift), and Apple's attestation is absent: the hub is told to let such phones in on their word. All records are synthetic.

import Beatcheck
import BeatcheckCore
import Foundation
import HubProcess
import XCTest
@testable import BeatcheckApple

final class EnclaveHubTests: XCTestCase {
    private var hub: HubProcess!
    private var enclave: SoftEnclave!
    private var vault: SecureEnclaveVault!

    override func setUpWithError() throws {
        hub = try HubProcess()
        try hub.run("attestation", "set", "--unverified", "true")
        enclave = try SoftEnclave()
        vault = SecureEnclaveVault(keys: enclave, attestor: NoAttestService(), space: "test")
    }

    override func tearDown() { hub?.end() }

    private func begun() async throws -> Beatcheck {
        let beatcheck = try await Beatcheck.enrol(hub.options("a"), vault: vault)
        let report = try await beatcheck.sync()
        XCTAssertTrue(report.complete, "\(report)")
        return beatcheck
    }

    private func code(_ work: () async throws -> Void) async -> String? {
        do {
            try await work()
            return nil
        } catch {
            return (error as? BeatcheckError)?.code ?? "another error"
        }
    }

    private func outcome(_ beatcheck: Beatcheck) async throws -> Outcome {
        try await beatcheck.check(plate: hub.stolenPlate(), purpose: "traffic_stop").outcome
    }

    func testWithoutAttestationTheHubRefusesAPhone() async throws {
        // With none of Apple's roots set, and no word of an operator's, such a phone is not let in.
        try hub.run("attestation", "set", "--unverified", "false")
        let options = try hub.options("a")
        let refused = await code { _ = try await Beatcheck.enrol(options, vault: vault) }
        XCTAssertEqual(refused, "hub_refused")
    }

    func testEnrolCheckPinBiometricsReopen() async throws {
        let beatcheck = try await begun()
        var status = try await beatcheck.status()
        XCTAssertEqual(status.vault, "secure-enclave")
        let first = try await outcome(beatcheck)
        XCTAssertEqual(first, .hit)
        XCTAssertEqual(enclave.tags, ["test.sign.receipt", "test.sign.tls", "test.wrap.wrap-1"])

        // A PIN: each guess is one operation of the hardware.
        try await beatcheck.setPin(new: "482915")
        status = try await beatcheck.status()
        XCTAssertTrue(status.unlock.pinMixed)
        XCTAssertTrue(enclave.tags.contains("test.mix.pin-b"), "\(enclave.tags)")
        try await beatcheck.lock()
        let locked = try await outcome(beatcheck)
        XCTAssertEqual(locked, .cannotSay)
        let before = enclave.called("agree")
        let wrong = await code { try await beatcheck.unlock(pin: "000000") }
        XCTAssertEqual(wrong, "pin")
        XCTAssertEqual(enclave.called("agree"), before + 1)
        try await beatcheck.unlock(pin: "482915")
        let again = try await outcome(beatcheck)
        XCTAssertEqual(again, .hit)

        // Finger or face for the PIN, until another one is enrolled.
        try await beatcheck.setBiometrics(true)
        try await beatcheck.lock()
        enclave.faults["decrypt"] = PlatformFault(domain: PlatformFault.localAuthentication, code: -2)
        let cancelled = await code { try await beatcheck.unlockWithBiometrics() }
        XCTAssertEqual(cancelled, "vault")
        try await beatcheck.unlockWithBiometrics()
        let byFace = try await outcome(beatcheck)
        XCTAssertEqual(byFace, .hit)
        try await beatcheck.lock()
        enclave.lose("test.presence.presence")
        let lost = await code { try await beatcheck.unlockWithBiometrics() }
        XCTAssertEqual(lost, "vault")
        try await beatcheck.unlock(pin: "482915")
        try await beatcheck.setBiometrics(true)
        await beatcheck.close()

        // Opened anew: by a background launch without a PIN, which can sync and answers nothing.
        let reopened = try await Beatcheck.open(home: hub.home("a"), vault: vault)
        let report = try await reopened.sync()
        XCTAssertNil(report.fault)
        let shut = try await outcome(reopened)
        XCTAssertEqual(shut, .cannotSay)
        try await reopened.unlock(pin: "482915")
        let open = try await outcome(reopened)
        XCTAssertEqual(open, .hit)
        await reopened.close()
        let journal = try hub.run("journal", "--verify")
        let devices = try XCTUnwrap(journal["devices"] as? [[String: Any]])
        XCTAssertEqual(devices.first?["unbroken"] as? Bool, true)
    }

    func testALockedPhoneIsNoLostKey() async throws {
        let beatcheck = try await begun()
        await beatcheck.close()
        let home = hub.home("a")
        enclave.locked = true
        let locked = await code { _ = try await Beatcheck.open(home: home, vault: vault) }
        XCTAssertEqual(locked, "vault")
        let refused = await code { _ = try await Beatcheck.recover(home: home, vault: vault) }
        XCTAssertEqual(refused, "vault", "recovery would clear the device: it is not done while nobody can tell")
        enclave.locked = false
        let reopened = try await Beatcheck.open(home: home, vault: vault)
        let still = try await outcome(reopened)
        XCTAssertEqual(still, .hit)
        await reopened.close()
        // The key is gone: then recovery is what there is.
        enclave.lose("test.wrap.wrap-1")
        let recovered = try await Beatcheck.recover(home: home, vault: vault)
        XCTAssertGreaterThan(recovered.keptBytes, 0)
    }

    func testAWipeDestroysAllKeysButThoseThatSign() async throws {
        let beatcheck = try await begun()
        try await beatcheck.setPin(new: "482915")
        try await beatcheck.wipe()
        XCTAssertEqual(enclave.tags, ["test.sign.receipt", "test.sign.tls"])
        try vault.destroyLeftovers()
        XCTAssertEqual(enclave.tags, [])
    }

    func testBackgroundWorkAndSuspensionOfARealDevice() async throws {
        let beatcheck = try await begun()
        let keeper = WakeKeeper(device: beatcheck.field)
        keeper.begin(WakeKeeper.foreground)
        keeper.end(WakeKeeper.foreground)
        XCTAssertEqual(beatcheck.state.lifecycle, .paused)
        let paused = await code { _ = try await beatcheck.check(plate: "AB12CDE", purpose: "traffic_stop") }
        XCTAssertEqual(paused, "paused")

        let done = Box<[Bool]>([])
        let run = BackgroundRun(device: beatcheck.field, keeper: keeper, name: "refresh") { success in done.change { $0.append(success) } }
        let outcome = run.run(.upkeep(.unmetered, scrubMs: 2000))
        XCTAssertEqual(outcome?.fault, nil)
        XCTAssertEqual(done.value, [true])
        XCTAssertEqual(beatcheck.state.lifecycle, .paused)

        let pushed = PushEntry.handle(
            ["aps": ["content-available": 1]], device: beatcheck.field, keeper: keeper, network: .metered) { _ in }
        XCTAssertNotEqual(pushed, .failed)
        XCTAssertEqual(beatcheck.state.lifecycle, .paused)

        hub.stop()
        let offline = BackgroundRun(device: beatcheck.field, keeper: keeper, name: "refresh") { success in done.change { $0.append(success) } }
        XCTAssertEqual(offline.run(.sync(.unmetered))?.failed, true)
        XCTAssertEqual(done.value, [true, false])
        keeper.begin(WakeKeeper.foreground)
        let hit = try await self.outcome(beatcheck)
        XCTAssertEqual(hit, .hit, "offline")
        await beatcheck.close()
        XCTAssertNil(BackgroundRun(device: beatcheck.field, keeper: WakeKeeper(device: beatcheck.field), name: "x") { _ in }.run(.sync(.metered)))
    }
}
