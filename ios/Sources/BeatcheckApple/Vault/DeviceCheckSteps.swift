// App Attest through Apple's DeviceCheck framework, and the vault of this phone put together. Compiled on Apple's systems only.

#if canImport(DeviceCheck) && canImport(Security) && canImport(CryptoKit) && canImport(LocalAuthentication)
import DeviceCheck
import Foundation

/// The steps of `DCAppAttestService`. The app needs the App Attest capability; development builds attest in Apple's development
/// environment, which the hub takes only with `--apple-development`.
public struct DeviceCheckSteps: AttestSteps {
    public init() {}

    public var isSupported: Bool { DCAppAttestService.shared.isSupported }

    public func generateKey(_ done: @escaping @Sendable (Result<String, PlatformFault>) -> Void) {
        DCAppAttestService.shared.generateKey { key, error in done(Self.outcome(key, error)) }
    }

    public func attestKey(_ key: String, clientDataHash: Data, _ done: @escaping @Sendable (Result<Data, PlatformFault>) -> Void) {
        DCAppAttestService.shared.attestKey(key, clientDataHash: clientDataHash) { object, error in done(Self.outcome(object, error)) }
    }

    private static func outcome<T>(_ value: T?, _ error: (any Error)?) -> Result<T, PlatformFault> {
        if let value, error == nil { return .success(value) }
        guard let error = error as NSError? else { return .failure(.silent) }
        return .failure(PlatformFault(domain: error.domain, code: error.code))
    }
}

extension SecureEnclaveVault {
    /// The vault of this phone. `prompt` is what the officer reads at a biometric check.
    public static func onThisDevice(
        space: String = SecureEnclaveVault.standardSpace,
        prompt: @escaping @Sendable () -> String
    ) -> SecureEnclaveVault {
        let attestor = WaitingAttestService(steps: DeviceCheckSteps())
        return SecureEnclaveVault(keys: SecurityEnclaveKeys(prompt: prompt), attestor: attestor, space: space)
    }
}
#endif
