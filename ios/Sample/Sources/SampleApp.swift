// The sample's beginning: the window, and what iOS calls the app for. NOT BUILT by this project's own checks (see ../README.md): there is
// neither Xcode nor a phone behind it.

import Beatcheck
import BeatcheckApple
import SwiftUI
import UIKit

@main
struct SampleApp: App {
    @UIApplicationDelegateAdaptor(AppDelegate.self) private var delegate

    var body: some Scene {
        WindowGroup {
            RootView(patrol: delegate.patrol)
        }
    }
}

/// What UIKit hands to an app and SwiftUI does not.
@MainActor
final class AppDelegate: NSObject, UIApplicationDelegate {
    let patrol = Patrol()

    func application(_ application: UIApplication, didFinishLaunchingWithOptions launchOptions: [UIApplication.LaunchOptionsKey: Any]?) -> Bool {
        // Before this returns, or iOS refuses it. The device is opened at once: iOS may have started the app for a task alone.
        patrol.tasks.register()
        application.registerForRemoteNotifications()
        Task { await patrol.start() }
        return true
    }

    func applicationProtectedDataDidBecomeAvailable(_ application: UIApplication) {
        Task { await patrol.phoneUnlocked() }
    }

    func application(_ application: UIApplication, didReceiveRemoteNotification userInfo: [AnyHashable: Any]) async -> UIBackgroundFetchResult {
        guard PushEntry.isOurs(userInfo) else { return .noData }
        let slot = patrol.slot, tasks = patrol.tasks, network = patrol.link.network ?? .metered
        // It may have to be opened first: not waited for on the main thread, which does that.
        guard let (device, keeper) = await offMain({ slot.wait(5) }) else { return .failed }
        return await PushReceiver.receive(userInfo, device: device, keeper: keeper, network: network) { tasks.submit(dueInS: $0) }
    }

    func application(
        _ application: UIApplication, shouldAllowExtensionPointIdentifier extensionPointIdentifier: UIApplication.ExtensionPointIdentifier
    ) -> Bool {
        allowsExtension(extensionPointIdentifier)  // no keyboards of others: they see what is typed
    }
}

/// Blocking work on a thread of its own.
func offMain<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { out in
        DispatchQueue.global(qos: .userInitiated).async { out.resume(returning: work()) }
    }
}
