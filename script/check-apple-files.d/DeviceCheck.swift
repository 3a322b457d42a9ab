// Stand-in for Apple's DeviceCheck: declarations of just what ios/ uses, written
// by this project from the public documentation, so that the type checker can be run where there is no Apple SDK. See Security.swift.
import Foundation

open class DCAppAttestService: @unchecked Sendable {
    public static var shared: DCAppAttestService { fatalError() }
    open var isSupported: Bool { fatalError() }
    open func generateKey(completionHandler: @escaping @Sendable (String?, (any Error)?) -> Void) { fatalError() }
    open func attestKey(_ keyId: String, clientDataHash: Data, completionHandler: @escaping @Sendable (Data?, (any Error)?) -> Void) { fatalError() }
}
