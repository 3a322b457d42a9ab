// A real hub for tests and for the soak: the `beatcheck` command as a process of its own, over TLS on loopback, with
// its data in a temporary folder. Not for apps. All records are synthetic (fixtures/README.md).
import Beatcheck
import Foundation

/// Something that the hub's command said, or that a test cannot go on without.
public struct HubTrouble: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// A hub, its data, and folders for devices beside it. `end()` stops it and removes all of it.
public final class HubProcess: @unchecked Sendable {
    public let root: URL
    public let data: URL
    public private(set) var address = ""
    private let command: URL
    private let fixtures: URL
    private var server: Process?

    /// Makes a hub, takes in stolen vehicles (and persons), publishes and serves.
    public init(persons: Bool = false) throws {
        func given(_ name: String) throws -> URL {
            guard let value = ProcessInfo.processInfo.environment[name] else {
                throw HubTrouble("\(name) is not set: use script/test-swift")
            }
            return URL(fileURLWithPath: value)
        }
        command = try given("BEATCHECK_COMMAND")
        fixtures = try given("BEATCHECK_FIXTURES")
        root = FileManager.default.temporaryDirectory.appendingPathComponent("beatcheck-\(UUID().uuidString)")
        data = root.appendingPathComponent("hub")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        try run("init")
        try ingest("nz-police-stolen-vehicles.toml", "hot-list-a.csv")
        if persons { try ingest("synthetic-persons.toml", "persons.csv") }
        try run("publish")
        try serve()
    }

    deinit { end() }

    public func end() {
        stop()
        try? FileManager.default.removeItem(at: root)
    }

    /// Serves; on the port that it had, if it had one.
    public func serve() throws {
        let process = Process(), out = Pipe()
        process.executableURL = command
        let listen = address.isEmpty ? "127.0.0.1:0" : "127.0.0.1:\(address.split(separator: ":").last ?? "0")"
        process.arguments = ["hub", "serve", "--data", data.path, "--listen", listen, "--json"]
        process.standardOutput = out
        process.standardError = FileHandle.nullDevice
        try process.run()
        server = process
        var line = Data()
        while let byte = try out.fileHandleForReading.read(upToCount: 1), let first = byte.first, first != 10 { line += byte }
        guard let said = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
            let at = said["listening"] as? String
        else {
            throw HubTrouble("the hub does not say where it listens: \(String(decoding: line, as: UTF8.self))")
        }
        address = at
    }

    /// Kills it, as a power cut would: devices are offline.
    public func stop() {
        guard let process = server else { return }
        server = nil
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Runs `beatcheck hub ... --json` and returns what it printed.
    @discardableResult
    public func run(_ arguments: String...) throws -> [String: Any] {
        try run(arguments)
    }

    @discardableResult
    public func run(_ arguments: [String]) throws -> [String: Any] {
        let process = Process(), out = Pipe(), err = Pipe()
        process.executableURL = command
        process.arguments = ["hub"] + arguments + ["--data", data.path, "--json"]
        process.standardOutput = out
        process.standardError = err
        try process.run()
        let printed = out.fileHandleForReading.readDataToEndOfFile()
        let complaint = err.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let said = String(decoding: complaint + printed, as: UTF8.self)
            throw HubTrouble("beatcheck hub \(arguments.joined(separator: " ")): \(said)")
        }
        return (try? JSONSerialization.jsonObject(with: printed) as? [String: Any]) ?? [:]
    }

    public func ingest(_ mapping: String, _ extract: String) throws {
        let mappings = fixtures.appendingPathComponent("mappings/\(mapping)").path
        try run("ingest", "--mapping", mappings, "--as-of", "now", "--force", fixtures.appendingPathComponent("small/\(extract)").path)
    }

    /// Takes in an extract of one's own, and publishes.
    public func publish(mapping: String, rows: String) throws {
        let file = root.appendingPathComponent("extract-\(UUID().uuidString).csv")
        try rows.write(to: file, atomically: true, encoding: .utf8)
        let how = fixtures.appendingPathComponent("mappings/\(mapping)").path
        try run("ingest", "--mapping", how, "--as-of", "now", "--force", file.path)
        try run("publish")
    }

    /// Lines of a fixture, without its head.
    public func rows(_ extract: String) throws -> [[String]] {
        let text = try String(contentsOf: fixtures.appendingPathComponent("small/\(extract)"), encoding: .utf8)
        return text.split(whereSeparator: \.isNewline).dropFirst().map { $0.components(separatedBy: ",") }
    }

    /// A mark that the published list of stolen vehicles has.
    public func stolenPlate() throws -> String {
        let plain = try rows("hot-list-a.csv").map { $0[0] }.first { mark in
            mark.count >= 5 && mark.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
        }
        guard let plain else { throw HubTrouble("no plain mark in the fixture") }
        return plain
    }

    public func home(_ name: String) -> URL { root.appendingPathComponent(name) }

    /// What a device needs to enrol, with a fresh code.
    public func options(_ name: String, pin: String? = nil) throws -> EnrolOptions {
        guard let code = try run("enrol", "--officer", "officer-\(name)", "--role", "patrol")["code"] as? String else {
            throw HubTrouble("no code")
        }
        let ca = try String(contentsOf: data.appendingPathComponent("ca.pem"), encoding: .utf8)
        return EnrolOptions(home: home(name).path, hub: address, code: code, caPem: ca, pin: pin, appVersion: "1.0")
    }

    /// A vault in files beside the device's home.
    public func vault(_ name: String) throws -> any KeyVault {
        try Beatcheck.deskVault(at: root.appendingPathComponent("\(name)-vault"))
    }

    public func enrol(_ name: String, pin: String? = nil) async throws -> Beatcheck {
        try await Beatcheck.enrol(options(name, pin: pin), vault: vault(name))
    }
}
