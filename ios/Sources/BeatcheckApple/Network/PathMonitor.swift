// NWPathMonitor as a stream of changes. Compiled on Apple's systems only; LinkRule.swift decides.

#if canImport(Network)
import Foundation
import Network

/// Watches the phone's way out.
///
/// ```swift
/// for await change in PathMonitor.changes() { if case .reconnected(let network) = change { … } }
/// ```
public enum PathMonitor {
    /// Changes from now on, the present state first. It ends, and the monitor with it, when nobody listens any more. `roaming` is asked at
    /// each sample, for apps that know (see LinkRule.swift).
    public static func changes(roaming: @escaping @Sendable () -> Bool = { false }) -> AsyncStream<LinkChange> {
        AsyncStream(bufferingPolicy: .bufferingNewest(16)) { out in
            let watch = Watch()
            watch.monitor.pathUpdateHandler = { path in
                let sample = LinkSample(
                    usable: path.status == .satisfied, expensive: path.isExpensive, constrained: path.isConstrained)
                let change = watch.take(sample, roaming())
                if change != .nothing { out.yield(change) }
            }
            out.onTermination = { _ in watch.monitor.cancel() }
            watch.monitor.start(queue: DispatchQueue(label: "org.beatcheck.path"))
        }
    }

    private final class Watch: @unchecked Sendable {
        let monitor = NWPathMonitor()
        private let lock = NSLock()
        /// Guarded by `lock`.
        private var tracker = LinkTracker()

        func take(_ sample: LinkSample, _ roaming: Bool) -> LinkChange {
            lock.withLock { tracker.take(sample, roaming: roaming) }
        }
    }
}
#endif
