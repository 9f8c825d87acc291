// Where the legacy peers meet the rest of the registry: what `Originals` directs and tells becomes what the peers'
// thread understands. Nothing outside of this room names anything of it but the type below, at one place, where the
// process is put together.

package import Catalog
package import Gzip
package import Replication

extension Deflater: Packer {}

extension Inflater: Unpacker {}

/// Speaks to members that run the original registry. Not `Sendable`: belongs to the node's thread.
package final class OriginalProtocol: LegacyProtocol {
    package static let make: LegacyProtocolMaker = { OriginalProtocol(member: $0, store: $1) }

    private let originals: Originals

    init(member: MemberID, store: Store) {
        originals = Originals(
            OriginalsConfiguration(member: member), store: store, makeUnpacker: { Inflater() },
            makePacker: { Deflater() })
    }

    package func streamOpened(_ link: LinkID, from member: PeerAddress, answer: LegacyAnswer, at time: NodeTime)
        -> [LegacyDirective]
    {
        Self.told(originals.streamOpened(link, from: member, answer: answer, at: time))
    }

    package func copyOpened(_ link: LinkID, from member: PeerAddress, answer: LegacyAnswer, at time: NodeTime)
        -> [LegacyDirective]
    {
        Self.told(originals.copyOpened(link, from: member, answer: answer, at: time))
    }

    package func copyFailed(_ member: PeerAddress, at time: NodeTime) -> [LegacyDirective] {
        Self.told(originals.copyFailed(member, at: time))
    }

    package func streamAsked(_ link: LinkID, by member: PeerAddress, acceptsGzip: Bool, at time: NodeTime)
        -> [LegacyDirective]
    {
        Self.told(originals.streamAsked(link, by: member, acceptsGzip: acceptsGzip, at: time))
    }

    package func copyAsked(_ link: LinkID, by member: PeerAddress, acceptsGzip: Bool, at time: NodeTime)
        -> [LegacyDirective]
    {
        Self.told(originals.copyAsked(link, by: member, acceptsGzip: acceptsGzip, at: time))
    }

    package func received(_ bytes: [UInt8], on link: LinkID, at time: NodeTime) -> [LegacyDirective] {
        Self.told(originals.received(bytes, on: link, at: time))
    }

    package func linkClosed(_ link: LinkID, at time: NodeTime) -> [LegacyDirective] {
        Self.told(originals.linkClosed(link, at: time))
    }

    package func drained(_ link: LinkID, queuedBytes: Int, at time: NodeTime) -> [LegacyDirective] {
        Self.told(originals.drained(link, queuedBytes: queuedBytes, at: time))
    }

    package func offer(_ changes: [Replicated], at time: NodeTime) -> [LegacyDirective] {
        Self.told(originals.offer(changes, at: time))
    }

    package func tick(at time: NodeTime) -> [LegacyDirective] { Self.told(originals.tick(at: time)) }

    package func leave(at time: NodeTime) -> [LegacyDirective] { Self.told(originals.leave(at: time)) }

    package var status: LegacyStatus { originals.status }

    /// The same directives in the same order, without what only this room knows.
    static func told(_ directives: [OriginalDirective]) -> [LegacyDirective] {
        directives.flatMap { directive -> [LegacyDirective] in
            switch directive {
            case .send(let link, let bytes): [.send(link, bytes)]
            case .abort(let link, _): [.abort(link)]
            case .finish(let link): [.finish(link)]
            case .dialCopy(let member): [.dialCopy(member)]
            case .lost(let member): [.lost(member)]
            case .merged(let states, let member): [.merged(states, from: member)]
            case .copied(let member): [.copied(member)]
            case .note(.read(let member)): [.note(OriginalEvent.read(by: member).note), .reads(member, true)]
            case .note(.readEnded(let member)):
                [.note(OriginalEvent.readEnded(by: member).note), .reads(member, false)]
            case .note(let event): [.note(event.note)]
            }
        }
    }
}
