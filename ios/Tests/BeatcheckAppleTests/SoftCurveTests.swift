// The stand-in's arithmetic against published values: FIPS 180-4's examples, and the first ECDH vector of NIST's CAVP for P-256.

import XCTest
@testable import BeatcheckApple

final class SoftCurveTests: XCTestCase {
    func testHash() {
        XCTAssertEqual(hex(SoftHash.sha256(Data())), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        XCTAssertEqual(hex(SoftHash.sha256(Data("abc".utf8))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
        XCTAssertEqual(hex(SoftHash.sha256(Data(two.utf8))), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    }

    func testAgreement() throws {
        let peer = SoftCurve.Point(
            x: U256(hex: "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"),
            y: U256(hex: "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"))
        XCTAssertNotNil(SoftCurve.Point(peer.bytes))
        let own = U256(hex: "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534")
        XCTAssertEqual(
            hex(SoftCurve.times(own, peer).x.bytes), "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b")
        let open = SoftCurve.times(own, SoftCurve.g)
        XCTAssertEqual(hex(open.x.bytes), "ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230")
        XCTAssertEqual(hex(open.y.bytes), "28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141")
    }

    func testCompressedPoints() {
        let g = SoftCurve.g
        XCTAssertEqual(SoftCurve.decompress(Data([3]) + g.x.bytes), g.bytes)
        XCTAssertNotEqual(SoftCurve.decompress(Data([2]) + g.x.bytes), g.bytes)
        XCTAssertNil(SoftCurve.decompress(Data([2]) + SoftCurve.p.bytes), "not a coordinate")
        XCTAssertNil(SoftCurve.Point(Data([4]) + g.x.bytes + g.x.bytes), "not on the curve")
    }
}

func hex(_ data: Data) -> String { data.map { String(format: "%02x", $0) }.joined() }
func unhex(_ text: String) -> Data { U256(hex: text).bytes }
