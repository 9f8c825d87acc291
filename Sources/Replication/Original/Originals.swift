// A member's dealings with members that run the original registry, for as long as a rolling upgrade takes. They speak server-sent events over
// HTTP, without versions, acknowledgments or digests; here their changes get versions, and ours become their messages. Pure, as `Node` is.

import Catalog

/// All links with originals. Not `Sendable`: belongs to the node's thread. Every call may return directives, to be carried out in order.
public final class Originals {
    private let configuration: OriginalsConfiguration

    /// - Parameters:
    ///   - makeUnpacker: a new gzip unpacker; nil when memory is short.
    ///   - makePacker: a new gzip packer; nil when memory is short, and what is sent then goes unpacked.
    public init(
        _ configuration: OriginalsConfiguration, store: Store, makeUnpacker: @escaping () -> (any Unpacker)?,
        makePacker: @escaping () -> (any Packer)?
    ) {
        self.configuration = configuration
    }

    // MARK: - Links that we dialed

    /// An original has answered our `GET /v1/replication` with 200: its live changes follow. Its copy is asked for at once.
    public func streamOpened(_ link: LinkID, from member: PeerAddress, answer: OriginalAnswer, at time: NodeTime) -> [OriginalDirective] {
        []
    }

    /// An original has answered our `GET /v1/sync` with 200, which `OriginalDirective.dialCopy` asked for.
    public func copyOpened(_ link: LinkID, from member: PeerAddress, answer: OriginalAnswer, at time: NodeTime) -> [OriginalDirective] {
        []
    }

    /// A copy that was asked for could not be had: no connection, no answer in time, or another status than 200. It is asked for again later.
    public func copyFailed(_ member: PeerAddress, at time: NodeTime) -> [OriginalDirective] { [] }

    // MARK: - Links that we accepted

    /// An original asks for our live changes (`GET /v1/replication` without an upgrade). The directives begin with the head of the answer.
    ///
    /// - Parameter member: its `Member-ID`, which must not be our own address.
    public func streamAsked(_ link: LinkID, by member: PeerAddress, acceptsGzip: Bool, at time: NodeTime) -> [OriginalDirective] { [] }

    /// An original asks for a copy (`GET /v1/sync`). Only to be called while the node is ready: a copy that is not whole must be refused with 503.
    public func copyAsked(_ link: LinkID, by member: PeerAddress, acceptsGzip: Bool, at time: NodeTime) -> [OriginalDirective] { [] }

    // MARK: - All links

    /// Bytes have come in, in any pieces; those behind the head of the answer or the request, not the head itself.
    public func received(_ bytes: [UInt8], on link: LinkID, at time: NodeTime) -> [OriginalDirective] { [] }

    /// The connection is gone.
    public func linkClosed(_ link: LinkID, at time: NodeTime) -> [OriginalDirective] { [] }

    /// Bytes have gone out and so many are still queued. To be told whenever they fall under `OriginalsConfiguration.copyBytesInFlight`.
    public func drained(_ link: LinkID, queuedBytes: Int, at time: NodeTime) -> [OriginalDirective] { [] }

    // MARK: - The rest

    /// Changes that clients made here: what `Directive.offerToOriginals` carries.
    public func offer(_ changes: [Replicated], at time: NodeTime) -> [OriginalDirective] { [] }

    /// Time has passed. Every 100 ms.
    public func tick(at time: NodeTime) -> [OriginalDirective] { [] }

    /// Ends every answer properly: what an original reads then ends as it would at the original's own stop.
    public func leave(at time: NodeTime) -> [OriginalDirective] { [] }

    /// How everything stands.
    public var status: OriginalsStatus { OriginalsStatus() }
}
