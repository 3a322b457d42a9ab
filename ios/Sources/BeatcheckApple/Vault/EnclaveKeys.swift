// What the vault needs of hardware, as a small protocol: on an iPhone the Security framework stands behind it, in tests a stand-in
// with the same arithmetic. Every call may throw a PlatformFault. What is made of it is decided in SecureEnclaveVault.swift.

import Foundation

/// Private keys on P-256 that cannot be read. Calls block; they may come from any thread but the main one (a biometric check waits
/// for the officer).
public protocol EnclaveKeys: Sendable {
    /// Makes a key; its public point, uncompressed (65 bytes).
    func make(_ plan: KeyPlan) throws -> Data
    /// The public point of a key that is there. Asks nobody.
    func publicPoint(_ tag: String) throws -> Data
    /// ECDSA with SHA-256 over `message`, in ASN.1 form.
    func sign(_ tag: String, _ message: Data) throws -> Data
    /// Encrypts to the key (ECIES). Needs the public key only: nobody is asked.
    func encrypt(_ tag: String, _ plain: Data) throws -> Data
    /// Reverses `encrypt`; a guarded key asks the officer.
    func decrypt(_ tag: String, _ sealed: Data) throws -> Data
    /// Key agreement with `point` (65 bytes), through the KDF of ANSI X9.63 with SHA-256 and `info`: 32 bytes.
    func agree(_ tag: String, with point: Data, info: Data) throws -> Data
    /// Destroys every key under this tag; none is no error.
    func forget(_ tag: String) throws
    /// Destroys every key whose tag begins so.
    func forgetAll(_ prefix: String) throws
    /// The whole point (65 bytes) of a compressed one (33 bytes); nothing if it is not on the curve.
    func wholePoint(_ compressed: Data) -> Data?
    /// SHA-256.
    func sha256(_ data: Data) -> Data
}
