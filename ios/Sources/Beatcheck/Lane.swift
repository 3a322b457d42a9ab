// Where the core's blocking calls run: threads of our own, never those of Swift's cooperative pool, of which there are
// only as many as processor cores and on which nothing may wait. Cancelling a task is wired here; what a call does is
// not known here.
import Dispatch
import Foundation

/// Something behind a lock. The closures given to it are short and call nobody.
final class Guarded<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func with<Result>(_ body: (inout Value) -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body(&value)
    }
}

/// Runs blocking work, at most `width` pieces at a time; the rest waits in order. What waits is a suspended caller
/// each, so its number is the app's own.
final class Lane: Sendable {
    private struct State {
        var running = 0
        var waiting: [@Sendable () -> Void] = []
    }

    private let queue: DispatchQueue
    private let width: Int
    private let state = Guarded(State())

    init(_ name: String, width: Int, qos: DispatchQoS) {
        queue = DispatchQueue(label: "org.beatcheck.\(name)", qos: qos, attributes: .concurrent)
        self.width = width
    }

    /// Runs it as soon as there is room. Returns at once.
    func submit(_ work: @escaping @Sendable () -> Void) {
        let now = state.with { state in
            guard state.running < width else {
                state.waiting.append(work)
                return false
            }
            state.running += 1
            return true
        }
        if now { queue.async { self.work(from: work) } }
    }

    private func work(from first: @escaping @Sendable () -> Void) {
        var next: (@Sendable () -> Void)? = first
        while let work = next {
            work()
            next = state.with { state in
                guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
                state.running -= 1
                return nil
            }
        }
    }

    /// Runs a blocking call and suspends until it has returned.
    ///
    /// When the calling task is cancelled: what still waits is given up at once and throws `cancelled`; what runs is
    /// asked to end by `end`, and its own result counts. Without `end` it runs to its end. `cancellable: false` is for
    /// what must happen anyway.
    func run<Value: Sendable>(
        cancellable: Bool = true,
        end: (@Sendable () -> Void)? = nil,
        _ body: @escaping @Sendable () throws -> Value
    ) async throws(BeatcheckError) -> Value {
        let ticket = Ticket<Value>(end: end)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard ticket.wait(with: continuation) else { return }
                submit {
                    guard ticket.begin() else { return }
                    let result: Result<Value, BeatcheckError>
                    do { result = .success(try body()) } catch { result = .failure(BeatcheckError(error)) }
                    ticket.finish(result)
                }
            }
        } onCancel: {
            if cancellable { ticket.cancel() }
        }
        return try result.get()
    }
}

/// One call on its way: waiting, running or done. Its continuation is resumed exactly once.
final class Ticket<Value: Sendable>: Sendable {
    typealias Continuation = CheckedContinuation<Result<Value, BeatcheckError>, Never>

    private enum Phase {
        case new, waiting(Continuation), running(Continuation), cancelledEarly, done
    }

    private let phase = Guarded(Phase.new)
    private let end: (@Sendable () -> Void)?

    init(end: (@Sendable () -> Void)?) { self.end = end }

    /// False if it was cancelled before.
    func wait(with continuation: Continuation) -> Bool {
        let may = phase.with { phase in
            if case .cancelledEarly = phase { return false }
            phase = .waiting(continuation)
            return true
        }
        if !may { continuation.resume(returning: .failure(.cancelled)) }
        return may
    }

    /// False if it was cancelled while it waited.
    func begin() -> Bool {
        phase.with { phase in
            guard case .waiting(let continuation) = phase else { return false }
            phase = .running(continuation)
            return true
        }
    }

    func finish(_ result: Result<Value, BeatcheckError>) {
        let continuation: Continuation? = phase.with { phase in
            guard case .running(let continuation) = phase else { return nil }
            phase = .done
            return continuation
        }
        continuation?.resume(returning: result)
    }

    func cancel() {
        let (continuation, runs): (Continuation?, Bool) = phase.with { phase in
            switch phase {
            case .new: phase = .cancelledEarly
            case .waiting(let continuation):
                phase = .done
                return (continuation, false)
            case .running: return (nil, true)
            case .cancelledEarly, .done: break
            }
            return (nil, false)
        }
        continuation?.resume(returning: .failure(.cancelled))
        if runs, end != nil { press() }
    }

    /// Says it again until it was heard: the core listens only from when a sync has begun, and it may be about to.
    /// Under the lock, so that it never hits the one that comes after; the core only takes a note, and returns at once.
    private func press() {
        let again = phase.with { phase in
            guard case .running = phase else { return false }
            end?()
            return true
        }
        if again { DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + .milliseconds(20)) { self.press() } }
    }
}
