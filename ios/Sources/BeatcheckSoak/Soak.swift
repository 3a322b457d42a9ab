// Many checks and many syncs in one process, against a real hub: memory, threads and files must stay what they are, and
// in the end everything must be let go of.
import Beatcheck
import Foundation
import HubProcess

/// Counts those that are alive: the core holds each by a handle, and lets go of it with its device. Nobody else here
/// holds one, so none alive means that the core has released every handle, and so its own device behind it.
final class CountedVault: KeyVault, @unchecked Sendable {
    private static let lock = NSLock()
    nonisolated(unsafe) private static var counts = (made: 0, alive: 0)
    static var made: Int { lock.withLock { counts.made } }
    static var alive: Int { lock.withLock { counts.alive } }

    private let inner: any KeyVault
    init(_ inner: any KeyVault) {
        self.inner = inner
        Self.lock.withLock { Self.counts.made += 1; Self.counts.alive += 1 }
    }

    deinit { Self.lock.withLock { Self.counts.alive -= 1 } }

    func kind() -> String { inner.kind() }
    func create(label: String, keyUse: KeyUse) throws -> Data { try inner.create(label: label, keyUse: keyUse) }
    func publicKey(label: String) throws -> Data { try inner.publicKey(label: label) }
    func sign(label: String, message: Data) throws -> Data { try inner.sign(label: label, message: message) }
    func wrap(label: String, plain: Data) throws -> Data { try inner.wrap(label: label, plain: plain) }
    func unwrap(label: String, wrapped: Data) throws -> Data { try inner.unwrap(label: label, wrapped: wrapped) }
    func mix(label: String, input: Data) throws -> Data { try inner.mix(label: label, input: input) }
    func counter(label: String) throws -> UInt64 { try inner.counter(label: label) }
    func attest(label: String, nonce: Data) throws -> Data { try inner.attest(label: label, nonce: nonce) }
    func destroy(label: String) throws { try inner.destroy(label: label) }
}

struct Soak {
    let checks: Int, syncs: Int, rounds: Int, tasks: Int, reopenings: Int
    /// How much more may be resident at the end than after the warm-up.
    let boundKiB: Int
    /// Lost on purpose at each round, and one device with it, so that the bounds are seen to find it.
    let leakMiB: Int

    init(_ options: Options) throws {
        checks = try options.number("checks", 100_000)
        syncs = try options.number("syncs", 200)
        rounds = try options.number("rounds", 20)
        tasks = try options.number("tasks", 8)
        reopenings = try options.number("reopenings", 20)
        boundKiB = try options.number("bound-mib", 16) * 1024
        leakMiB = try options.number("leak-mib", 0)
        guard rounds >= 8 else { throw Misuse("--rounds: at least 8, or the beginning and the end cannot be compared") }
    }

    /// True if everything stayed within its bound.
    func run() async throws -> Bool {
        let hub = try HubProcess(persons: true)
        defer { hub.end() }
        weak var device: Beatcheck?
        var figures: [Footprint] = [], checked = 0, synced = 0
        var lost: [[UInt8]] = [], kept: Beatcheck?
        defer { withExtendedLifetime((lost, kept)) {} }
        let plate = try hub.stolenPlate()
        // A whole life first: what the process opens once and keeps (its runtime) is no device's.
        do {
            let first = try await Beatcheck.enrol(hub.options("soak"), vault: CountedVault(hub.vault("soak")))
            try await first.sync()
            try await check(first, plate, 0)
            await first.close()
        }
        guard await eventually("the first device is released", { CountedVault.alive == 0 }) else { return false }
        let before = Footprint.open()
        do {
            let beatcheck = try await Beatcheck.open(home: hub.home("soak"), vault: CountedVault(hub.vault("soak")))
            device = beatcheck
            let reader = Task { var seen = 0; for await _ in beatcheck.events { seen += 1 }; return seen }
            say("round   checks  syncs   resident MiB  threads  files")
            for round in 1...rounds {
                if round % 4 == 0 {
                    // Something to apply, now and then: one list and the other in turn.
                    try hub.ingest("nz-police-stolen-vehicles.toml", round % 8 == 0 ? "hot-list-a.csv" : "hot-list-b.csv")
                    try hub.run("publish")
                }
                let done = try await self.round(round, beatcheck, plate)
                checked += done.checks
                synced += done.syncs
                if leakMiB > 0 { lost.append([UInt8](repeating: 1, count: leakMiB << 20)) }
                let now = try Footprint.now()
                figures.append(now)
                say(column(round, 5), column(checked, 8), column(synced, 6),
                    column(Double(now.residentKiB) / 1024, 1, 14), column(now.threads, 8), column(now.files, 6))
            }
            await beatcheck.close()
            say("events read: \(await reader.value)")
        }
        var fine = bounded("resident memory, KiB", figures.map(\.residentKiB), by: boundKiB)
        fine = bounded("threads", figures.map(\.threads), by: 8) && fine
        fine = bounded("open files", figures.map(\.files), by: 8) && fine
        fine = try await reopened(hub, plate) && fine
        if leakMiB > 0 { kept = try await Beatcheck.open(home: hub.home("soak"), vault: CountedVault(hub.vault("soak"))) }
        fine = await eventually("the device of the soak is released") { device == nil } && fine
        fine = await eventually("all \(CountedVault.made) vaults are released") { CountedVault.alive == 0 } && fine
        var more: [String] { Footprint.open().filter { $0.value > before[$0.key] ?? 0 }.map(\.key) }
        fine = await eventually("no file, socket or pipe is open that was not after the first device") { more.isEmpty } && fine
        for name in more { say("       open: \(name)") }
        say("soak: \(checked) checks, \(synced) syncs, \(reopenings) openings: \(fine ? "within all bounds" : "FAILED")")
        return fine
    }

    /// One round's share of checks by several tasks, while its share of syncs runs; what was done.
    private func round(_ n: Int, _ beatcheck: Beatcheck, _ plate: String) async throws -> (checks: Int, syncs: Int) {
        func share(_ all: Int, _ n: Int, of parts: Int) -> Int { all * n / parts - all * (n - 1) / parts }
        let syncing = Task {
            let mine = share(syncs, n, of: rounds)
            for _ in 0..<mine {
                let report = try await beatcheck.sync()
                guard report.complete else {
                    throw HubTrouble("a sync was not complete: \(report.fault?.code ?? "no fault")")
                }
            }
            return mine
        }
        let checked = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 1...tasks {
                let mine = share(share(checks, n, of: rounds), task, of: tasks)
                group.addTask {
                    for n in 0..<mine { try await check(beatcheck, plate, n) }
                    return mine
                }
            }
            return try await group.reduce(0, +)
        }
        return (checked, try await syncing.value)
    }

    private func check(_ beatcheck: Beatcheck, _ plate: String, _ n: Int) async throws {
        let answer: Answer
        let wanted: Outcome
        switch n % 4 {
        case 0:
            answer = try await beatcheck.check(plate: plate, purpose: "traffic_stop")
            wanted = .hit
        case 1:
            let person = PersonQuery(surname: "Genner-White", dob: "1988-05-24")
            answer = try await beatcheck.check(person: person, why: Why(purpose: "stop_search"))
            wanted = .possible
        default:
            answer = try await beatcheck.check(plate: "ZZ99ZZZ", purpose: "traffic_stop")
            wanted = .noTrace
        }
        guard answer.outcome == wanted else {
            throw HubTrouble("\(answer.outcome) and not \(wanted), \(answer.error?.code ?? "without an error")")
        }
    }

    /// The device is opened, used and let go of many times: what stays of each would show.
    private func reopened(_ hub: HubProcess, _ plate: String) async throws -> Bool {
        var figures: [Footprint] = []
        for n in 0..<reopenings {
            let beatcheck = try await Beatcheck.open(home: hub.home("soak"), vault: CountedVault(hub.vault("soak")))
            try await check(beatcheck, plate, 0)
            // Every other one is closed; the rest is only let go of.
            if n % 2 == 0 { await beatcheck.close() }
            let reader = beatcheck.events
            figures.append(try Footprint.now())
            if n % 2 == 0 { for await _ in reader {} }
        }
        return bounded("resident memory over \(reopenings) openings, KiB", figures.map(\.residentKiB), by: boundKiB)
            && bounded("threads over \(reopenings) openings", figures.map(\.threads), by: 8)
            && bounded("open files over \(reopenings) openings", figures.map(\.files), by: 8)
    }

    /// Compares the middle of the last quarter with that of the second one: the first is the warm-up.
    private func bounded(_ what: String, _ values: [Int], by bound: Int) -> Bool {
        let quarter = values.count / 4
        let early = Array(values[quarter..<2 * quarter]).quantile(0.5) ?? 0
        let late = Array(values.suffix(quarter)).quantile(0.5) ?? 0
        let fine = late - early <= bound
        say("\(fine ? "ok    " : "FAILED") \(what): \(early) -> \(late), at most \(bound) more")
        return fine
    }

    /// What is let go of is released a moment later; half a minute is an end and no measurement.
    private func eventually(_ what: String, _ so: () -> Bool) async -> Bool {
        for _ in 0..<3000 where !so() { try? await Task.sleep(nanoseconds: 10_000_000) }
        let fine = so()
        say("\(fine ? "ok    " : "FAILED") \(what)")
        return fine
    }
}
