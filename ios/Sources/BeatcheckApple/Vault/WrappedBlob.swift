// The form of a wrapped blob: which key it belongs to stands in front, so that "another key's" is known and not guessed from an
// error number that Apple does not document.
//
//   0      version, 1
//   1      use: 1 wrap, 2 presence
//   2..<10 the first 8 bytes of SHA-256 of the key's public point
//   10...  ECIES ciphertext, which authenticates itself
//
// The front is not authenticated: changing it leads to NotOurs, which is true of such a blob.

import BeatcheckCore
import Foundation

struct WrappedBlob: Equatable {
    static let front = 10
    /// The core wraps 64 KiB at most; a bound on what is read.
    static let most = 64 * 1024

    let use: KeyUse
    let key: Data
    let sealed: Data

    init(use: KeyUse, key: Data, sealed: Data) {
        self.use = use
        self.key = key
        self.sealed = sealed
    }

    /// - Throws: `VaultError.NotOurs` if it is none.
    init(_ bytes: Data) throws {
        let bytes = Data(bytes)  // from index 0
        guard bytes.count > Self.front, bytes.count <= Self.front + Self.most + 256, bytes[0] == 1 else { throw VaultError.NotOurs }
        switch bytes[1] {
        case 1: use = .wrap
        case 2: use = .wrapPresence
        default: throw VaultError.NotOurs
        }
        key = bytes.subdata(in: 2..<Self.front)
        sealed = bytes.subdata(in: Self.front..<bytes.count)
    }

    var bytes: Data {
        Data([1, use == .wrapPresence ? 2 : 1]) + key + sealed
    }

    /// What names a key.
    static func name(of point: Data, sha256: (Data) -> Data) -> Data {
        sha256(point).prefix(8)
    }
}
