// Some routes take larger bodies than others. Which one a request is for is known at the end of its head, before anything of the body is read; who may
// send that much can be judged then.

/// How long the body of a request may be, by its head.
public struct BodyRule {
    /// The longest body of any route, in bytes; what the transport must be able to hold of one.
    public let largest: Int
    private let limit: (RequestHead) throws(Refusal) -> Int

    /// - Parameter limit: gives the limit in bytes, or says why the body is not read at all. Asked once a request, at the end of its head, and only of
    ///   bodies that exceed `RequestLimits.body` or do not say how long they are.
    public init(largest: Int, limit: @escaping (RequestHead) throws(Refusal) -> Int) {
        self.largest = largest
        self.limit = limit
    }

    func limit(for head: RequestHead) throws(Refusal) -> Int { min(try limit(head), largest) }
}
