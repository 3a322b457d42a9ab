// Which attributes each vault key gets, as data: what the Security framework is told is decided here and tested anywhere.
// Where it stops: nothing here touches a keychain (SecurityEnclaveKeys.swift does).

import BeatcheckCore
import Foundation

/// When a key can be used. The names are Apple's (`kSecAttrAccessible…`); all of them stay on this device.
public enum KeyAccess: String, Sendable, Equatable {
    /// From the first unlock after a restart on, also while the phone is locked.
    case afterFirstUnlockThisDeviceOnly
    /// While the phone is unlocked.
    case whenUnlockedThisDeviceOnly
    /// While it is unlocked; the key is destroyed when the phone's passcode is taken away.
    case whenPasscodeSetThisDeviceOnly
}

/// What stands before the use of a key beside `KeyAccess`.
public enum KeyGuard: String, Sendable, Equatable {
    /// Private key operations only: nobody is asked.
    case none
    /// The fingers or the face that were enrolled when the key was made, and no others: enrolling another one destroys it.
    case biometryCurrentSet
}

/// A key to be made in the Secure Enclave.
///
/// | use | access | guard | because |
/// |---|---|---|---|
/// | `sign` | after first unlock | none | a locked phone hands in its account and takes a wipe: TLS and receipts sign in the background |
/// | `wrap` | after first unlock | none | it opens the base of the keyring (state, account), which a background sync needs; records lie behind PIN or biometric check as well |
/// | `wrapPresence` | passcode set | biometry, current set | it stands for the PIN: only with the officer there; the PIN remains if it is destroyed |
/// | `mix` | unlocked | none | a PIN is only entered on an unlocked phone; it must outlive a passcode that is taken away, or the PIN opens nothing any more |
public struct KeyPlan: Sendable, Equatable {
    /// Under what the keychain files it.
    public let tag: String
    public let access: KeyAccess
    public let guarding: KeyGuard

    /// The attributes for `label` and `use` within `space` (one vault's keys).
    ///
    /// - Throws: `VaultError.Failed` for a label that is not short lower-case ASCII.
    public init(space: String, label: String, use: KeyUse) throws {
        tag = try Self.tag(space: space, label: label, use: use)
        switch use {
        case .sign, .wrap:
            access = .afterFirstUnlockThisDeviceOnly
            guarding = .none
        case .wrapPresence:
            access = .whenPasscodeSetThisDeviceOnly
            guarding = .biometryCurrentSet
        case .mix:
            access = .whenUnlockedThisDeviceOnly
            guarding = .none
        }
    }

    /// All uses: `destroy` does not know which one a label had.
    static let uses: [KeyUse] = [.sign, .wrap, .wrapPresence, .mix]

    /// The use is part of the tag, so that a key made for one use is never found for another: the hardware would not mind.
    static func tag(space: String, label: String, use: KeyUse) throws -> String {
        guard isPlain(label), label.utf8.count <= 32 else { throw VaultError.Failed }
        let name: String
        switch use {
        case .sign: name = "sign"
        case .wrap: name = "wrap"
        case .wrapPresence: name = "presence"
        case .mix: name = "mix"
        }
        return "\(space).\(name).\(label)"
    }

    private static func isPlain(_ label: String) -> Bool {
        !label.isEmpty && label.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
    }
}
