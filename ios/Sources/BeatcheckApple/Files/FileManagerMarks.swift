// Data protection and backup exclusion through Foundation. Compiled on Apple's systems only: elsewhere there are no such marks.

#if canImport(Darwin)
import Foundation

/// The marks of Apple's file systems.
public struct FileManagerMarks: FileMarks {
    public init() {}

    public func setProtectionUntilFirstUnlock(_ url: URL) throws {
        #if os(iOS) || os(visionOS)
        try FileManager.default.setAttributes(
            [.protectionKey: FileProtectionType.completeUntilFirstUserAuthentication], ofItemAtPath: url.path)
        #endif
    }

    public func excludeFromBackup(_ url: URL) throws {
        var url = url
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try url.setResourceValues(values)
    }
}

extension HomeFiles {
    /// The home in this app's Application Support.
    public static func standard() throws -> HomeFiles {
        let base = try FileManager.default.url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        return HomeFiles(base: base, marks: FileManagerMarks())
    }
}
#endif
