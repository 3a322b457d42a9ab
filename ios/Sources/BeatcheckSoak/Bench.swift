// The runner of Swift for `beatcheck bench bindings`: asks the questions of an enrolled device and writes what it took.
// The form of QUESTIONS and REPORT stands in docs/benches.md. What the times mean, and whether they are good, is said
// there and not here.
import Beatcheck
import BeatcheckCore
import Foundation

struct Bench {
    /// Questions of each kind that are asked before any is counted.
    private static let warm = 200
    /// A call alone is shorter than the clock can tell: so many make one measurement.
    private static let calls = 100, batches = 1000

    private enum Question {
        case vehicle(String)
        case person(PersonQuery)
    }

    private let home: URL, vault: URL, report: URL
    private let questions: [Question]

    init(_ words: [String]) throws {
        guard words.count == 4 else { throw Misuse("bench HOME VAULT QUESTIONS REPORT") }
        let paths = words.map { URL(fileURLWithPath: $0) }
        home = paths[0]
        vault = paths[1]
        report = paths[3]
        questions = try String(contentsOf: paths[2], encoding: .utf8).split(separator: "\n").map(Self.question)
        guard !questions.isEmpty else { throw Misuse("no questions in \(words[2])") }
    }

    private static func question(_ line: Substring) throws -> Question {
        let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        func cell(_ n: Int) -> String? { cells[n].isEmpty ? nil : cells[n] }
        switch (cells[0], cells.count) {
        case ("v", 2): return .vehicle(cells[1])
        case ("p", 4): return .person(PersonQuery(surname: cell(1), given: cell(2), dob: cell(3)))
        default: throw Misuse("not a question: a line of \(cells.count) cells")
        }
    }

    func run() async throws -> Bool {
        var lines = try overhead()
        let beatcheck = try await Beatcheck.open(home: home, vault: try Beatcheck.deskVault(at: vault))
        lines += try await whole(beatcheck)
        await beatcheck.close()
        var text = Data()
        for line in lines { text += try JSONSerialization.data(withJSONObject: line, options: [.sortedKeys]) + Data("\n".utf8) }
        try text.write(to: report)
        return true
    }

    /// What the generated binding adds to a call, by calls that do nothing.
    private func overhead() throws -> [[String: Any]] {
        let device = try Device.open(home: home.path, vault: try Beatcheck.deskVault(at: vault), pin: nil)
        defer { device.shutDown() }
        return [
            measured("version()") { _ = BeatcheckCore.version() },
            measured("lifecycle()") { _ = device.lifecycle() },
        ]
    }

    private func measured(_ metric: String, _ call: () -> Void) -> [String: Any] {
        let clock = ContinuousClock()
        let means = (0..<Self.batches).map { _ in
            nanoseconds(clock.measure { for _ in 0..<Self.calls { call() } }) / Double(Self.calls)
        }
        let ns = [means.quantile(0.5) ?? 0, means.quantile(0.99) ?? 0]
        return ["case": "call", "metric": metric, "n": Self.calls * Self.batches, "ns": ns]
    }

    /// Whole checks by the facade, as an app asks them: from the call to the answer in hand, its queues included.
    private func whole(_ beatcheck: Beatcheck) async throws -> [[String: Any]] {
        var warmed = (vehicles: 0, persons: 0)
        for question in questions {
            switch question {
            case .vehicle: warmed.vehicles += 1; if warmed.vehicles > Self.warm { continue }
            case .person: warmed.persons += 1; if warmed.persons > Self.warm { continue }
            }
            _ = try await ask(beatcheck, question)
        }
        let clock = ContinuousClock()
        var vehicle: [Double] = [], person: [Double] = [], answers: [String] = []
        for question in questions {
            let began = clock.now
            let answer = try await ask(beatcheck, question)
            let us = nanoseconds(clock.now - began) / 1000
            switch question {
            case .vehicle: vehicle.append(us)
            case .person: person.append(us)
            }
            answers.append("\(name(answer.outcome)):\(answer.hits.count)")
        }
        return [["case": "vehicle", "us": vehicle], ["case": "person", "us": person], ["case": "answers", "all": answers]]
    }

    private func ask(_ beatcheck: Beatcheck, _ question: Question) async throws -> Answer {
        switch question {
        case .vehicle(let mark): try await beatcheck.check(plate: mark, purpose: "traffic_stop")
        case .person(let query): try await beatcheck.check(person: query, why: Why(purpose: "stop_search"))
        }
    }

    /// As Rust calls it: all languages must have been told the same.
    private func name(_ outcome: Outcome) -> String {
        switch outcome {
        case .hit: "Hit"
        case .possible: "Possible"
        case .noTrace: "NoTrace"
        case .cannotSay: "CannotSay"
        }
    }

    private func nanoseconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) * 1e9 + Double(duration.components.attoseconds) / 1e9
    }
}
