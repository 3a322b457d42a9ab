// What Foundation has on Apple's systems and not on Linux, of what ios/ uses; compiled into the module that is checked. See Security.swift.
import Foundation

struct FileProtectionType: Sendable {
    static let completeUntilFirstUserAuthentication = Self()
}

extension FileAttributeKey {
    static var protectionKey: FileAttributeKey { fatalError() }
}

extension URLResourceValues {
    var isExcludedFromBackup: Bool? { get { fatalError() } set {} }
}
