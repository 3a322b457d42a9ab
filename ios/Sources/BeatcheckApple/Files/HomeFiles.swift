// Where the device's files lie, and what the file system is told about them.
//
// Place: Application Support of the app itself, never a shared container (app group): there, a lock held at suspension ends the app.
//
// Protection: CompleteUntilFirstUserAuthentication, not Complete. A locked phone must hand in its account and take a wipe, which writes;
// under Complete, files cannot be opened some seconds after the phone was locked, and SQLite fails in the middle. What is given up by it: after
// the first unlock iOS itself no longer keeps these files shut. Every file in them is encrypted by the core under keys that the Enclave opens,
// records under PIN or biometric check as well, so that iOS's protection is the second lock and not the only one.
//
// Backup: excluded. A restored copy would be opened by no key (they do not leave the phone), and would look like files put back.

import Foundation

/// What the file system is told about a path; `FileManager` behind it on a phone.
public protocol FileMarks: Sendable {
    func setProtectionUntilFirstUnlock(_ url: URL) throws
    func excludeFromBackup(_ url: URL) throws
}

/// The home of this app's one device.
public struct HomeFiles: Sendable {
    /// The directory: `EnrolOptions.home`, `Device.open(home:)`.
    public let url: URL
    private let marks: any FileMarks

    public var path: String { url.path }

    /// In `base`, commonly Application Support.
    public init(base: URL, marks: any FileMarks, name: String = "beatcheck") {
        url = base.appendingPathComponent(name, isDirectory: true)
        self.marks = marks
    }

    /// What was there.
    public enum Found: Sendable, Equatable {
        /// Nothing: a new installation. Keys in the keychain are leftovers of an earlier one: `SecureEnclaveVault.destroyLeftovers`.
        case nothing
        /// A directory, from an earlier start.
        case home
    }

    /// Makes the directory and marks it, at every start: before the core writes anything, since files inherit the protection of the
    /// directory that they are made in.
    ///
    /// - Throws: the file system's error. Do not go on without: files would be in backups.
    public func prepare() throws -> Found {
        var isDirectory: ObjCBool = false
        let there = FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
        if !there {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        }
        try marks.setProtectionUntilFirstUnlock(url)
        // On the directory: it counts for all in it, and outlives files that are replaced.
        try marks.excludeFromBackup(url)
        return there ? .home : .nothing
    }
}
