// The push as UIKit hands it over. Compiled on Apple's phones only; PushEntry.swift decides.

#if canImport(UIKit) && !os(watchOS)
import BeatcheckCore
import Dispatch
import Foundation
import UIKit

/// For `application(_:didReceiveRemoteNotification:fetchCompletionHandler:)`:
///
/// ```swift
/// let result = await PushReceiver.receive(userInfo, device: device, keeper: keeper, network: .metered) { tasks.submit(dueInS: $0) }
/// completionHandler(result)
/// ```
public enum PushReceiver {
    /// Syncs, or plans it. iOS is to be told what comes back. `later` asks for a background task in so many seconds.
    @MainActor public static func receive(
        _ userInfo: [AnyHashable: Any],
        device: any FieldDevice,
        keeper: WakeKeeper,
        network: Network,
        later: @escaping @Sendable (UInt32) -> Void
    ) async -> UIBackgroundFetchResult {
        // Before the hop to another thread: what is in a push is not carried along.
        guard PushEntry.isOurs(userInfo) else { return .noData }
        return await withCheckedContinuation { out in
            DispatchQueue.global(qos: .utility).async {
                let result = PushEntry.ask(device: device, keeper: keeper, network: network, patience: 22, later: later)
                out.resume(returning: result.native)
            }
        }
    }
}

extension PushResult {
    fileprivate var native: UIBackgroundFetchResult {
        switch self {
        case .newData: .newData
        case .noData: .noData
        case .failed: .failed
        }
    }
}
#endif
