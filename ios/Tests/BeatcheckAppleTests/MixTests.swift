// The keyed function: the same for the same input, nobody else's, and not to be had from what is public.

import BeatcheckCore
import XCTest
@testable import BeatcheckApple

final class MixTests: XCTestCase {
    private let scalar = U256(hex: "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20")

    /// Made by another implementation (Python's whole numbers): what an app of today stored must open tomorrow.
    private let golden = [
        ("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         "13307782f11873a08c07ca45067b704606c2dd57de2439314d7c5b50016d5aa3",
         "9c38e0160d77ed695ccf339a9563b9f400c5ee5baa45b903b843442f4f52cca1"),
        ("0000000000000000000000000000000000000000000000000000000000000000",
         "012b8cf165887091e0f9206756f16d4d4adf3cba9f4c35f59c8b30a2b1ce422b",
         "8c4847e21a24fe006ef4a24d1b9b88d4853c0feceb3ffc258f2c20e1fa4b1659"),
        ("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
         "7a6a749acd7fb35d75153d8a912717b1c38f20a7cee046a37d129a96faf784aa",
         "28bd6b3933c87187d98c4ef65c65ec60d01d5945a7d134fbe276ae9fd547b8b6"),
    ]

    private func vault() throws -> (SoftEnclave, SecureEnclaveVault) {
        let enclave = try SoftEnclave()
        try enclave.put("test.mix.pin-a", scalar: scalar)
        return (enclave, SecureEnclaveVault(keys: enclave, attestor: NoAttestService(), space: "test"))
    }

    func testKnownValues() throws {
        let (enclave, vault) = try vault()
        for (input, x, mixed) in golden {
            let point = try XCTUnwrap(MixPoint.point(for: unhex(input), with: enclave))
            XCTAssertEqual(hex(point.dropFirst().prefix(32)), x)
            XCTAssertNotNil(SoftCurve.Point(point), "it is on the curve")
            XCTAssertEqual(hex(try vault.mix(label: "pin-a", input: unhex(input))), mixed)
        }
        XCTAssertEqual(enclave.called("agree"), golden.count, "one operation of the hardware for each")
    }

    func testAnotherKeyGivesAnotherValue() throws {
        let (enclave, vault) = try vault()
        let before = try vault.mix(label: "pin-a", input: Data(count: 32))
        XCTAssertEqual(try vault.mix(label: "pin-a", input: Data(count: 32)), before)
        _ = try vault.create(label: "pin-b", keyUse: .mix)
        XCTAssertNotEqual(try vault.mix(label: "pin-b", input: Data(count: 32)), before)
        XCTAssertEqual(enclave.key("test.mix.pin-b")?.plan.access, .whenUnlockedThisDeviceOnly)
    }

    /// What the nearer construction would have given away: there, the public key alone is enough.
    func testTheNearerWayWouldNeedNoHardware() throws {
        let s = U256(SoftHash.sha256(Data("input".utf8)))
        let inHardware = SoftCurve.times(scalar, SoftCurve.times(s, SoftCurve.g))
        let open = SoftCurve.times(scalar, SoftCurve.g)
        XCTAssertEqual(SoftCurve.times(s, open), inHardware, "known without the key")
    }

    func testItTakesThirtyTwoBytesAndReportsFaults() throws {
        let (enclave, vault) = try vault()
        for count in [0, 31, 33] {
            XCTAssertThrowsError(try vault.mix(label: "pin-a", input: Data(count: count))) { XCTAssertEqual($0 as? VaultError, .Failed) }
        }
        XCTAssertEqual(enclave.called("agree"), 0)
        enclave.faults["agree"] = PlatformFault(status: -25308)
        XCTAssertThrowsError(try vault.mix(label: "pin-a", input: Data(count: 32))) { XCTAssertEqual($0 as? VaultError, .Locked) }
    }
}
