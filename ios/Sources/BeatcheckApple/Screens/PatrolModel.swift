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
        /// Policy wants a PIN, or a longer one.
        case choosePin
        /// Policy wants a shift, and none is on: records are ciphertext until one is.
        case startShift
        /// Nothing can be done here: this system is too old, or the device cannot be opened now.
        case stopped(OfficerError)
    }

    public private(set) var screen = Screen.starting { didSet { changed() } }
    public var plate = PlateEntry() { didSet { changed() } }
    public var person = PersonEntry() { didSet { changed() } }
    /// Why the officer asks; one of `purposes`.
    public var purpose = "" { didSet { changed() } }
    public private(set) var purposes: [String] = [] { didSet { changed() } }
    public private(set) var answer: AnswerScreen? {
        didSet {
            if answer == nil { given = nil }
            changed()
        }
    }
    public private(set) var error: OfficerError? { didSet { changed() } }
    /// A check, an unlock or an enrolment is under way.
    public private(set) var busy = false { didSet { changed() } }
    public private(set) var progress = SyncProgress() { didSet { changed() } }
    public private(set) var held: SyncScreen? { didSet { changed() } }
    /// Finger or face may stand for the PIN.
    public private(set) var biometrics = false { didSet { changed() } }
    /// Whether there is a PIN that finger or face could stand for, and policy allows that.
    public private(set) var biometricsOffered = false { didSet { changed() } }
    /// A PIN is set: another one needs it.
    public private(set) var hasPin = false { didSet { changed() } }
    /// A shift is on, and can be ended.
    public private(set) var onShift = false { didSet { changed() } }
    /// The biometric check is on the screen: see `CoverRule`.
    public private(set) var presencePending = false { didSet { changed() } }

    public var changed: @MainActor () -> Void = {}
    /// The device, once there is one: for background tasks, pushes, suspension.
    public private(set) var beatcheck: Beatcheck?

    private let home: URL
    private let vault: any KeyVault
    private let now: @Sendable () -> Date
    /// What `answer` shows, to be told anew as it gets older.
    private var given: Answer?
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
        if beatcheck != nil, [.patrol, .choosePin, .startShift].contains(screen) { screen = .unlock }
    }

    /// Sets a PIN, or another one; `old` where one is set (`hasPin`).
    public func choosePin(old: String? = nil, new: String) async {
        await busily {
            try await self.beatcheck?.setPin(old: old, new: new)
            await self.refresh()
        }
    }

    /// Lets finger or face stand for the PIN, or no longer.
    public func setBiometrics(_ on: Bool) async {
        await busily {
            try await self.beatcheck?.setBiometrics(on)
            await self.refresh()
        }
    }

    /// Starts a shift at the hub. `idToken`: of the force's identity provider, where policy wants a login (docs/identity.md); getting one is
    /// the app's, with `loginNonce()`.
    public func startShift(idToken: String? = nil) async {
        await busily {
            _ = try await self.beatcheck?.startShift(idToken: idToken)
            await self.refresh()
        }
    }

    /// Ends the shift; nothing stays on the screen.
    public func endShift() async {
        await busily {
            try await self.beatcheck?.endShift()
            self.putAway()
            await self.refresh()
        }
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
            self.given = new
            if new.error?.code == "locked" { self.screen = .unlock }
        }
    }

    /// A minute has passed: ages on the screen are told anew, and the device locks itself if it is time to. For a timer.
    public func minute() async {
        if let given { answer = AnswerScreen(given, now: now()); self.given = given }
        guard let beatcheck else { return }
        _ = try? await beatcheck.tick()
        await refresh()
        if screen == .unlock { forget() }
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
            biometricsOffered = status.unlock.pinSet && status.unlock.biometricAllowed
            hasPin = status.unlock.pinSet
            onShift = status.unlock.shift != nil
            screen = Self.screen(barred: status.unlock.barred)
        } catch BeatcheckError.suspended {
            // The app is in the background, or about to be: it is looked at again when it comes back.
        } catch {
            fail(error)
        }
    }

    /// By why nothing can be answered. `unlocked` would not do: where policy wants a shift, it is false for who has given the right PIN.
    static func screen(barred: String?) -> Screen {
        switch barred {
        case "locked": .unlock
        case "pin_needed": .choosePin
        case "shift_needed": .startShift
        default: .patrol  // what else bars it, a check says in words
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
            // Locked, or a PIN that will not do: which screen that means, the status says.
            if self.error?.step == .unlock { await refresh() }
        }
        busy = false
    }

    private func fail(_ error: any Error) {
        let shown = OfficerError(error)
        self.error = shown
        switch shown.step {
        case .enrol: screen = .enrol
        case .unlock: if beatcheck == nil { screen = .stopped(shown) }
        default: if beatcheck == nil, screen == .starting { screen = .stopped(shown) }
        }
    }
}

/// The system is too old: told like any other error.
struct SystemTooOld: Error {
    let text: String
}
