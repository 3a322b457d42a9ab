// P-256 and SHA-256 for tests: the same arithmetic as the Secure Enclave's, slow and open. Never for an app. Checked against published
// values in SoftCurveTests.

import Foundation

/// A number below 2^256, four limbs, the lowest first.
struct U256: Equatable {
    var l: [UInt64] = [0, 0, 0, 0]

    init(_ small: UInt64) { l[0] = small }

    init(_ bytes: Data) {
        for (i, byte) in bytes.reversed().enumerated() { l[i / 8] |= UInt64(byte) << UInt64(8 * (i % 8)) }
    }

    init(hex: String) {
        var bytes = Data()
        var rest = Substring(hex)
        while !rest.isEmpty {
            bytes.append(UInt8(rest.prefix(2), radix: 16)!)
            rest = rest.dropFirst(2)
        }
        self.init(bytes)
    }

    var bytes: Data { Data((0..<32).reversed().map { UInt8(truncatingIfNeeded: l[$0 / 8] >> UInt64(8 * ($0 % 8))) }) }
    var isZero: Bool { l == [0, 0, 0, 0] }
    func bit(_ i: Int) -> Bool { l[i / 64] >> UInt64(i % 64) & 1 == 1 }

    static func < (a: Self, b: Self) -> Bool {
        for i in (0..<4).reversed() where a.l[i] != b.l[i] { return a.l[i] < b.l[i] }
        return false
    }

    /// Sum and carry.
    static func add(_ a: Self, _ b: Self) -> (Self, Bool) {
        var out = Self(0)
        var carry: UInt64 = 0
        for i in 0..<4 {
            let (s, c) = a.l[i].addingReportingOverflow(b.l[i])
            let (t, d) = s.addingReportingOverflow(carry)
            out.l[i] = t
            carry = (c ? 1 : 0) + (d ? 1 : 0)
        }
        return (out, carry == 1)
    }

    /// Difference, modulo 2^256.
    static func sub(_ a: Self, _ b: Self) -> Self {
        var out = Self(0)
        var borrow: UInt64 = 0
        for i in 0..<4 {
            let (s, c) = a.l[i].subtractingReportingOverflow(b.l[i])
            let (t, d) = s.subtractingReportingOverflow(borrow)
            out.l[i] = t
            borrow = (c ? 1 : 0) + (d ? 1 : 0)
        }
        return out
    }
}

/// The curve.
enum SoftCurve {
    static let p = U256(hex: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
    static let b = U256(hex: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")
    static let g = Point(
        x: U256(hex: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
        y: U256(hex: "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"))

    struct Point: Equatable {
        let x, y: U256
        var bytes: Data { Data([4]) + x.bytes + y.bytes }

        init(x: U256, y: U256) { (self.x, self.y) = (x, y) }

        /// Reads an uncompressed point; nothing if it is not on the curve.
        init?(_ bytes: Data) {
            guard bytes.count == 65, bytes.first == 4 else { return nil }
            (x, y) = (U256(bytes.dropFirst().prefix(32)), U256(bytes.suffix(32)))
            guard x < p, y < p, mul(y, y) == SoftCurve.right(x) else { return nil }
        }
    }

    static func addMod(_ a: U256, _ b: U256) -> U256 {
        let (s, carry) = U256.add(a, b)
        return carry || !(s < p) ? U256.sub(s, p) : s
    }

    static func subMod(_ a: U256, _ b: U256) -> U256 {
        a < b ? U256.add(a, U256.sub(p, b)).0 : U256.sub(a, b)
    }

    /// a · b: Montgomery's product twice, the second time with R² so that R cancels out.
    static func mul(_ a: U256, _ b: U256) -> U256 { montgomery(montgomery(a, b), rSquared) }

    private static let rSquared: U256 = (0..<512).reduce(U256(1)) { sum, _ in addMod(sum, sum) }

    /// a · b / 2^256. The lowest limb of p is -1 modulo 2^64, so its factor is 1.
    private static func montgomery(_ a: U256, _ b: U256) -> U256 {
        var t: [UInt64] = [0, 0, 0, 0, 0, 0]
        /// x · y + z + carry, which fits in two limbs.
        func step(_ x: UInt64, _ y: UInt64, _ z: UInt64, _ carry: inout UInt64) -> UInt64 {
            let (high, low) = x.multipliedFullWidth(by: y)
            let (s, c) = low.addingReportingOverflow(z)
            let (u, d) = s.addingReportingOverflow(carry)
            carry = high + (c ? 1 : 0) + (d ? 1 : 0)
            return u
        }
        for i in 0..<4 {
            var carry: UInt64 = 0
            for j in 0..<4 { t[j] = step(a.l[j], b.l[i], t[j], &carry) }
            let (s, c) = t[4].addingReportingOverflow(carry)
            (t[4], t[5]) = (s, c ? 1 : 0)
            let m = t[0]
            carry = 0
            _ = step(m, p.l[0], t[0], &carry)
            for j in 1..<4 { t[j - 1] = step(m, p.l[j], t[j], &carry) }
            let (u, d) = t[4].addingReportingOverflow(carry)
            (t[3], t[4]) = (u, t[5] + (d ? 1 : 0))
        }
        var out = U256(0)
        out.l = Array(t[0..<4])
        return t[4] == 1 || !(out < p) ? U256.sub(out, p) : out
    }

    static func power(_ a: U256, _ e: U256) -> U256 {
        var out = U256(1)
        for i in (0..<256).reversed() {
            out = mul(out, out)
            if e.bit(i) { out = mul(out, a) }
        }
        return out
    }

    /// x³ - 3x + b.
    static func right(_ x: U256) -> U256 {
        addMod(subMod(mul(mul(x, x), x), addMod(x, addMod(x, x))), b)
    }

    /// The whole of a compressed point with even y (first byte 2) or odd y (3); nothing if there is none.
    static func decompress(_ bytes: Data) -> Data? {
        guard bytes.count == 33, let first = bytes.first, first == 2 || first == 3 else { return nil }
        let x = U256(bytes.dropFirst())
        guard x < p else { return nil }
        let square = right(x)
        // p ≡ 3 mod 4: the root is the power (p + 1) / 4.
        let root = power(square, U256(hex: "3fffffffc0000000400000000000000000000000400000000000000000000000"))
        guard mul(root, root) == square else { return nil }
        let y = root.bit(0) == (first == 3) ? root : U256.sub(p, root)
        return Point(x: x, y: y).bytes
    }

    /// Scalar times point, in Jacobian coordinates (one inversion, at the end). The scalar is not 0 nor a multiple of the order.
    static func times(_ scalar: U256, _ point: Point) -> Point {
        var (x, y, z) = (U256(1), U256(1), U256(0))
        for i in (0..<256).reversed() {
            if !z.isZero {  // double
                let yy = mul(y, y), s4 = mul(x, yy)
                let s = addMod(addMod(s4, s4), addMod(s4, s4))
                let zz = mul(z, z)
                let m1 = mul(subMod(x, zz), addMod(x, zz))
                let m = addMod(m1, addMod(m1, m1))
                let nx = subMod(mul(m, m), addMod(s, s))
                let y4 = mul(yy, yy), y4x2 = addMod(y4, y4), y4x4 = addMod(y4x2, y4x2)
                let ny = subMod(mul(m, subMod(s, nx)), addMod(y4x4, y4x4))
                let yz = mul(y, z)
                (x, y, z) = (nx, ny, addMod(yz, yz))
            }
            if scalar.bit(i) {  // add the affine point
                if z.isZero {
                    (x, y, z) = (point.x, point.y, U256(1))
                    continue
                }
                let zz = mul(z, z)
                let u2 = mul(point.x, zz), s2 = mul(point.y, mul(zz, z))
                let h = subMod(u2, x), r = subMod(s2, y)
                precondition(!h.isZero, "a doubling in disguise does not happen with scalars below the order")
                let hh = mul(h, h), hhh = mul(hh, h), v = mul(x, hh)
                let nx = subMod(subMod(mul(r, r), hhh), addMod(v, v))
                let ny = subMod(mul(r, subMod(v, nx)), mul(y, hhh))
                (x, y, z) = (nx, ny, mul(z, h))
            }
        }
        let inverse = power(z, U256.sub(p, U256(2)))
        let squared = mul(inverse, inverse)
        return Point(x: mul(x, squared), y: mul(y, mul(squared, inverse)))
    }
}

/// SHA-256 (FIPS 180-4), and the KDF of ANSI X9.63 for up to 32 bytes.
enum SoftHash {
    private static let k: [UInt32] = {
        // The fractional parts of the cube roots of the first 64 primes, found by arithmetic and not copied.
        var primes: [UInt32] = []
        var n: UInt32 = 2
        while primes.count < 64 {
            if primes.allSatisfy({ n % $0 != 0 }) { primes.append(n) }
            n += 1
        }
        return primes.map { fraction(of: $0, cube: true) }
    }()
    private static let h0: [UInt32] = [2, 3, 5, 7, 11, 13, 17, 19].map { fraction(of: $0, cube: false) }

    /// First 32 bits of the fraction of a root: bisected in whole numbers, since doubles are too short.
    private static func fraction(of n: UInt32, cube: Bool) -> UInt32 {
        var low: UInt64 = 0
        var high: UInt64 = 1 << 37  // root · 2^32
        let target = U256(UInt64(n))
        while high - low > 1 {
            let mid = (low + high) / 2
            // mid² or mid³ against n · 2^64 or n · 2^96
            let square = mid.multipliedFullWidth(by: mid)
            var value = U256(0)
            if cube {
                let a = square.low.multipliedFullWidth(by: mid)
                let b = square.high.multipliedFullWidth(by: mid)
                let (m, c) = a.high.addingReportingOverflow(b.low)
                value.l = [a.low, m, b.high + (c ? 1 : 0), 0]
            } else {
                value.l = [square.low, square.high, 0, 0]
            }
            var goal = U256(0)
            if cube { goal.l = [0, target.l[0] << 32, 0, 0] } else { goal.l = [0, target.l[0], 0, 0] }
            if goal < value { high = mid } else { low = mid }
        }
        return UInt32(truncatingIfNeeded: low)
    }

    static func sha256(_ data: Data) -> Data {
        var message = [UInt8](data)
        let bits = UInt64(message.count) * 8
        message.append(0x80)
        while message.count % 64 != 56 { message.append(0) }
        message += (0..<8).reversed().map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
        var h = h0
        func turn(_ x: UInt32, _ n: UInt32) -> UInt32 { x >> n | x << (32 - n) }
        for start in stride(from: 0, to: message.count, by: 64) {
            var w = (0..<16).map { i in (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(message[start + 4 * i + $1]) } }
            for i in 16..<64 {
                let s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3
                let s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10
                w.append(w[i - 16] &+ s0 &+ w[i - 7] &+ s1)
            }
            var v = h
            for i in 0..<64 {
                let s1 = turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)
                let choice = v[4] & v[5] ^ ~v[4] & v[6]
                let t1 = v[7] &+ s1 &+ choice &+ k[i] &+ w[i]
                let s0 = turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)
                let t2 = s0 &+ (v[0] & v[1] ^ v[0] & v[2] ^ v[1] & v[2])
                v = [t1 &+ t2, v[0], v[1], v[2], v[3] &+ t1, v[4], v[5], v[6]]
            }
            for i in 0..<8 { h[i] = h[i] &+ v[i] }
        }
        return Data(h.flatMap { word in (0..<4).reversed().map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } })
    }

    static func x963(_ secret: Data, _ info: Data) -> Data {
        sha256(secret + Data([0, 0, 0, 1]) + info)
    }
}
