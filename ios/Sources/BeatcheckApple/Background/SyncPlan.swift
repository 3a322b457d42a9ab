// When to ask the hub next, and what to ask iOS for. Pure: BackgroundTasks.swift submits what comes out.
//
// iOS decides when a task really runs, or whether: after the earliest time, when it thinks it fit, commonly not within 15 minutes, less
// often for apps that are seldom used, and not at all after the officer has swiped the app away. So this is for freshness only. What
// must not wait (the lease, a withdrawal) is the core's own business and is decided when the app is opened, without contact.

import BeatcheckCore
import Foundation

/// What came of a sync, as far as the next one is concerned.
public struct SyncOutcome: Sendable, Equatable {
    /// Everything due has been done.
    public var complete: Bool
    /// Code of the fault that ended it.
    public var fault: String?
    /// Seconds after which the hub wants to be asked again; 0: it did not say.
    public var askAgainS: UInt32
    /// The device was erased: nothing is to be planned any more but its last words.
    public var wiped: Bool

    public init(complete: Bool, fault: String? = nil, askAgainS: UInt32 = 0, wiped: Bool = false) {
        self.complete = complete
        self.fault = fault
        self.askAgainS = askAgainS
        self.wiped = wiped
    }

    public init(_ report: SyncReport) {
        self.init(complete: report.complete, fault: report.fault?.code, askAgainS: report.askAgainS, wiped: report.wiped)
    }

    /// Whether it failed, so that asking again soon is of no use. Not where we broke it off ourselves, or where another sync was running.
    public var failed: Bool { fault != nil && !brokenOff }

    var brokenOff: Bool { fault == "cancelled" || fault == "sync_running" }
}

/// One request for background time.
public struct BackgroundRequest: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// A short one (about 30 s): sync.
        case refresh
        /// A long one: sync what is large, read stored rows again. While charging.
        case upkeep
    }

    public var kind: Kind
    /// Not before so many seconds from now.
    public var earliestS: UInt32
    public var needsNetwork: Bool
    public var needsPower: Bool
}

/// How often, and after how many failures.
public struct SyncPlan: Sendable, Equatable {
    /// Shortest wait after a failure; doubled with each further one.
    public var firstBackoffS: UInt32 = 60
    /// Longest wait after failures: contact is to be found again within hours.
    public var longestBackoffS: UInt32 = 4 * 3600
    /// Where the hub says nothing.
    public var defaultAskS: UInt32 = 900
    /// Between two upkeeps.
    public var upkeepS: UInt32 = 24 * 3600
    /// Syncs in a row that failed.
    public private(set) var failures: UInt32 = 0
    /// Set once the device was erased.
    public private(set) var ended = false
    /// Seconds until the hub may be asked again, from the last sync.
    public private(set) var waitS: UInt32 = 0

    public init() {}

    /// Notes a sync that came to its end.
    public mutating func note(_ outcome: SyncOutcome) {
        if outcome.wiped {
            ended = true
            return
        }
        if outcome.failed {
            failures = min(failures + 1, 32)
        } else if outcome.complete {
            failures = 0
        }
        let asked = outcome.askAgainS == 0 ? defaultAskS : outcome.askAgainS
        // The hub's word is a floor: backing off may make it longer, never shorter.
        waitS = failures == 0 ? asked : max(outcome.askAgainS, backoffS)
        // Broken off: what was fetched is kept, the rest is wanted soon.
        if outcome.brokenOff { waitS = max(outcome.askAgainS, firstBackoffS) }
    }

    /// Doubled with each failure, within bounds.
    public var backoffS: UInt32 {
        guard failures > 0 else { return 0 }
        let doubled = UInt64(firstBackoffS) << UInt64(min(failures - 1, 24))
        return UInt32(min(doubled, UInt64(longestBackoffS)))
    }

    /// What to ask iOS for when the app goes to the background, and again at the end of each task. `dueInS`: seconds until the core's own
    /// next date (`DeviceStatus.nextSync`), where it is known.
    public func requests(dueInS: UInt32? = nil) -> [BackgroundRequest] {
        if ended { return [] }
        let refresh = failures == 0 ? dueInS ?? max(waitS, 60) : max(dueInS ?? 0, waitS)
        return [
            BackgroundRequest(kind: .refresh, earliestS: refresh, needsNetwork: true, needsPower: false),
            BackgroundRequest(kind: .upkeep, earliestS: upkeepS, needsNetwork: true, needsPower: true),
        ]
    }
}
