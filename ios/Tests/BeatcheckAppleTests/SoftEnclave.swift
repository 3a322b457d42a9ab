// A stand-in for the Secure Enclave in tests. Key agreement and points are computed here; signing and sealing are done by the core's own desk
// vault, so that a real hub accepts what comes of it. It can be told to fail as Apple's frameworks do.

import BeatcheckCore
import Foundation
@testable import BeatcheckApple

final class SoftEnclave: EnclaveKeys, @unchecked Sendable {
    struct Key {
        let plan: KeyPlan
        let scalar: U256
        let point: Data
        let desk: String
    }

    private let desk: any KeyVault
    private let lock = NSLock()
    /// Guarded by `lock`.
    private var keys: [String: Key] = [:]
    private var count = 0
    /// What the next call of this name is to fail with.
    var faults: [String: PlatformFault] = [:]
    /// As before the first unlock after a restart: nothing can be used.
    var locked = false
    /// Calls, in order.
    private(set) var calls: [String] = []

    init() throws {
        desk = try deskVault(dir: Fixture.folder("enclave"))
    }

    var tags: [String] { lock.withLock { keys.keys.sorted() } }
    func key(_ tag: String) -> Key? { lock.withLock { keys[tag] } }
    /// As when a finger is added: the key is there in name, and the hardware no longer takes it.
    func lose(_ tag: String) { _ = lock.withLock { keys.removeValue(forKey: tag) } }
    func called(_ name: String) -> Int { lock.withLock { calls.filter { $0 == name }.count } }

    func make(_ plan: KeyPlan) throws -> Data {
        try note("make")
        let n = lock.withLock { () -> Int in count += 1; return count }
        let scalar = U256(Data((0..<32).map { _ in UInt8.random(in: 0...127) }))
        let isSign = plan.tag.contains(".sign.")
        let made = try desk.create(label: "key-\(n)", keyUse: isSign ? .sign : .wrap)
        let point = isSign ? made : SoftCurve.times(scalar, SoftCurve.g).bytes
        lock.withLock { keys[plan.tag] = Key(plan: plan, scalar: scalar, point: point, desk: "key-\(n)") }
        return point
    }

    /// Puts a key in place, for published values.
    func put(_ tag: String, scalar: U256) throws {
        let plan = try KeyPlan(space: "test", label: "pin-a", use: .mix)
        lock.withLock { keys[tag] = Key(plan: plan, scalar: scalar, point: SoftCurve.times(scalar, SoftCurve.g).bytes, desk: "none") }
    }

    func publicPoint(_ tag: String) throws -> Data {
        try note("publicPoint")
        return try find(tag).point
    }

    func sign(_ tag: String, _ message: Data) throws -> Data {
        try note("sign")
        return try desk.sign(label: find(tag).desk, message: message)
    }

    func encrypt(_ tag: String, _ plain: Data) throws -> Data {
        try note("encrypt")
        return try desk.wrap(label: find(tag).desk, plain: plain)
    }

    func decrypt(_ tag: String, _ sealed: Data) throws -> Data {
        try note("decrypt")
        let key = try find(tag)
        // What ECIES says of a blob that does not authenticate.
        do { return try desk.unwrap(label: key.desk, wrapped: sealed) } catch { throw PlatformFault(status: -50) }
    }

    func agree(_ tag: String, with point: Data, info: Data) throws -> Data {
        try note("agree")
        guard let peer = SoftCurve.Point(point) else { throw PlatformFault(status: -50) }
        return SoftHash.x963(SoftCurve.times(try find(tag).scalar, peer).x.bytes, info)
    }

    func forget(_ tag: String) throws {
        try note("forget")
        guard let key = lock.withLock({ keys.removeValue(forKey: tag) }) else { return }
        try desk.destroy(label: key.desk)
    }

    func forgetAll(_ prefix: String) throws {
        for tag in tags where tag.hasPrefix(prefix) { try forget(tag) }
    }

    func wholePoint(_ compressed: Data) -> Data? { SoftCurve.decompress(compressed) }
    func sha256(_ data: Data) -> Data { SoftHash.sha256(data) }

    private func find(_ tag: String) throws -> Key {
        guard let key = key(tag) else { throw PlatformFault(status: -25300) }
        return key
    }

    private func note(_ name: String) throws {
        let fault = lock.withLock { () -> PlatformFault? in
            calls.append(name)
            return locked ? PlatformFault(status: -25308) : faults.removeValue(forKey: name)
        }
        if let fault { throw fault }
    }
}

/// Folders of a test run: under TMPDIR, taken away at the end of the process by whoever made that (script/test-swift does).
enum Fixture {
    static func folder(_ name: String) -> String {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("beatcheck-apple-\(name)-\(UUID().uuidString)")
        try! FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url.path
    }
}
