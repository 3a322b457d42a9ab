// What holds the sample together: one device, and the occasions on which it is used. The order in which things are put together
// here is what an app has to take over; what is decided is in BeatcheckApple, under test.

import Beatcheck
import BeatcheckApple
import Foundation
import SwiftUI
import UIKit

@MainActor
final class Patrol: ObservableObject {
    /// The bundle identifier: the two tasks in Info.plist begin with it.
    static let prefix = "org.example.beatcheck"
    /// The oldest systems that may hold records, one for each major line that still gets security updates. Keep it up to date.
    static let floor = SystemFloor([SystemVersion(17, 7), SystemVersion(18, 1)])

    let model: PatrolModel
    let slot = DeviceSlot()
    let link = Link()
    let tasks: BackgroundTasks

    private let files: HomeFiles
    private let vault: SecureEnclaveVault
    private let steps = SerialSteps()
    private var attached: Attached?
    private var watching: Task<Void, Never>?

    init() {
        // Application Support of the app itself; never an app group's container (HomeFiles says why).
        let base = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask)[0]
        files = HomeFiles(base: base, marks: FileManagerMarks())
        vault = SecureEnclaveVault.onThisDevice(prompt: { "Unlock Beatcheck" })
        model = PatrolModel(home: files.url, vault: vault)
        let slot = slot, link = link
        tasks = BackgroundTasks(prefix: Patrol.prefix, network: { link.network }, open: { slot.wait(10) })
        model.changed = { [weak self] in self?.objectWillChange.send() }
    }

    /// At each start of the process.
    func start() async {
        await open()
        Task { await minutes() }
        for await change in PathMonitor.changes() {
            switch change {
            case .reconnected(let network), .changed(let network): link.set(network)
            case .lost: link.set(nil)
            case .nothing: continue
            }
            contact()
        }
    }

    private func open() async {
        var refusal = Patrol.floor.refusal()
        if refusal == nil { refusal = await prepare() }
        await model.start(refusal: refusal)
        attach()
        if attached == nil { slot.settle(nil) }
    }

    /// The phone was unlocked, for the first time since it was started perhaps: iOS may have started the app before that, when no key of
    /// the vault can be used.
    func phoneUnlocked() async {
        if case .stopped = model.screen, attached == nil { await open() }
        attached?.managed.look()
    }

    /// The home, marked before the core writes anything; what is said if that fails.
    private func prepare() async -> String? {
        let files = files, vault = vault
        return await offMain {
            do {
                guard try files.prepare() == .nothing else { return nil }
                do {
                    // The keychain outlives an app that was deleted.
                    try vault.destroyLeftovers()
                } catch {
                    try? FileManager.default.removeItem(at: files.url)  // so that the next start tries again
                    throw error
                }
                return nil
            } catch {
                return "Files or keys of this phone cannot be used now. Unlock the phone and open Beatcheck again. If it stays so, tell support."
            }
        }
    }

    func enrol(code: String, pin: String) async {
        let found = ManagedConfiguration.step(in: .standard, protectedDataAvailable: true)
        guard case .apply(let json) = found, let settings = try? Beatcheck.managedSettings(json: json) else { return }
        await model.enrol(code: code, pin: pin, settings: settings, appVersion: Patrol.version)
        attach()
        contact()
    }

    /// Whether device management has said where the hub is.
    var isConfigured: Bool {
        guard case .apply(let json) = ManagedConfiguration.step(in: .standard, protectedDataAvailable: true) else { return false }
        return (try? Beatcheck.managedSettings(json: json))?.hubUrl != nil
    }

    func sync() async {
        if let outcome = await model.sync(over: link.network ?? .metered) { tasks.note(outcome) }
        attached?.managed.look()
    }

    static var version: String { Bundle.main.infoDictionary?["CFBundleShortVersionString"] as? String ?? "0" }

    // -- the device, from when it is there until it is gone

    private struct Attached {
        let life: ForegroundLife
        let observer: AppLifeObserver
        let managed: ManagedWatcher
        let following: [Task<Void, Never>]
    }

    private func attach() {
        guard attached == nil, let beatcheck = model.beatcheck else { return }
        let device = beatcheck.field
        let keeper = WakeKeeper(device: device)
        let life = ForegroundLife(device: device, keeper: keeper, grace: ApplicationGrace(), queue: steps) { readable in
            Task { @MainActor [weak self] in await self?.cameOrWent(readable) }
        }
        let observer = AppLifeObserver(life)
        // Started by iOS in the background: nobody needs the device yet, so it rests. In the foreground this changes nothing.
        steps.async { if keeper.begin("start") { keeper.end("start") } }
        let managed = ManagedWatcher(device: device, queue: steps, protectedDataAvailable: {
            DispatchQueue.main.sync { MainActor.assumeIsolated { UIApplication.shared.isProtectedDataAvailable } }
        })
        let events = beatcheck.events
        let following = [
            Task { [weak self] in
                await self?.model.follow()
                self?.detach()  // it was wiped
            },
            Task {
                for await event in events {
                    if case .lateHit = event, UIApplication.shared.applicationState == .background { await Notices.show(.lateHit) }
                }
            },
        ]
        attached = Attached(life: life, observer: observer, managed: managed, following: following)
        slot.settle(device, keeper)
        Task { try? await beatcheck.setAppVersion(Patrol.version) }
    }

    private func detach() {
        slot.settle(nil)
        watching?.cancel()
        attached = nil
    }

    private func cameOrWent(_ readable: Bool) async {
        contact()
        if UIApplication.shared.applicationState == .background { tasks.submit() }
        if readable { await model.start() } else { model.forget() }
    }

    // -- contact in the foreground

    /// Stays in contact while the app is in front and there is a way out; begun anew when the kind of the way out changes.
    private func contact() {
        watching?.cancel()
        watching = nil
        guard let network = link.network, let beatcheck = model.beatcheck, UIApplication.shared.applicationState != .background else { return }
        watching = Task {
            while !Task.isCancelled {
                try? await beatcheck.watch(network: network)
                // It ended by itself: paused, or another sync was running.
                try? await Task.sleep(nanoseconds: 15_000_000_000)
            }
        }
    }

    private func minutes() async {
        while !Task.isCancelled {
            try? await Task.sleep(nanoseconds: 60_000_000_000)
            if UIApplication.shared.applicationState == .active { await model.minute() }
        }
    }
}

/// The way out, as it was last seen. From any thread.
final class Link: @unchecked Sendable {
    private let lock = NSLock()
    private var seen: Network?
    var network: Network? { lock.withLock { seen } }
    func set(_ network: Network?) { lock.withLock { seen = network } }
}
