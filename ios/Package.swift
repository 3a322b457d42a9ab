// swift-tools-version:6.0
// The Swift package: `Beatcheck` for apps, over the generated binding. Its two generated targets lie in Generated/, which is not
// in version control: script/test-swift makes them, and `script/swift-binding` alone does so for Xcode.
//
// On Apple's systems the core comes as Generated/Beatcheck.xcframework; on Linux, where the tests run, as libbeatcheck.so, whose
// folder is given to the linker on the command line. Only the latter has been built and run so far.
import Foundation
import PackageDescription

let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: here.appendingPathComponent(path).path) }

precondition(exists("Generated/BeatcheckCore/beatcheck.swift"), "the binding is not generated: run script/swift-binding first")

#if os(Linux)
let core = Target.systemLibrary(name: "beatcheckFFI", path: "Generated/beatcheckFFI")
#else
let core = Target.binaryTarget(name: "beatcheckFFI", path: "Generated/Beatcheck.xcframework")
#endif

let package = Package(
    name: "Beatcheck",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Beatcheck", targets: ["Beatcheck"])],
    targets: [
        core,
        // What UniFFI generates, as it is.
        .target(
            name: "BeatcheckCore",
            dependencies: ["beatcheckFFI"],
            path: "Generated/BeatcheckCore",
            linkerSettings: [.linkedLibrary("beatcheck", .when(platforms: [.linux]))]
        ),
        .target(name: "Beatcheck", dependencies: ["BeatcheckCore"]),
        // A real hub for tests and for the soak: starts the `beatcheck` command. Not for apps.
        .target(name: "HubProcess", dependencies: ["Beatcheck"]),
        .executableTarget(name: "BeatcheckSoak", dependencies: ["Beatcheck", "HubProcess"]),
        .testTarget(name: "BeatcheckTests", dependencies: ["Beatcheck", "HubProcess"]),
    ]
)

// Keychain, Secure Enclave, background tasks: its files are empty where Apple's frameworks are not.
if exists("Sources/BeatcheckApple") {
    package.targets.append(.target(name: "BeatcheckApple", dependencies: ["Beatcheck", "BeatcheckCore"]))
    package.products.append(.library(name: "BeatcheckApple", targets: ["BeatcheckApple"]))
}
if exists("Tests/BeatcheckAppleTests") {
    package.targets.append(.testTarget(name: "BeatcheckAppleTests", dependencies: ["BeatcheckApple", "HubProcess"]))
}
