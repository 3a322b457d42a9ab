// A push: "ask the hub", and nothing else. It carries nothing, and what it carries all the same is not looked at: pushes pass through Apple,
// and whoever can send one must not be able to say more than "ask".
//
// The hub's side sends {"aps": {"content-available": 1}} with push type `background` and priority 5. iOS delivers a few an hour at
// most, drops them in Low Power Mode, and delivers none to an app that was swiped away: a push makes contact sooner, and nothing depends on it.

import BeatcheckCore
import Dispatch
import Foundation

/// What a push is answered with.
public enum PushStep: Sendable, Equatable {
    /// Sync within the seconds that iOS grants for a push.
    case syncNow
    /// The core spreads the devices over some time, or the hub wants peace: ask iOS for a task then.
    case later(seconds: UInt32)
}

/// As iOS wants to hear it (`UIBackgroundFetchResult`).
public enum PushResult: Sendable, Equatable {
    case newData, noData, failed
}

public enum PushEntry {
    /// iOS grants about 30 s. A wait that leaves less than half of it for the sync is not waited for.
    public static let longestWaitS: UInt32 = 10

    /// Whether this is one of ours. Only `aps` is looked at.
    public static func isOurs(_ userInfo: [AnyHashable: Any]) -> Bool {
        let flag = (userInfo["aps"] as? [String: Any])?["content-available"]
        return (flag as? Int) == 1 || (flag as? NSNumber)?.intValue == 1
    }

    /// What to do with a push of ours, by the seconds that the core asks for.
    public static func step(waitS: UInt32) -> PushStep {
        waitS <= longestWaitS ? .syncNow : .later(seconds: waitS)
    }

    /// What iOS is told. It plans by this how often the app is woken.
    public static func result(_ outcome: SyncOutcome?) -> PushResult {
        guard let outcome, !outcome.failed else { return .failed }
        return outcome.complete ? .newData : .noData
    }

    /// Does it all, and blocks: for a thread of its own. The device may be paused; it is resumed for this, and is paused again, its files at
    /// rest, when this returns, so iOS may be told then. The sync is broken off after `patience` seconds.
    ///
    /// `later` is called instead of a sync where the core wants it later.
    public static func handle(
        _ userInfo: [AnyHashable: Any],
        device: any FieldDevice,
        keeper: WakeKeeper,
        network: Network,
        patience: TimeInterval = 22,
        later: (_ seconds: UInt32) -> Void
    ) -> PushResult {
        isOurs(userInfo) ? ask(device: device, keeper: keeper, network: network, patience: patience, later: later) : .noData
    }

    /// The same without the push, of which nothing is needed any more.
    static func ask(
        device: any FieldDevice, keeper: WakeKeeper, network: Network, patience: TimeInterval, later: (_ seconds: UInt32) -> Void
    ) -> PushResult {
        guard keeper.begin("push") else { return .failed }
        defer { keeper.end("push") }
        // There is nothing in it: no bytes are handed on.
        guard let waitS = try? device.handlePush(payload: Data()) else { return .failed }
        if case .later(let seconds) = step(waitS: waitS) {
            later(seconds)
            return .noData
        }
        let run = BackgroundRun(device: device, keeper: keeper, name: "push sync") { _ in }
        let clock = DispatchSource.makeTimerSource()
        clock.schedule(deadline: .now() + patience)
        clock.setEventHandler { run.expire() }
        clock.resume()
        defer { clock.cancel() }
        return result(run.run(.sync(network)))
    }
}
