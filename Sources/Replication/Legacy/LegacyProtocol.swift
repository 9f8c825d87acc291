// Members that speak another protocol than ours and are on their way out: those that run the original registry, for as
// long as a rolling upgrade takes. The rest of the registry knows of them only what this folder says, so that they can
// go with one line where the process is put together.

package import Catalog

/// What speaks to legacy peers. Belongs to the node's thread. Every call may return directives, to be carried out in
/// order.
package protocol LegacyProtocol: AnyObject {
    // MARK: Links that we dialed

    /// A legacy peer has answered our request for its changes with 200: its live changes follow.
    func streamOpened(_ link: LinkID, from member: PeerAddress, answer: LegacyAnswer, at time: NodeTime)
        -> [LegacyDirective]
    /// A legacy peer has answered our request for its copy with 200, which `LegacyDirective.dialCopy` asked for.
    func copyOpened(_ link: LinkID, from member: PeerAddress, answer: LegacyAnswer, at time: NodeTime)
        -> [LegacyDirective]
    /// A copy that was asked for could not be had: no connection, no answer in time, or another status than 200.
    func copyFailed(_ member: PeerAddress, at time: NodeTime) -> [LegacyDirective]

    // MARK: Links that we accepted

    /// A legacy peer asks for our live changes. The directives begin with the head of the answer.
    ///
    /// - Parameter member: where it says that it is, which must not be our own address.
    func streamAsked(_ link: LinkID, by member: PeerAddress, acceptsGzip: Bool, at time: NodeTime) -> [LegacyDirective]
    /// A legacy peer asks for a copy. Only to be called while `Node.isWhole`: else it must be refused with 503.
    func copyAsked(_ link: LinkID, by member: PeerAddress, acceptsGzip: Bool, at time: NodeTime) -> [LegacyDirective]

    // MARK: All links

    /// Bytes have come in, in any pieces; those after the head of the answer or the request, not the head itself.
    func received(_ bytes: [UInt8], on link: LinkID, at time: NodeTime) -> [LegacyDirective]
    /// The connection is gone.
    func linkClosed(_ link: LinkID, at time: NodeTime) -> [LegacyDirective]
    /// So many bytes are still queued. To be told with every tick.
    func drained(_ link: LinkID, queuedBytes: Int, at time: NodeTime) -> [LegacyDirective]

    // MARK: The rest

    /// Changes that clients made here: what `Directive.offerToOriginals` carries.
    func offer(_ changes: [Replicated], at time: NodeTime) -> [LegacyDirective]
    /// Time has passed. Every 100 ms.
    func tick(at time: NodeTime) -> [LegacyDirective]
    /// Ends every answer properly, and reads no more.
    func leave(at time: NodeTime) -> [LegacyDirective]
    /// How everything stands.
    var status: LegacyStatus { get }
}

/// Makes what speaks to legacy peers, on the node's thread.
///
/// - Parameters:
///   - member: this member.
///   - store: where what they tell goes.
package typealias LegacyProtocolMaker = @Sendable (_ member: MemberID, _ store: Store) -> any LegacyProtocol

/// What matters of the head of a legacy peer's answer.
package struct LegacyAnswer: Sendable {
    /// `Transfer-Encoding: chunked`. An answer that is not ends with its connection, and a copy is then never known to
    /// be whole.
    package var isChunked: Bool
    /// `Content-Encoding: gzip`.
    package var isPacked: Bool
    /// Its `Date`, read by `HTTPDate.parse`: nanoseconds since 1970 by the peer's clock, a whole second. By it the
    /// stamps of a peer with a wrong clock are judged.
    package var date: Int64?

    package init(isChunked: Bool, isPacked: Bool, date: Int64?) {
        self.isChunked = isChunked
        self.isPacked = isPacked
        self.date = date
    }
}

/// Something for the shell to do.
package enum LegacyDirective: Sendable {
    /// Queue these bytes after what is queued on this link.
    case send(LinkID, [UInt8])
    /// Close this link at once. Nothing of it is to be handed on any more, and `linkClosed` is not called for it.
    case abort(LinkID)
    /// Close this link once what is queued on it has gone out. `linkClosed` is not called for it.
    case finish(LinkID)
    /// Ask this member for its copy; answered by `copyOpened` or `copyFailed`.
    case dialCopy(PeerAddress)
    /// This member's live changes are no longer read, though its connection may not have ended by itself:
    /// `Node.originalChanged` to `.lost`.
    case lost(PeerAddress)
    /// What this member published, as it was merged: for `Node.originalTold`.
    case merged([Replicated], from: PeerAddress)
    /// All of this member has been copied: `Node.originalChanged` to `.copied`.
    case copied(PeerAddress)
    /// Whether this member reads our live changes: for `Node.originalReads`.
    case reads(PeerAddress, Bool)
    /// Something to be logged. Given once per change of state.
    case note(LegacyNote)
}

/// An event for the log.
package struct LegacyNote: Sendable, Equatable {
    package let member: PeerAddress
    /// Without a full stop, and without what the details say.
    package let message: String
    /// Names and values, such as the reason.
    package var details: [String: String] = [:]
    package var isWarning = false
    /// Whether strangers can cause as many of these as they like, so that their number is to be bounded.
    package var isStrangers = false

    package init(
        _ message: String, member: PeerAddress, details: [String: String] = [:], isWarning: Bool = false,
        isStrangers: Bool = false
    ) {
        self.member = member
        self.message = message
        self.details = details
        self.isWarning = isWarning
        self.isStrangers = isStrangers
    }
}
