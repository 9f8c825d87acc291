// A stream of what changes (docs/watch.md, W201–W210). It begins with all there is, or where the client has been told so
// far, and goes on with each change; nothing is kept for a client but how far it was told.

import Catalog
import HTTP
import RegistryCore
import Serving
import Time

enum WatchHandlers {
    /// When a client is to come back after its stream has ended, in milliseconds: at random, so that those of a member
    /// that has stopped do not come together (W202).
    private static let comeback = 2_000...4_000

    static func watch(_ call: borrowing Call) throws(Refused) -> Reply {
        let query = try WatchQuery(call.request.head.query)
        let stream = WatchStream(
            query, in: try call.tenant(), try call.watch(until: .distantFuture), epoch: call.context.epoch)
        let known = call.request.head[.lastEventID].map { String(decoding: $0, as: UTF8.self) } ?? query.since
        let retry = Array("retry: \(Int.random(in: comeback))\n".utf8)
        if let known = known.flatMap(EventID.init), let position = stream.position(after: known, call) {
            return .stream(head, first: stream.step(retry, from: position, call))
        }
        let request = AmalgamList(namespace: stream.namespace, content: .watched(query.filter))
        return try call.answers.make(request, .watched, key: query.key[...], for: call) { call, list in
            .stream(head, first: stream.step(retry, with: list, call))
        }
    }

    private static var head: Response {
        var head = Response(.ok, contentType: ContentType("text/event-stream"))
        head.fields.append(.cacheControl, "no-store")
        return head
    }
}
