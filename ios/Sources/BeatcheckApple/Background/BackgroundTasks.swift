// BGTaskScheduler: registers the two tasks, submits what SyncPlan asks for, and hands each task to a BackgroundRun. Compiled on
// Apple's phones only. Info.plist must name both identifiers (BGTaskSchedulerPermittedIdentifiers) and the modes `fetch` and `processing`.

#if canImport(BackgroundTasks) && !os(macOS)
import BackgroundTasks
import BeatcheckCore
import Dispatch
import Foundation

/// The app's background tasks. Make one before the app has finished launching: iOS refuses a registration that comes later.
public final class BackgroundTasks: @unchecked Sendable {
    /// Opens the device if it is not open: iOS may start the app for a task alone. Nothing where there is none or it cannot be opened
    /// now (before the first unlock after a restart the vault says `Locked`).
    public typealias Opener = @Sendable () -> (any FieldDevice, WakeKeeper)?

    private let prefix: String
    private let open: Opener
    private let network: @Sendable () -> Network?
    private let scrubMs: UInt64
    private let report: @Sendable (SyncOutcome) -> Void
    /// Where iOS hands tasks over; never blocked, since an expiration may come in on it.
    private let handing = DispatchQueue(label: "org.beatcheck.background", qos: .utility)
    /// Where they run.
    private let work = DispatchQueue(label: "org.beatcheck.background.work", qos: .utility, attributes: .concurrent)
    private let lock = NSLock()
    /// Guarded by `lock`.
    private var plan = SyncPlan()

    /// `prefix`: the app's bundle identifier; tasks are `PREFIX.refresh` and `PREFIX.upkeep`. `network`: the kind of the way out now, nothing
    /// where there is none (LinkTracker). `report` hears of each sync, on a queue of this object's.
    public init(
        prefix: String,
        scrubMs: UInt64 = 120_000,
        network: @escaping @Sendable () -> Network?,
        report: @escaping @Sendable (SyncOutcome) -> Void = { _ in },
        open: @escaping Opener
    ) {
        self.prefix = prefix
        self.scrubMs = scrubMs
        self.network = network
        self.report = report
        self.open = open
    }

    /// Registers both tasks. Call it from `application(_:didFinishLaunchingWithOptions:)` or the initialiser of a SwiftUI `App`.
    public func register() {
        for kind in BackgroundRequest.Kind.allCases {
            BGTaskScheduler.shared.register(forTaskWithIdentifier: identifier(kind), using: handing) { [self] task in
                start(Held(task), kind)
            }
        }
    }

    /// Asks iOS for the next tasks; call it when the app goes to the background. Those that were asked for before are replaced.
    public func submit(dueInS: UInt32? = nil) {
        for request in lock.withLock({ plan.requests(dueInS: dueInS) }) {
            let native: BGTaskRequest
            switch request.kind {
            case .refresh:
                native = BGAppRefreshTaskRequest(identifier: identifier(.refresh))
            case .upkeep:
                let long = BGProcessingTaskRequest(identifier: identifier(.upkeep))
                long.requiresNetworkConnectivity = request.needsNetwork
                long.requiresExternalPower = request.needsPower
                native = long
            }
            native.earliestBeginDate = Date(timeIntervalSinceNow: TimeInterval(request.earliestS))
            // Refused where the officer or device management has switched background refresh off: the next start syncs.
            try? BGTaskScheduler.shared.submit(native)
        }
    }

    /// Notes a sync that the app made in the foreground: the next task is planned from it.
    public func note(_ outcome: SyncOutcome) {
        lock.withLock { plan.note(outcome) }
    }

    private func identifier(_ kind: BackgroundRequest.Kind) -> String { "\(prefix).\(kind.rawValue)" }

    /// A task of iOS's may be completed from any thread, which its annotation does not say.
    private struct Held: @unchecked Sendable {
        let task: BGTask
        init(_ task: BGTask) { self.task = task }
    }

    /// An expiration may come before there is a run: opening a device takes a while.
    private final class Expiry: @unchecked Sendable {
        private let lock = NSLock()
        /// Guarded by `lock`.
        private var expired = false
        private var run: BackgroundRun?

        func expire() { lock.withLock { () -> BackgroundRun? in expired = true; return run }?.expire() }
        func watch(_ new: BackgroundRun) {
            if lock.withLock({ () -> Bool in run = new; return expired }) { new.expire() }
        }
    }

    private func start(_ held: Held, _ kind: BackgroundRequest.Kind) {
        // The next one first: a run that is killed must not be the last.
        submit()
        let expiry = Expiry()
        held.task.expirationHandler = { expiry.expire() }
        work.async { [self] in carryOut(held, kind, expiry) }
    }

    private func carryOut(_ held: Held, _ kind: BackgroundRequest.Kind, _ expiry: Expiry) {
        guard let (device, keeper) = open() else {
            held.task.setTaskCompleted(success: false)
            return
        }
        let run = BackgroundRun(device: device, keeper: keeper, name: identifier(kind)) { held.task.setTaskCompleted(success: $0) }
        expiry.watch(run)
        let over = network() ?? .metered  // not known yet after a start: the thrifty one
        let what: BackgroundWork = kind == .upkeep ? .upkeep(over, scrubMs: scrubMs) : .sync(over)
        if let outcome = run.run(what) {
            note(outcome)
            submit()
            report(outcome)
        }
    }
}
#endif
