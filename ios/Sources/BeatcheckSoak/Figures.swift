// What the system says of this process, and quantiles. Linux only: it reads /proc.
import Foundation

struct Footprint {
    let residentKiB: Int
    let threads: Int
    let files: Int

    static func now() throws -> Footprint {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        func value(_ name: String) -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            return line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? -1
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        return Footprint(residentKiB: value("VmRSS"), threads: value("Threads"), files: files)
    }

    /// Which files are open, by name, pipes and sockets by kind, and how many of each. Without what has no name
    /// (`anon_inode`): each thread of Swift's pool that has started a command of the hub has a run loop since, and three
    /// of those. They are in `files`.
    static func open() -> [String: Int] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        let names = all.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)") }
        let kinds = names.map { $0.split(separator: ":").first.map(String.init) ?? $0 }
        return Dictionary(kinds.filter { $0 != "anon_inode" }.map { ($0, 1) }, uniquingKeysWith: +)
    }
}

extension Array where Element: Comparable {
    /// The value below which so much of it lies (0 to 1).
    func quantile(_ share: Double) -> Element? {
        guard !isEmpty else { return nil }
        return sorted()[Swift.min(count - 1, Int(Double(count) * share))]
    }
}

/// A number with so many places, padded on the left.
func column(_ value: Double, _ places: Int, _ width: Int) -> String {
    let text = String(format: "%.\(places)f", value)
    return String(repeating: " ", count: max(0, width - text.count)) + text
}

func column(_ value: Int, _ width: Int) -> String { column(Double(value), 0, width) }

/// `--name value` of the command line.
struct Options {
    private let words: [String]
    init(_ words: [String]) { self.words = words }

    func text(_ name: String) -> String? {
        guard let at = words.firstIndex(of: "--\(name)"), at + 1 < words.count else { return nil }
        return words[at + 1]
    }

    func number(_ name: String, _ otherwise: Int) throws -> Int {
        guard let text = text(name) else { return otherwise }
        guard let number = Int(text), number > 0 else { throw Misuse("--\(name) \(text): a whole number above 0 is wanted") }
        return number
    }
}

struct Misuse: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Prints a line at once, in a pipe too.
func say(_ parts: String...) {
    FileHandle.standardOutput.write(Data((parts.joined(separator: " ") + "\n").utf8))
}
