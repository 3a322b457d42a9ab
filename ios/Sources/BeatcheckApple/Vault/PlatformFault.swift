// What Apple's frameworks say when they fail, as the core's five words. No text of theirs goes any further: it may name anything.

import BeatcheckCore
import Foundation

/// A failure of an Apple framework: its domain and number, and nothing else of it.
public struct PlatformFault: Error, Sendable, Equatable {
    public let domain: String
    public let code: Int

    public init(domain: String, code: Int) {
        self.domain = domain
        self.code = code
    }

    /// A bare `OSStatus`.
    public init(status: Int32) {
        self.init(domain: Self.osStatus, code: Int(status))
    }

    /// Domain of `OSStatus` numbers.
    public static let osStatus = "NSOSStatusErrorDomain"
    /// Domain of the biometric check (LAError).
    public static let localAuthentication = "com.apple.LocalAuthentication"
    /// Domain of the layer under Secure Enclave keys (TKError).
    public static let token = "CryptoTokenKit"
    /// Domain of App Attest (DCError).
    public static let deviceCheck = "com.apple.devicecheck.error"
    /// Our own: a framework that returned nothing and no error, or one that is not there.
    public static let ours = "org.beatcheck.apple"

    /// The framework returned nothing and no error.
    public static let silent = PlatformFault(domain: ours, code: 1)
    /// This machine has no Secure Enclave (a simulator), or one that cannot do this.
    public static let noEnclave = PlatformFault(domain: ours, code: 2)
    /// It did not answer in time.
    public static let tooLate = PlatformFault(domain: ours, code: 3)
}

/// During what it failed: the same number means different things.
public enum VaultStep: Sendable {
    /// Opening a blob that was wrapped.
    case unwrap
    /// Anything else.
    case other
}

extension PlatformFault {
    /// As the core's word for it.
    ///
    /// `NoSuchKey` and `NotOurs` let an app offer recovery (`recover`), which clears the device: nothing that may pass by itself,
    /// such as a phone that is locked, maps to them. Numbers that are not known are `Failed`.
    public func word(during step: VaultStep) -> VaultError {
        switch (domain, code) {
        case (Self.osStatus, -25300):  // errSecItemNotFound
            return .NoSuchKey
        case (Self.osStatus, -25308),  // errSecInteractionNotAllowed: locked, or the app is in the background
            (Self.osStatus, -25315),  // errSecInteractionRequired
            (Self.osStatus, -25293),  // errSecAuthFailed
            (Self.osStatus, -25291),  // errSecNotAvailable: no keychain yet, before the first unlock
            (Self.osStatus, -128):  // errSecUserCanceled
            return .Locked
        case (Self.osStatus, -50),  // errSecParam: what decryption says of a blob that does not authenticate
            (Self.osStatus, -26275):  // errSecDecode
            return step == .unwrap ? .NotOurs : .Failed
        case (Self.osStatus, -4):  // errSecUnimplemented
            return .Unsupported
        case (Self.localAuthentication, -5),  // passcodeNotSet
            (Self.localAuthentication, -6),  // biometryNotAvailable
            (Self.localAuthentication, -7):  // biometryNotEnrolled
            return .Unsupported
        case (Self.localAuthentication, _):  // not passed, cancelled, locked out, not interactive
            return .Locked
        case (Self.token, -3),  // corruptedData: fingers or faces have changed, or the Enclave was erased under the key
            (Self.token, -6):  // objectNotFound
            return .NoSuchKey
        case (Self.token, -4), (Self.token, -5), (Self.token, -9):  // cancelled, not passed, to be asked
            return .Locked
        case (Self.token, -1):  // notImplemented
            return .Unsupported
        case (Self.ours, 2):
            return .Unsupported
        default:
            return .Failed
        }
    }
}
