// The oldest system that may hold records. A phone that no longer gets security updates is no place for them.

import Foundation

/// A version of iOS.
public struct SystemVersion: Sendable, Comparable, CustomStringConvertible {
    public let major, minor, patch: Int

    public init(_ major: Int, _ minor: Int = 0, _ patch: Int = 0) {
        (self.major, self.minor, self.patch) = (major, minor, patch)
    }

    /// Reads `17`, `17.6` or `17.6.1`; nothing else.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part in part.utf8.allSatisfy { (48...57).contains($0) } ? Int(part) : nil }
        guard (1...3).contains(parts.count), numbers.count == parts.count else { return nil }
        self.init(numbers[0], numbers.count > 1 ? numbers[1] : 0, numbers.count > 2 ? numbers[2] : 0)
    }

    /// The one that this runs on.
    public static var current: SystemVersion {
        let v = ProcessInfo.processInfo.operatingSystemVersion
        return SystemVersion(v.majorVersion, v.minorVersion, v.patchVersion)
    }

    public var description: String { patch == 0 ? "\(major).\(minor)" : "\(major).\(minor).\(patch)" }

    public static func < (a: Self, b: Self) -> Bool {
        (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
    }
}

/// Which versions will do. Security updates come for two major lines at once, so one number is not enough: 17.6.1 may do, and 18.0 not.
public struct SystemFloor: Sendable, Equatable {
    /// The oldest that will do of each major line.
    private let lines: [Int: SystemVersion]

    /// `lowest`: one for each major line that is still served. Lines above the highest named will do; between and below, nothing does.
    public init(_ lowest: [SystemVersion]) {
        lines = Dictionary(lowest.map { ($0.major, $0) }, uniquingKeysWith: max)
    }

    /// Whether this will do; what the officer is told if not.
    public func refusal(_ version: SystemVersion = .current) -> String? {
        guard let newest = lines.keys.max(), version.major <= newest else { return nil }
        if let lowest = lines[version.major], version >= lowest { return nil }
        let wanted = lines[version.major] ?? lines[newest]
        return "This phone runs iOS \(version). Update it to \(wanted.map(String.init(describing:)) ?? "the newest") or newer, then open Beatcheck again."
    }
}
