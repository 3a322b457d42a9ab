// Long lists, a page at a time: each page is asked for when the reader wants it.
import BeatcheckCore

extension Beatcheck {
    /// The pages of one question about a person, as answers: the first one, and further ones for as long as there are
    /// hits to show.
    ///
    /// ```swift
    /// for try await page in beatcheck.pages(of: PersonQuery(surname: "Smith"), why: why) {
    ///     list.append(page.hits)
    ///     if !officerWantsMore { break }
    /// }
    /// ```
    ///
    /// Each page is a check of its own, and on record: stop when the officer has seen enough. A refused check (`error`)
    /// is the last page.
    public func pages(of query: PersonQuery, why: Why) -> AnswerPages {
        AnswerPages { [self] page throws(BeatcheckError) in
            var query = query
            query.page = page
            return try await check(person: query, why: why)
        }
    }

    /// The same for a question about a vehicle.
    public func pages(of query: VehicleQuery, why: Why) -> AnswerPages {
        AnswerPages { [self] page throws(BeatcheckError) in
            var query = query
            query.page = page
            return try await check(vehicle: query, why: why)
        }
    }

    /// Answers given earlier that have changed since, within policy's window, newest first.
    public func lateHits(pageSize: Int = 50) -> LateHits {
        LateHits { [self] before throws(BeatcheckError) in
            let most = UInt32(clamping: max(1, pageSize))
            return try await work.run { [device] in try device.lateHits(before: before, most: most) }
        }
    }
}

/// Pages of one question. See ``Beatcheck/pages(of:why:)-(PersonQuery,_)``.
public struct AnswerPages: AsyncSequence, Sendable {
    public typealias Element = Answer
    typealias Ask = @Sendable (UInt32) async throws(BeatcheckError) -> Answer

    let ask: Ask

    public func makeAsyncIterator() -> Iterator { Iterator(ask: ask) }

    public struct Iterator: AsyncIteratorProtocol {
        let ask: Ask
        var page: UInt32 = 0
        var shown: UInt64 = 0
        var over = false

        public mutating func next() async throws(BeatcheckError) -> Answer? {
            if over { return nil }
            page += 1
            let answer = try await ask(page)
            shown += UInt64(answer.hits.count)
            over = answer.hits.isEmpty || answer.error != nil || shown >= answer.total
            // A page beyond the last shows nothing; the first one is always an answer.
            return answer.hits.isEmpty && answer.error == nil && page > 1 ? nil : answer
        }
    }
}

/// Late hits, newest first. See ``Beatcheck/lateHits(pageSize:)``.
public struct LateHits: AsyncSequence, Sendable {
    public typealias Element = LateHit
    typealias Ask = @Sendable (UInt64) async throws(BeatcheckError) -> [LateHit]

    let ask: Ask

    public func makeAsyncIterator() -> Iterator { Iterator(ask: ask) }

    public struct Iterator: AsyncIteratorProtocol {
        let ask: Ask
        var page: ArraySlice<LateHit> = []
        var before: UInt64 = 0
        var over = false

        public mutating func next() async throws(BeatcheckError) -> LateHit? {
            if page.isEmpty, !over {
                page = try await ask(before)[...]
                over = page.isEmpty
                before = page.last?.auditSeq ?? before
            }
            return page.popFirst()
        }
    }
}
