// What the binding and the facade add to a call, on a device that somebody else has enrolled and filled. One line of
// JSON, times in nanoseconds; whoever runs it for several languages compares them.
import Beatcheck
import BeatcheckCore
import Foundation

struct Bench {
    let home: URL, vault: URL
    let plates: [String], surnames: [String]
    let calls: Int, checks: Int

    init(_ options: Options) throws {
        guard let home = options.text("home"), let vault = options.text("vault"), let list = options.text("plates")
        else {
            throw Misuse("bench --home DIR --vault DIR --plates FILE [--surnames FILE] [--calls N] [--checks N]")
        }
        func lines(_ path: String) throws -> [String] {
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        }
        self.home = URL(fileURLWithPath: home)
        self.vault = URL(fileURLWithPath: vault)
        plates = try lines(list)
        surnames = try options.text("surnames").map(lines) ?? []
        calls = try options.number("calls", 100_000)
        checks = try options.number("checks", 2_000)
        guard !plates.isEmpty else { throw Misuse("no plates in \(list)") }
    }

    func run() async throws -> Bool {
        var figures: [String: Any] = ["language": "swift", "version": Beatcheck.libraryVersion]
        let device = try Device.open(home: home.path, vault: try Beatcheck.deskVault(at: vault), pin: nil)
        let clock = ContinuousClock()
        let whole = clock.measure { for _ in 0..<calls { _ = device.lifecycle() } }
        figures["call_ns"] = nanoseconds(whole) / calls
        figures["vehicle"] = try measured(plates) {
            try device.checkVehicle(query: VehicleQuery(vrm: $0), why: Why(purpose: "traffic_stop"))
        }
        if !surnames.isEmpty {
            figures["person"] = try measured(surnames) {
                try device.checkPerson(query: PersonQuery(surname: $0), why: Why(purpose: "stop_search"))
            }
        }
        device.shutDown()

        let beatcheck = try await Beatcheck.open(home: home, vault: try Beatcheck.deskVault(at: vault))
        var times: [Int] = []
        for n in 0..<checks {
            let began = clock.now
            _ = try await beatcheck.check(plate: plates[n % plates.count], purpose: "traffic_stop")
            times.append(nanoseconds(clock.now - began))
        }
        figures["facade_vehicle"] = summary(times)
        await beatcheck.close()
        print(String(decoding: try JSONSerialization.data(withJSONObject: figures, options: [.sortedKeys]), as: UTF8.self))
        return true
    }

    private func measured(_ questions: [String], _ ask: (String) throws -> Answer) throws -> [String: Int] {
        let clock = ContinuousClock()
        var times: [Int] = [], core: [Int] = []
        for n in 0..<checks {
            let began = clock.now
            let answer = try ask(questions[n % questions.count])
            times.append(nanoseconds(clock.now - began))
            core.append(Int(answer.tookUs) * 1000)
        }
        return summary(times).merging(["core_p50_ns": core.quantile(0.5) ?? 0]) { old, _ in old }
    }

    private func summary(_ times: [Int]) -> [String: Int] {
        ["n": times.count, "p50_ns": times.quantile(0.5) ?? 0, "p99_ns": times.quantile(0.99) ?? 0]
    }

    private func nanoseconds(_ duration: Duration) -> Int {
        Int(duration.components.seconds) * 1_000_000_000 + Int(duration.components.attoseconds / 1_000_000_000)
    }
}
