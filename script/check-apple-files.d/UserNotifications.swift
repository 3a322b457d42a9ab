// Stand-in for Apple's UserNotifications: declarations of just what ios/ uses, written
// by this project from the public documentation, so that the type checker can be run where there is no Apple SDK. See Security.swift.
import Foundation

open class UNNotificationContent: @unchecked Sendable {}

open class UNMutableNotificationContent: UNNotificationContent, @unchecked Sendable {
    public override init() {}
    open var title = ""
    open var body = ""
}

open class UNNotificationTrigger: @unchecked Sendable {}

open class UNNotificationRequest: @unchecked Sendable {
    public init(identifier: String, content: UNNotificationContent, trigger: UNNotificationTrigger?) {}
}

public struct UNAuthorizationOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let alert = Self(rawValue: 4)
}

open class UNUserNotificationCenter: @unchecked Sendable {
    public static func current() -> UNUserNotificationCenter { fatalError() }
    open func requestAuthorization(options: UNAuthorizationOptions) async throws -> Bool { fatalError() }
    open func add(_ request: UNNotificationRequest) async throws { fatalError() }
}
