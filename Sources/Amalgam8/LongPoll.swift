// A list that is asked for with `wait` (docs/watch.md, W101–W106): while the client has it already, the answer is held
// until it is another one. Nothing is kept for a client between two requests, since its tag says what it has.

import Catalog
import HTTP
import RegistryCore
import Serving

/// What a client asks for that is ready to wait.
struct LongPoll {
    /// The query without `wait`: the list, and its tag, are those of a request without it.
    let query: ArraySlice<UInt8>
    let wait: Duration

    /// Nil where the query has no `wait`. Throws where it is given twice, or is no span of time.
    init?(_ query: ArraySlice<UInt8>?) throws(Refused) {
        guard let query, query.hasParameter("wait") else { return nil }
        let taken = try TakenParameter("wait", from: query)
        guard let value = taken.value else { return nil }
        guard let wait = WatchWait.parse(value) else {
            throw .invalid("wait must be a span of time such as 30s or 5m, which is not negative")
        }
        self.query = taken.rest[...]
        self.wait = wait
    }

    /// Answers a request for a list, or holds the answer while the client has it already.
    ///
    /// - Parameters:
    ///   - service: the one that the list is of; nil is any.
    ///   - list: answers the same request without `wait`.
    func answer(
        _ call: borrowing Call, of service: Name?,
        _ list: @escaping (borrowing Call) throws(Refused) -> Reply
    ) throws(Refused) -> Reply {
        let state = call.state(of: service, in: try call.tenant())
        let (answer, isKnown) = try Self.outcome(of: call, list)
        guard isKnown else { return try answer.get() }
        return try hold(try call.watch(for: wait), state, of: service, list)
    }

    private func hold(
        _ watch: Watch, _ state: ChangeWatch, of service: Name?,
        _ list: @escaping (borrowing Call) throws(Refused) -> Reply
    ) throws(Refused) -> Reply {
        watch.hold(state) { (call, news) throws(Refused) in
            // Before the list is looked at, so that no change is missed.
            let state = call.state(of: service, in: state.namespace)
            let (answer, isKnown) = try Self.outcome(of: call, list)
            guard isKnown, news == .changed else { return try answer.get() }
            return try hold(watch, state, of: service, list)
        }
    }

    /// The answer, and whether it is what the client has: by the tag that it shows, the list, or that there is none.
    private static func outcome(
        of call: borrowing Call, _ list: (borrowing Call) throws(Refused) -> Reply
    ) throws(Refused) -> (Result<Reply, Refused>, isKnown: Bool) {
        guard let condition = call.request.head[.ifNoneMatch], !EntityTag.isAnything(condition) else {
            return (.success(try list(call)), false)
        }
        do throws(Refused) {
            let reply = try list(call)
            guard case .now(let response) = reply else { return (.success(reply), false) }
            return (.success(reply), response.status == .notModified)
        } catch {
            guard case .noServiceYet(let tag) = error else { throw error }
            return (.failure(error), EntityTag(tag)?.isNamed(in: condition) ?? false)
        }
    }
}
