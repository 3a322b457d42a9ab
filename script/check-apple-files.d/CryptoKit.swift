// Stand-in for Apple's CryptoKit: declarations of just what ios/ uses, written
// by this project from the public documentation, so that the type checker can be run where there is no Apple SDK. See Security.swift.
import Foundation

public enum SecureEnclave {
    public static var isAvailable: Bool { fatalError() }
}

public struct SHA256Digest: Sequence, Sendable {
    public func makeIterator() -> Array<UInt8>.Iterator { fatalError() }
}

public struct SHA256 {
    public static func hash<D: DataProtocol>(data: D) -> SHA256Digest { fatalError() }
}

public enum P256 {
    public enum KeyAgreement {
        public struct PublicKey {
            public init<Bytes: ContiguousBytes>(compressedRepresentation: Bytes) throws { fatalError() }
            public var x963Representation: Data { fatalError() }
        }
    }
}
