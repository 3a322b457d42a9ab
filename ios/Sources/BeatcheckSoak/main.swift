// The package under load, outside of tests: `BeatcheckSoak soak` (script/soak-swift) and `BeatcheckSoak bench`
// (script/swift-runner). Exit 0 if all was well, 1 if a bound was passed or something failed, 2 for bad usage.
import Foundation

let words = Array(CommandLine.arguments.dropFirst())
do {
    let fine: Bool
    switch words.first {
    case "soak": fine = try await Soak(Options(words)).run()
    case "bench": fine = try await Bench(Array(words.dropFirst())).run()
    default:
        throw Misuse("soak [--checks N] [--syncs N] [--rounds N] [--tasks N] [--reopenings N] [--bound-mib N] | "
            + "bench HOME VAULT QUESTIONS REPORT")
    }
    exit(fine ? 0 : 1)
} catch let misuse as Misuse {
    FileHandle.standardError.write(Data("BeatcheckSoak: \(misuse)\n".utf8))
    exit(2)
} catch {
    FileHandle.standardError.write(Data("BeatcheckSoak: \(error)\n".utf8))
    exit(1)
}
