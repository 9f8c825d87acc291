// The directives and events of the exchange with legacy peers: the counterparts of `Directive`, `ClusterEvent` and
// `ClusterStatus`.

import Catalog
import Replication

/// Something for the shell to do.
enum OriginalDirective: Sendable {
    /// Queue these bytes behind what is queued on this link.
    case send(LinkID, [UInt8])
    /// Close this link at once. Nothing of it is to be handed on any more, and `linkClosed` is not called for it.
    case abort(LinkID, OriginalFailure)
    /// Close this link once what is queued on it has gone out. `linkClosed` is not called for it.
    case finish(LinkID)
    /// Ask this member for its copy: connect and send `GET /v1/sync`; answered by `copyOpened` or `copyFailed`.
    case dialCopy(PeerAddress)
    /// This member's live changes are no longer read, though its connection may not have ended by itself:
    /// `Node.originalChanged` to `.lost`.
    case lost(PeerAddress)
    /// What this member published, as it was merged: for `Node.originalTold`.
    case merged([Replicated], from: PeerAddress)
    /// All of this member has been copied: `Node.originalChanged` to `.copied`.
    case copied(PeerAddress)
    /// Something to be logged. Given once per change of state.
    case note(OriginalEvent)
}

/// An event for the log.
enum OriginalEvent: Sendable, Equatable {
    /// We read this member's live changes.
    case reading(PeerAddress)
    case readingEnded(PeerAddress, OriginalFailure?)
    /// It reads ours.
    case read(by: PeerAddress)
    case readEnded(by: PeerAddress)
    case copied(from: PeerAddress, instances: Int, milliseconds: Int64)
    case copyFailed(from: PeerAddress, OriginalFailure?)
    case copySent(to: PeerAddress, instances: Int)
    /// A message that could not be used; the first of a link, the rest are counted.
    case unusable(from: PeerAddress, OriginalMessageError)
    /// It reads too slowly: its queue was dropped, and it gets all changes that began here when it can.
    case overflowed(PeerAddress)
    /// As many links as there may be.
    case full(PeerAddress)
}

/// Why a link with a legacy peer ended.
enum OriginalFailure: Error, Sendable, Equatable {
    /// The stream ended before its end was marked.
    case cutShort
    case chunk(ChunkError)
    case packing
    case event(ServerSentEventError)
    /// So many messages in a row could not be used: it is not a legacy peer.
    case unusable(OriginalMessageError)
    /// Bytes after the end of an answer, or after a request.
    case unexpectedBytes
    /// A copy took too long, or its queue did not drain.
    case stalled
    /// Too many links of this member.
    case full
    /// Another connection of the same member took this one's place.
    case replaced
}
