// The core's KeyVault on an iPhone: what each call of the contract (core/client/src/vault.rs) becomes. Decides, and leaves the doing to
// EnclaveKeys and AttestService. Where it stops: it has never run on a device in this project's own tests; what is shown there is
// the logic, with stand-ins for the hardware (see docs and ios/README.md).

import BeatcheckCore
import Foundation

/// Keys in the Secure Enclave.
///
/// ```swift
/// let vault = SecureEnclaveVault.onThisDevice(prompt: { "Unlock Beatcheck" })
/// let device = try Device.open(home: home.path, vault: vault, pin: nil)
/// ```
///
/// Callable from any thread but the main one. It has no counter: see `counter(label:)`.
public final class SecureEnclaveVault: KeyVault {
    /// Where the keys of an app's one device are filed.
    public static let standardSpace = "org.beatcheck.vault"

    private let space: String
    private let keys: any EnclaveKeys
    private let attestor: any AttestService

    /// A vault over `keys`; `space` tells the keys of several vaults of one app apart.
    public init(keys: any EnclaveKeys, attestor: any AttestService, space: String = SecureEnclaveVault.standardSpace) {
        self.keys = keys
        self.attestor = attestor
        self.space = space
    }

    public func kind() -> String { "secure-enclave" }

    /// A key in the Enclave, in place of what was under this label. Never one in software: without an Enclave it is `Unsupported`.
    public func create(label: String, keyUse: KeyUse) throws -> Data {
        let plan = try KeyPlan(space: space, label: label, use: keyUse)
        try destroy(label: label)
        let point = try during(.other) { try keys.make(plan) }
        return keyUse == .sign ? try whole(point) : Data()
    }

    public func publicKey(label: String) throws -> Data {
        try whole(try point(label, .sign))
    }

    public func sign(label: String, message: Data) throws -> Data {
        let tag = try KeyPlan.tag(space: space, label: label, use: .sign)
        return try during(.other) { try keys.sign(tag, message) }
    }

    /// ECIES to the key's public point, whose private half is in the Enclave. Whoever has the public point can make such a blob: that it
    /// opens says that it was made for this key, and not who made it. The core authenticates what is inside by itself.
    public func wrap(label: String, plain: Data) throws -> Data {
        guard plain.count <= WrappedBlob.most else { throw VaultError.Failed }
        let (use, point) = try wrappingKey(label)
        let tag = try KeyPlan.tag(space: space, label: label, use: use)
        let sealed = try during(.other) { try keys.encrypt(tag, plain) }
        return WrappedBlob(use: use, key: WrappedBlob.name(of: point, sha256: keys.sha256), sealed: sealed).bytes
    }

    /// Opens a blob. One of a presence key asks the officer for finger or face, and waits.
    public func unwrap(label: String, wrapped: Data) throws -> Data {
        let blob: WrappedBlob
        do {
            blob = try WrappedBlob(wrapped)
        } catch {
            _ = try wrappingKey(label)  // a key that is gone is the greater news
            throw VaultError.NotOurs
        }
        let point = try point(label, blob.use)
        guard blob.key == WrappedBlob.name(of: point, sha256: keys.sha256) else { throw VaultError.NotOurs }
        let tag = try KeyPlan.tag(space: space, label: label, use: blob.use)
        return try during(.unwrap) { try keys.decrypt(tag, blob.sealed) }
    }

    /// One key agreement of the Enclave for each call: see MixPoint.swift.
    public func mix(label: String, input: Data) throws -> Data {
        guard input.count == 32 else { throw VaultError.Failed }
        let tag = try KeyPlan.tag(space: space, label: label, use: .mix)
        guard let point = MixPoint.point(for: input, with: keys) else { throw VaultError.Failed }
        let mixed = try during(.other) { try keys.agree(tag, with: point, info: MixPoint.info(for: input)) }
        guard mixed.count == 32 else { throw VaultError.Failed }
        return mixed
    }

    /// Always `Unsupported`. The keychain holds what is put there, an older state too. The Enclave's own counters are not open to apps.
    /// App Attest counts its assertions, but Apple says neither where that number is kept nor that it survives a restored state, and
    /// each label would need an attested key of its own. The core says what is lost without one (docs/unlock.md, ADR 17).
    public func counter(label: String) throws -> UInt64 {
        throw VaultError.Unsupported
    }

    /// App Attest's object over the hub's challenge and this key's point (docs/attestation.md); empty where the phone has no App Attest.
    /// Asks Apple's servers and waits, half a minute at most: enrolment needs the Internet, not only the hub.
    public func attest(label: String, nonce: Data) throws -> Data {
        let point = try publicKey(label: label)
        let clientData = keys.sha256(nonce + point)
        guard attestor.isSupported else { return Data() }
        return try during(.other) { try attestor.attest(clientDataHash: clientData) }
    }

    public func destroy(label: String) throws {
        for use in KeyPlan.uses {
            let tag = try KeyPlan.tag(space: space, label: label, use: use)
            try during(.other) { try keys.forget(tag) }
        }
    }

    /// Destroys all keys of this space. The keychain outlives an app that is deleted: call it before enrolment when the app's home was
    /// never there (`HomeFiles.prepare` says so), or a new owner's app would find the keys of the one before.
    ///
    /// - Throws: `VaultError`.
    public func destroyLeftovers() throws {
        try during(.other) { try keys.forgetAll(space + ".") }
    }

    // -- helpers

    private func point(_ label: String, _ use: KeyUse) throws -> Data {
        let tag = try KeyPlan.tag(space: space, label: label, use: use)
        return try during(.other) { try keys.publicPoint(tag) }
    }

    private func wrappingKey(_ label: String) throws -> (KeyUse, Data) {
        do {
            return (.wrap, try point(label, .wrap))
        } catch VaultError.NoSuchKey {
            return (.wrapPresence, try point(label, .wrapPresence))
        }
    }

    private func whole(_ point: Data) throws -> Data {
        guard point.count == 65, point.first == 4 else { throw VaultError.Failed }
        return point
    }

    private func during<T>(_ step: VaultStep, _ work: () throws -> T) throws -> T {
        do {
            return try work()
        } catch let fault as PlatformFault {
            throw fault.word(during: step)
        } catch let word as VaultError {
            throw word
        } catch {
            throw VaultError.Failed
        }
    }
}
