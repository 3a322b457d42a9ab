// Stand-in for Apple's BackgroundTasks: declarations of just what ios/ uses, written
// by this project from the public documentation, so that the type checker can be run where there is no Apple SDK. See Security.swift.
import Dispatch
import Foundation

open class BGTask {
    open var identifier: String { fatalError() }
    open var expirationHandler: (() -> Void)?
    open func setTaskCompleted(success: Bool) { fatalError() }
}

open class BGTaskRequest {
    open var earliestBeginDate: Date?
}

open class BGAppRefreshTaskRequest: BGTaskRequest {
    public init(identifier: String) {}
}

open class BGProcessingTaskRequest: BGTaskRequest {
    public init(identifier: String) {}
    open var requiresNetworkConnectivity = false
    open var requiresExternalPower = false
}

open class BGTaskScheduler: @unchecked Sendable {
    public static var shared: BGTaskScheduler { fatalError() }
    @discardableResult
    open func register(forTaskWithIdentifier: String, using: DispatchQueue?, launchHandler: @escaping (BGTask) -> Void) -> Bool { fatalError() }
    open func submit(_ request: BGTaskRequest) throws { fatalError() }
}
