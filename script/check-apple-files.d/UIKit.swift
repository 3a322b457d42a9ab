// Stand-in for Apple's UIKit: declarations of just what ios/ uses, written
// by this project from the public documentation, so that the type checker can be run where there is no Apple SDK. See Security.swift.
@_exported import Foundation

public struct UIBackgroundTaskIdentifier: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let invalid = Self(rawValue: 0)
}

public enum UIBackgroundFetchResult: UInt, Sendable { case newData, noData, failed }

@MainActor open class UIResponder: NSObject, @unchecked Sendable {
    public override nonisolated init() {}
}

@MainActor open class UIApplication: UIResponder, @unchecked Sendable {
    public enum State: Int, Sendable { case active, inactive, background }
    public struct LaunchOptionsKey: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
    }
    public struct ExtensionPointIdentifier: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public static let keyboard = Self(rawValue: "")
    }
    public class var shared: UIApplication { fatalError() }
    open var applicationState: State { fatalError() }
    open var isProtectedDataAvailable: Bool { fatalError() }
    open func beginBackgroundTask(withName: String?, expirationHandler: (@MainActor @Sendable () -> Void)? = nil) -> UIBackgroundTaskIdentifier {
        fatalError()
    }
    open func endBackgroundTask(_ identifier: UIBackgroundTaskIdentifier) { fatalError() }
    open func registerForRemoteNotifications() { fatalError() }
    public nonisolated static var willEnterForegroundNotification: NSNotification.Name { fatalError() }
    public nonisolated static var didEnterBackgroundNotification: NSNotification.Name { fatalError() }
}

@MainActor public protocol UIApplicationDelegate: NSObjectProtocol {
    func application(_ application: UIApplication, didFinishLaunchingWithOptions launchOptions: [UIApplication.LaunchOptionsKey: Any]?) -> Bool
    func application(_ application: UIApplication, didReceiveRemoteNotification userInfo: [AnyHashable: Any]) async -> UIBackgroundFetchResult
    func applicationProtectedDataDidBecomeAvailable(_ application: UIApplication)
    func application(
        _ application: UIApplication, shouldAllowExtensionPointIdentifier extensionPointIdentifier: UIApplication.ExtensionPointIdentifier
    ) -> Bool
}

/// In Apple's they are optional requirements.
extension UIApplicationDelegate {
    public func applicationProtectedDataDidBecomeAvailable(_ a: UIApplication) {}
    public func application(_ a: UIApplication, didFinishLaunchingWithOptions o: [UIApplication.LaunchOptionsKey: Any]?) -> Bool { true }
    public func application(_ a: UIApplication, didReceiveRemoteNotification u: [AnyHashable: Any]) async -> UIBackgroundFetchResult { .noData }
    public func application(_ a: UIApplication, shouldAllowExtensionPointIdentifier e: UIApplication.ExtensionPointIdentifier) -> Bool { true }
}

@MainActor open class UIScreen: NSObject, @unchecked Sendable {
    public class var main: UIScreen { fatalError() }
    open var isCaptured: Bool { fatalError() }
    public nonisolated static var capturedDidChangeNotification: NSNotification.Name { fatalError() }
}

public struct UIKeyboardType: Sendable {
    public static let asciiCapable = Self()
    public static let numbersAndPunctuation = Self()
}

public struct UITextContentType: Sendable {}
