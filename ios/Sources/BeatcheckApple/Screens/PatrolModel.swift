// The app behind its screens: enrol, unlock, check, sync, and what is forgotten when. No user interface in here, so that it runs under test
// against a real hub; ios/Sample puts SwiftUI before it.

import Beatcheck
import BeatcheckCore
import Foundation

/// What one officer's phone shows. On the main actor; after each change `changed` is called.
@MainActor
public final class PatrolModel {
    public enum Screen: Sendable, Equatable {
        case starting, enrol, unlock, patrol
        /// Nothing can be done here: this system is too old, or the device cannot be opened now.
        case stopped(OfficerError)
    }

    public private(set) var screen = Screen.starting { didSet { changed() } }
    public var plate = PlateEntry() { didSet { changed() } }
    public var person = PersonEntry() { didSet { changed() } }
    /// Why the officer asks; one of `purposes`.
    public var purpose = "" { didSet { changed() } }
    public private(set) var purposes: [String] = [] { didSet { changed() } }
    public private(set) var answer: AnswerScreen? { didSet { changed() } }
    public private(set) var error: OfficerError? { didSet { changed() } }
    /// A check, an unlock or an enrolment is under way.
    public private(set) var busy = false { didSet { changed() } }
    public private(set) var progress = SyncProgress() { didSet { changed() } }
    public private(set) var held: SyncScreen? { didSet { changed() } }
    /// Finger or face may stand for the PIN.
    public private(set) var biometrics = false { didSet { changed() } }
    /// The biometric check is on the screen: see `CoverRule`.
    public private(set) var presencePending = false { didSet { changed() } }

    public var changed: @MainActor () -> Void = {}
    /// The device, once there is one: for background tasks, pushes, suspension.
    public private(set) var beatcheck: Beatcheck?

    private let home: URL
    private let vault: any KeyVault
    private let now: @Sendable () -> Date
    /// Answers come in the order of their questions: a late one of an earlier question is not shown.
    private var question = 0

    public init(home: URL, vault: any KeyVault, now: @escaping @Sendable () -> Date = { Date() }) {
        self.home = home
        self.vault = vault
        self.now = now
    }

    // -- beginning

    /// Opens the device, if there is one. `refusal` is what `SystemFloor` says.
    public func start(refusal: String? = nil) async {
        if let refusal {
            screen = .stopped(OfficerError(SystemTooOld(text: refusal)))
            return
        }
        guard beatcheck == nil else { return await refresh() }
        do {
            try await begin(Beatcheck.open(home: home, vault: vault))
        } catch {
            fail(error)
        }
    }

    /// Enrols with the code that the officer was given; `settings` are device management's.
    public func enrol(code: String, pin: String, settings: ManagedSettings, appVersion: String, idToken: String = "") async {
        let options = EnrolOptions(
            home: home.path, hub: settings.hubUrl ?? "", code: code, caPem: settings.hubCaPem ?? "", pin: pin.isEmpty ? nil : pin,
            appVersion: appVersion, asset: settings.asset ?? "", idToken: idToken)
        await busily {
            try await self.begin(Beatcheck.enrol(options, vault: self.vault))
            await self.sync(over: .unmetered)
        }
    }

    private func begin(_ device: Beatcheck) async throws {
        beatcheck = device
        await refresh()
    }

    /// Follows what happens until the device is closed: for a task of its own.
    public func follow() async {
        guard let events = beatcheck?.events else { return }
        for await event in events {
            progress.take(event)
            switch event {
            case .locked: forget()
            case .wiped: await ended()
            case .finished, .policyChanged, .unlocked: await refresh()
            default: break
            }
        }
    }

    // -- unlocking

    public func unlock(pin: String) async {
        await busily {
            try await self.beatcheck?.unlock(pin: pin)
            await self.refresh()
        }
    }

    public func unlockWithBiometrics() async {
        presencePending = true
        await busily {
            try await self.beatcheck?.unlockWithBiometrics()
            await self.refresh()
        }
        presencePending = false
    }

    /// The device was locked, or is about to be covered for long: nothing of anybody stays on the screen or in the forms.
    public func forget() {
        question += 1
        answer = nil
        plate.clear()
        person.clear()
        if beatcheck != nil, screen == .patrol { screen = .unlock }
    }

    // -- checking

    public func checkPlate() async {
        guard plate.canCheck else { return }
        let mark = plate.text
        await check { try await $0.check(vehicle: VehicleQuery(vrm: mark), why: $1) }
    }

    public func checkPerson() async {
        guard person.canCheck else { return }
        let query = person.query
        await check { try await $0.check(person: query, why: $1) }
    }

    /// What is linked with a candidate that is on the screen.
    public func checkLinked(_ card: SubjectCard) async {
        await check { try await $0.check(linkedWith: card.kind, record: card.id, why: $1) }
    }

    private func check(_ ask: @escaping (Beatcheck, Why) async throws -> Answer) async {
        guard let beatcheck else { return }
        question += 1
        let mine = question
        answer = nil  // an old answer must not be taken for the new one
        let why = Why(purpose: purpose)
        await busily {
            let new = try await ask(beatcheck, why)
            guard mine == self.question else { return }
            self.answer = AnswerScreen(new, now: self.now())
            if new.error?.code == "locked" { self.screen = .unlock }
        }
    }

    /// The officer is done with this answer.
    public func putAway() {
        question += 1
        answer = nil
        error = nil
        plate.clear()
        person.clear()
    }

    // -- syncing

    /// Syncs; what comes of it is in `progress`, `held` and `error`. Checks go on meanwhile.
    @discardableResult
    public func sync(over network: Network) async -> SyncOutcome? {
        guard let beatcheck else { return nil }
        do {
            let report = try await beatcheck.sync(over: network)
            if report.wiped { await ended() } else { await refresh() }
            return SyncOutcome(report)
        } catch {
            // A sync that fails is no matter for whoever is in the middle of a check: the line of sync says it.
            await refresh()
            return nil
        }
    }

    /// The officer has read what changed.
    public func sawLate() { progress.sawLate() }

    // -- helpers

    private func refresh() async {
        guard let beatcheck else { return }
        do {
            let status = try await beatcheck.status()
            held = SyncScreen(status, now: now())
            purposes = status.purposes
            if !purposes.contains(purpose) { purpose = purposes.first ?? "" }
            biometrics = status.unlock.biometric
            screen = status.unlock.unlocked ? .patrol : .unlock
        } catch {
            fail(error)
        }
    }

    private func ended() async {
        await beatcheck?.close()
        beatcheck = nil
        question += 1
        answer = nil
        (held, purposes, purpose) = (nil, [], "")
        plate.clear()
        person.clear()
        // What is left of its account goes to the hub; if it cannot now, the next start tries again.
        _ = try? await Beatcheck.sendLastWords(home: home, vault: vault)
        screen = .enrol
    }

    private func busily(_ work: @escaping @MainActor () async throws -> Void) async {
        busy = true
        error = nil
        do {
            try await work()
        } catch {
            fail(error)
        }
        busy = false
    }

    private func fail(_ error: any Error) {
        let shown = OfficerError(error)
        self.error = shown
        switch shown.step {
        case .enrol: screen = .enrol
        case .unlock: if beatcheck != nil { screen = .unlock } else { screen = .stopped(shown) }
        default: if beatcheck == nil, screen == .starting { screen = .stopped(shown) }
        }
    }
}

/// The system is too old: told like any other error.
struct SystemTooOld: Error {
    let text: String
}
