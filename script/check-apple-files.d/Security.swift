// Stand-in for Apple's Security framework and the parts of CoreFoundation that come with it: declarations of just what ios/ uses, written
// by this project from the public documentation, so that the type checker can be run where there is no Apple SDK. It does
// nothing, is never linked or shipped, and agrees with Apple's only as far as we read the documentation rightly.
import Foundation

// In Apple's, `as` bridges between these and Swift's own; Linux has no such bridge, so here they are the same.
public typealias CFString = String
public typealias CFData = Data
public typealias CFDictionary = [String: Any]
public typealias CFTypeRef = AnyObject
public typealias CFTypeID = UInt
public typealias OSStatus = Int32
public final class CFError {}
public func CFGetTypeID(_ cf: CFTypeRef!) -> CFTypeID { fatalError() }
public func CFErrorGetDomain(_ err: CFError!) -> CFString! { fatalError() }
public func CFErrorGetCode(_ err: CFError!) -> Int { fatalError() }

public final class SecKey {}
public final class SecAccessControl {}
public func SecKeyGetTypeID() -> CFTypeID { fatalError() }

public struct SecAccessControlCreateFlags: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let privateKeyUsage = Self(rawValue: 1 << 30)
    public static let biometryCurrentSet = Self(rawValue: 1 << 3)
}

public struct SecKeyAlgorithm: RawRepresentable, Sendable {
    public let rawValue: CFString
    public init(rawValue: CFString) { self.rawValue = rawValue }
    public static let ecdsaSignatureMessageX962SHA256 = Self(rawValue: "")
    public static let eciesEncryptionCofactorVariableIVX963SHA256AESGCM = Self(rawValue: "")
    public static let ecdhKeyExchangeStandardX963SHA256 = Self(rawValue: "")
}

public struct SecKeyKeyExchangeParameter: RawRepresentable, Sendable {
    public let rawValue: CFString
    public init(rawValue: CFString) { self.rawValue = rawValue }
    public static let requestedSize = Self(rawValue: "")
    public static let sharedInfo = Self(rawValue: "")
}

public typealias ErrorOut = UnsafeMutablePointer<Unmanaged<CFError>?>
public func SecAccessControlCreateWithFlags(
    _ allocator: AnyObject?, _ protection: CFString, _ flags: SecAccessControlCreateFlags, _ error: ErrorOut?
) -> SecAccessControl? { fatalError() }
public func SecKeyCreateRandomKey(_ parameters: CFDictionary, _ error: ErrorOut?) -> SecKey? { fatalError() }
public func SecKeyCreateWithData(_ keyData: CFData, _ attributes: CFDictionary, _ error: ErrorOut?) -> SecKey? { fatalError() }
public func SecKeyCopyPublicKey(_ key: SecKey) -> SecKey? { fatalError() }
public func SecKeyCopyExternalRepresentation(_ key: SecKey, _ error: ErrorOut?) -> CFData? { fatalError() }
public func SecKeyCreateSignature(_ key: SecKey, _ algorithm: SecKeyAlgorithm, _ dataToSign: CFData, _ error: ErrorOut?) -> CFData? { fatalError() }
public func SecKeyCreateEncryptedData(_ key: SecKey, _ algorithm: SecKeyAlgorithm, _ plaintext: CFData, _ error: ErrorOut?) -> CFData? { fatalError() }
public func SecKeyCreateDecryptedData(_ key: SecKey, _ algorithm: SecKeyAlgorithm, _ ciphertext: CFData, _ error: ErrorOut?) -> CFData? { fatalError() }
public func SecKeyCopyKeyExchangeResult(
    _ privateKey: SecKey, _ algorithm: SecKeyAlgorithm, _ publicKey: SecKey, _ parameters: CFDictionary, _ error: ErrorOut?
) -> CFData? { fatalError() }
public func SecItemDelete(_ query: CFDictionary) -> OSStatus { fatalError() }
public func SecItemCopyMatching(_ query: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?) -> OSStatus { fatalError() }

public let errSecSuccess: OSStatus = 0
public let errSecItemNotFound: OSStatus = -25300
public let kSecAttrIsPermanent: CFString = ""
public let kSecAttrApplicationTag: CFString = ""
public let kSecAttrAccessControl: CFString = ""
public let kSecAttrAccessGroup: CFString = ""
public let kSecAttrKeyType: CFString = ""
public let kSecAttrKeyTypeECSECPrimeRandom: CFString = ""
public let kSecAttrKeySizeInBits: CFString = ""
public let kSecAttrTokenID: CFString = ""
public let kSecAttrTokenIDSecureEnclave: CFString = ""
public let kSecUseDataProtectionKeychain: CFString = ""
public let kSecPrivateKeyAttrs: CFString = ""
public let kSecAttrKeyClass: CFString = ""
public let kSecAttrKeyClassPublic: CFString = ""
public let kSecMatchLimit: CFString = ""
public let kSecMatchLimitAll: CFString = ""
public let kSecReturnAttributes: CFString = ""
public let kSecReturnRef: CFString = ""
public let kSecClass: CFString = ""
public let kSecClassKey: CFString = ""
public let kSecUseAuthenticationContext: CFString = ""
public let kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly: CFString = ""
public let kSecAttrAccessibleWhenUnlockedThisDeviceOnly: CFString = ""
public let kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly: CFString = ""
