// The Secure Enclave through Apple's Security framework. Thin: what a key may do is KeyPlan's, what an error means is PlatformFault's.
// Compiled on Apple's systems only; elsewhere it is parsed (script/check-apple-files), and never run.

#if canImport(Security) && canImport(CryptoKit) && canImport(LocalAuthentication)
import CryptoKit
import Foundation
import LocalAuthentication
import Security

/// Keys in this phone's Secure Enclave.
public struct SecurityEnclaveKeys: EnclaveKeys {
    private let prompt: @Sendable () -> String
    private let accessGroup: String?

    /// `prompt` is what the officer reads at a biometric check (also set NSFaceIDUsageDescription). `accessGroup`: a keychain access
    /// group, where the app and an extension share keys; none is the app's own.
    public init(accessGroup: String? = nil, prompt: @escaping @Sendable () -> String) {
        self.prompt = prompt
        self.accessGroup = accessGroup
    }

    public func make(_ plan: KeyPlan) throws -> Data {
        guard SecureEnclave.isAvailable else { throw PlatformFault.noEnclave }
        var error: Unmanaged<CFError>?
        guard let access = SecAccessControlCreateWithFlags(nil, plan.access.constant, plan.guarding.flags, &error) else {
            throw fault(error)
        }
        var privatePart: [CFString: Any] = [
            kSecAttrIsPermanent: true,
            kSecAttrApplicationTag: Data(plan.tag.utf8),
            kSecAttrAccessControl: access,
        ]
        if let accessGroup { privatePart[kSecAttrAccessGroup] = accessGroup }
        let attributes: [CFString: Any] = [
            kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrKeySizeInBits: 256,
            kSecAttrTokenID: kSecAttrTokenIDSecureEnclave,
            kSecUseDataProtectionKeychain: true,
            kSecPrivateKeyAttrs: privatePart,
        ]
        guard let key = SecKeyCreateRandomKey(attributes as CFDictionary, &error) else { throw fault(error) }
        return try point(of: key)
    }

    public func publicPoint(_ tag: String) throws -> Data {
        try point(of: find(tag, asking: false))
    }

    public func sign(_ tag: String, _ message: Data) throws -> Data {
        let key = try find(tag, asking: false)
        return try result { SecKeyCreateSignature(key, .ecdsaSignatureMessageX962SHA256, message as CFData, &$0) }
    }

    public func encrypt(_ tag: String, _ plain: Data) throws -> Data {
        guard let open = SecKeyCopyPublicKey(try find(tag, asking: false)) else { throw PlatformFault.silent }
        return try result { SecKeyCreateEncryptedData(open, Self.ecies, plain as CFData, &$0) }
    }

    public func decrypt(_ tag: String, _ sealed: Data) throws -> Data {
        let key = try find(tag, asking: true)
        return try result { SecKeyCreateDecryptedData(key, Self.ecies, sealed as CFData, &$0) }
    }

    public func agree(_ tag: String, with point: Data, info: Data) throws -> Data {
        let key = try find(tag, asking: false)
        let peerIs: [CFString: Any] = [
            kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrKeyClass: kSecAttrKeyClassPublic,
        ]
        var error: Unmanaged<CFError>?
        guard let peer = SecKeyCreateWithData(point as CFData, peerIs as CFDictionary, &error) else { throw fault(error) }
        let parameters: [CFString: Any] = [
            SecKeyKeyExchangeParameter.requestedSize.rawValue: 32,
            SecKeyKeyExchangeParameter.sharedInfo.rawValue: info,
        ]
        return try result {
            SecKeyCopyKeyExchangeResult(key, .ecdhKeyExchangeStandardX963SHA256, peer, parameters as CFDictionary, &$0)
        }
    }

    public func forget(_ tag: String) throws {
        let status = SecItemDelete(query(tag) as CFDictionary)
        guard status == errSecSuccess || status == errSecItemNotFound else { throw PlatformFault(status: status) }
    }

    public func forgetAll(_ prefix: String) throws {
        var all = query(nil)
        all[kSecMatchLimit] = kSecMatchLimitAll
        all[kSecReturnAttributes] = true
        var found: CFTypeRef?
        let status = SecItemCopyMatching(all as CFDictionary, &found)
        if status == errSecItemNotFound { return }
        guard status == errSecSuccess else { throw PlatformFault(status: status) }
        for item in found as? [[CFString: Any]] ?? [] {
            guard let tag = (item[kSecAttrApplicationTag] as? Data).flatMap({ String(data: $0, encoding: .utf8) }) else { continue }
            if tag.hasPrefix(prefix) { try forget(tag) }
        }
    }

    public func wholePoint(_ compressed: Data) -> Data? {
        (try? P256.KeyAgreement.PublicKey(compressedRepresentation: compressed))?.x963Representation
    }

    public func sha256(_ data: Data) -> Data {
        Data(SHA256.hash(data: data))
    }

    // -- helpers

    private static var ecies: SecKeyAlgorithm { .eciesEncryptionCofactorVariableIVX963SHA256AESGCM }

    private func query(_ tag: String?) -> [CFString: Any] {
        var out: [CFString: Any] = [
            kSecClass: kSecClassKey,
            kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrTokenID: kSecAttrTokenIDSecureEnclave,
            kSecUseDataProtectionKeychain: true,
        ]
        if let tag { out[kSecAttrApplicationTag] = Data(tag.utf8) }
        if let accessGroup { out[kSecAttrAccessGroup] = accessGroup }
        return out
    }

    /// Finding a key asks nobody, using a guarded one does. `asking`: the check is to say what it is for.
    private func find(_ tag: String, asking: Bool) throws -> SecKey {
        var one = query(tag)
        one[kSecReturnRef] = true
        if asking {
            // A new one each time: a context that has passed once would open the key again without the officer.
            let context = LAContext()
            context.localizedReason = prompt()
            one[kSecUseAuthenticationContext] = context
        }
        var found: CFTypeRef?
        let status = SecItemCopyMatching(one as CFDictionary, &found)
        guard status == errSecSuccess else { throw PlatformFault(status: status) }
        guard let found, CFGetTypeID(found) == SecKeyGetTypeID() else { throw PlatformFault.silent }
        return found as! SecKey  // its type was looked at: `as?` does not compile for CF types
    }

    private func point(of key: SecKey) throws -> Data {
        guard let open = SecKeyCopyPublicKey(key) else { throw PlatformFault.silent }
        return try result { SecKeyCopyExternalRepresentation(open, &$0) }
    }

    private func result(_ work: (inout Unmanaged<CFError>?) -> CFData?) throws -> Data {
        var error: Unmanaged<CFError>?
        guard let data = work(&error) else { throw fault(error) }
        return data as Data
    }

    private func fault(_ error: Unmanaged<CFError>?) -> PlatformFault {
        guard let error = error?.takeRetainedValue() else { return .silent }
        return PlatformFault(domain: CFErrorGetDomain(error) as String, code: CFErrorGetCode(error))
    }
}

extension KeyAccess {
    fileprivate var constant: CFString {
        switch self {
        case .afterFirstUnlockThisDeviceOnly: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
        case .whenUnlockedThisDeviceOnly: kSecAttrAccessibleWhenUnlockedThisDeviceOnly
        case .whenPasscodeSetThisDeviceOnly: kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly
        }
    }
}

extension KeyGuard {
    fileprivate var flags: SecAccessControlCreateFlags {
        switch self {
        case .none: [.privateKeyUsage]
        case .biometryCurrentSet: [.privateKeyUsage, .biometryCurrentSet]
        }
    }
}
#endif
