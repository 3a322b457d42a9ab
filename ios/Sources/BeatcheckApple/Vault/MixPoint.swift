// The keyed function behind `mix`, made of the one thing that the Secure Enclave does with a secret: key agreement.
//
//     P      = the first of SHA-256(POINT || input || 0), SHA-256(POINT || input || 1), … that is the x of a point on P-256 (the even y)
//     mix    = X9.63-KDF-SHA-256(ECDH(key, P), info = INFO || input), 32 bytes
//
// Nobody knows the discrete logarithm of P, and that is the whole of it. The nearer way, P = s·G with s from the input, is broken:
// ECDH(key, s·G) = s·(key·G), which is had from the *public* key without the hardware, and public keys are no secret. With
// P hashed to the curve, telling mix from chance needs a Diffie-Hellman solution for each input (the construction of an oblivious PRF,
// without the blinding).
//
// Each value costs one operation of the Enclave. Limits: the Enclave does not count or slow its operations down; waits are the core's
// (docs/unlock.md). An app that runs on this phone, with this app's rights, can have them computed here, as with any vault. Which of
// the 32 candidates is on the curve depends on the input: all are always tried, in software, so that the time says next to nothing.

import Foundation

enum MixPoint {
    static let pointTag = Data("beatcheck 2026 enclave mix point v1".utf8)
    static let infoTag = Data("beatcheck 2026 enclave mix v1".utf8)
    /// That none of a block is on the curve has a chance of 2⁻³².
    static let block: UInt8 = 32

    /// The point that `input` names (65 bytes); nothing only if arithmetic is broken.
    static func point(for input: Data, with keys: some EnclaveKeys) -> Data? {
        for start in stride(from: 0, to: 256, by: Int(block)) {
            var found: Data?
            for counter in start..<start + Int(block) {
                let x = keys.sha256(pointTag + input + Data([UInt8(counter)]))
                let whole = keys.wholePoint(Data([2]) + x)
                if found == nil { found = whole }
            }
            if let found { return found }
        }
        return nil
    }

    static func info(for input: Data) -> Data {
        infoTag + input
    }
}
