// Some routes take larger bodies than others. Which one a request is for is known at the end of its head, before
// anything of the body is read; whether the client may send that much can be decided then. What such bodies may take
// together is bounded, so that many clients with a credential do not take the memory of all.

import Synchronization

/// How long the body of a request may be, by its head.
public struct BodyRule {
    /// The longest body of any route, in bytes; what the transport must be able to hold of one.
    public let largest: Int
    private let total: LargeBodies
    private let limit: (RequestHead) throws(Refusal) -> Int

    /// - Parameters:
    ///   - total: what all connections share.
    ///   - limit: gives the limit in bytes, or says why the body is not read at all. Asked once a request, at
    ///   the end of its head, and only of bodies that exceed `RequestLimits.body` or do not say how long they are.
    public init(
        largest: Int, total: LargeBodies = LargeBodies(), limit: @escaping (RequestHead) throws(Refusal) -> Int
    ) {
        self.largest = largest
        self.total = total
        self.limit = limit
    }

    func limit(for head: RequestHead) throws(Refusal) -> Int { min(try limit(head), largest) }

    /// Room for a body of this many bytes, for as long as its request is there.
    func room(for bytes: Int) throws(Refusal) -> LargeBodies.Room {
        guard let room = total.room(for: bytes) else {
            throw Refusal(
                .serviceUnavailable, "too many large bodies are under way: send it again after Retry-After")
        }
        return room
    }
}

/// What large bodies may take together. Safe to use from any thread.
public final class LargeBodies: Sendable {
    /// Bytes that are taken for one body, and given back with it.
    final class Room: Sendable {
        private let total: LargeBodies
        private let bytes: Int

        fileprivate init(_ bytes: Int, of total: LargeBodies) {
            self.total = total
            self.bytes = bytes
        }

        deinit { total.taken.subtract(bytes, ordering: .relaxed) }
    }

    /// Bytes.
    public let limit: Int
    private let taken = Atomic<Int>(0)

    public init(limit: Int = 64 << 20) {
        self.limit = limit
    }

    /// Nil where the rest is less.
    func room(for bytes: Int) -> Room? {
        guard taken.add(bytes, ordering: .relaxed).newValue <= limit else {
            taken.subtract(bytes, ordering: .relaxed)
            return nil
        }
        return Room(bytes, of: self)
    }
}
