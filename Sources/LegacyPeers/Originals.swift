// A member's exchange with legacy peers, which run the original registry, for as long as a rolling upgrade takes. They
// speak server-sent events over HTTP, without versions, acknowledgments or digests; here their changes get versions,
// and ours become their messages. Pure, as `Node` is.
//
// Every member dials every other and reads its stream; nothing is pushed over a connection that the receiver did not
// open. We read a member's live changes first and its copy after, so that there is no gap between; only changes by
// clients of this member are published, never those of others.

import Catalog
import Replication
import Time

/// All links with legacy peers. Not `Sendable`: belongs to the node's thread. Every call may return directives, to be
/// carried out in order.
final class Originals {
    /// A silence between two calls, in milliseconds, that only a pause of this member explains: `tick` comes every 100
    /// ms.
    private static let pauseThreshold: Duration = .milliseconds(2_000)
    /// For how long after a pause what is read may have been lying since before it.
    private static let pauseEcho: Duration = .milliseconds(1_000)

    let configuration: OriginalsConfiguration
    let store: Store
    private let makeUnpacker: () -> (any Unpacker)?
    private let makePacker: () -> (any Packer)?

    var members: [PeerAddress: OriginalMember] = [:]
    /// Links that we dialed. Invariant: those of kind `.stream` are their members' `input`, those of kind `.copy` are
    /// in `.running`.
    var inputs: [LinkID: OriginalInput] = [:]
    /// Links that we accepted. Invariant: those of kind `.stream` are in their members' `outputs`.
    var outputs: [LinkID: OriginalOutput] = [:]
    /// Numbers live events, of all links together.
    var number: UInt64 = 0
    var counts = LegacyCounts()

    /// The time of the last call.
    private var lastCall: MonotonicTime?
    /// The last pause: its length and until when it matters.
    private var pause: (length: Duration, until: MonotonicTime)?

    /// - Parameters:
    ///   - makeUnpacker: a new gzip unpacker; nil when memory is short.
    ///   - makePacker: a new gzip packer; nil when memory is short, and what is sent then goes unpacked.
    init(
        _ configuration: OriginalsConfiguration, store: Store, makeUnpacker: @escaping () -> (any Unpacker)?,
        makePacker: @escaping () -> (any Packer)?
    ) {
        self.configuration = configuration
        self.store = store
        self.makeUnpacker = makeUnpacker
        self.makePacker = makePacker
    }

    // MARK: - Links that we dialed

    /// A legacy peer has answered our `GET /v1/replication` with 200: its live changes follow. Its copy is asked for at
    /// once.
    func streamOpened(_ link: LinkID, from member: PeerAddress, answer: LegacyAnswer, at time: NodeTime)
        -> [OriginalDirective]
    {
        var directives = noticePause(at: time)
        if let old = members[member]?.input { directives += endInput(old, .replaced, isClosed: false, at: time) }
        guard let input = open(.stream, from: member, answer, at: time) else {
            return directives + [.abort(link, .packing), .lost(member)]
        }
        inputs[link] = input
        members[member, default: OriginalMember()].input = link
        directives.append(.note(.reading(member)))
        return directives + askForCopy(member)
    }

    /// A legacy peer has answered our `GET /v1/sync` with 200, which `OriginalDirective.dialCopy` asked for.
    func copyOpened(_ link: LinkID, from member: PeerAddress, answer: LegacyAnswer, at time: NodeTime)
        -> [OriginalDirective]
    {
        let directives = noticePause(at: time)
        guard members[member]?.copy == .asked else { return directives + [.abort(link, .replaced)] }
        guard let input = open(.copy, from: member, answer, at: time) else {
            return directives + [.abort(link, .packing)] + copyFailed(member, .packing, at: time)
        }
        inputs[link] = input
        members[member]?.copy = .running(link)
        return directives
    }

    /// A copy that was asked for could not be had: no connection, no answer in time, or another status than 200. It is
    /// asked for again later.
    func copyFailed(_ member: PeerAddress, at time: NodeTime) -> [OriginalDirective] {
        guard members[member]?.copy == .asked else { return noticePause(at: time) }
        return noticePause(at: time) + copyFailed(member, nil, at: time)
    }

    private func open(
        _ kind: OriginalInput.Kind, from member: PeerAddress, _ answer: LegacyAnswer, at time: NodeTime
    ) -> OriginalInput? {
        guard let body = try? OriginalBody(answer, makeUnpacker: makeUnpacker) else { return nil }
        let merge = OriginalMerge(
            store: store, sender: MemberID(original: member),
            clock: OriginalClock(date: answer.date, wall: time.moment.wall))
        return OriginalInput(member: member, kind: kind, merge: merge, opened: time.monotonic, body: body)
    }

    // MARK: - Links that we accepted

    /// A legacy peer asks for our live changes (`GET /v1/replication` without an upgrade). The directives begin with
    /// the head of the answer.
    ///
    /// - Parameter member: its `Member-ID`, which must not be our own address.
    func streamAsked(_ link: LinkID, by member: PeerAddress, acceptsGzip: Bool, at time: NodeTime)
        -> [OriginalDirective]
    {
        let directives = noticePause(at: time)
        guard let head = accept(link, .stream, by: member, acceptsGzip: acceptsGzip, at: time) else {
            return directives + [.note(.full(member)), .abort(link, .full)]
        }
        members[member, default: OriginalMember()].outputs.append(link)
        // No other member sends it the changes that clients made here before it came.
        outputs[link]?.cursor = .start
        return directives + head + [.note(.read(by: member))] + continueCopy(link, at: time)
    }

    /// A legacy peer asks for a copy (`GET /v1/sync`). Only to be called while `Node.isWhole`: else it must be refused
    /// with 503.
    func copyAsked(_ link: LinkID, by member: PeerAddress, acceptsGzip: Bool, at time: NodeTime) -> [OriginalDirective]
    {
        let directives = noticePause(at: time)
        guard let head = accept(link, .copy, by: member, acceptsGzip: acceptsGzip, at: time) else {
            return directives + [.note(.full(member)), .abort(link, .full)]
        }
        return directives + head + continueCopy(link, at: time)
    }

    /// Takes a link in and gives the head of its answer, or nil when there are too many.
    private func accept(
        _ link: LinkID, _ kind: OriginalOutput.Kind, by member: PeerAddress, acceptsGzip: Bool, at time: NodeTime
    ) -> [OriginalDirective]? {
        guard outputs.count < configuration.acceptedLinks else { return nil }
        guard outputs.values.count(where: { $0.member == member }) < configuration.linksPerMember else { return nil }
        let output = OriginalOutput(member: member, kind: kind, packer: acceptsGzip ? makePacker() : nil)
        outputs[link] = output
        return send(output.head(wall: time.moment.wall), on: link)
    }

    // MARK: - All links

    /// Bytes have come in, in any pieces; those behind the head of the answer or the request, not the head itself.
    func received(_ bytes: [UInt8], on link: LinkID, at time: NodeTime) -> [OriginalDirective] {
        var directives = noticePause(at: time)
        if outputs[link] != nil {
            // The reader of an answer sends nothing more.
            return directives + [.abort(link, .unexpectedBytes)] + endOutput(link)
        }
        guard var input = inputs[link] else { return directives }
        let reading = input.read(bytes)
        var failure = reading.failure
        var merged: [Replicated] = []
        for envelope in reading.envelopes {
            do throws(OriginalMessageError) {
                directives += try take(envelope, from: input, into: &merged, at: time)
                input.wasUsed()
                counts.received += 1
            } catch {
                failure = failure ?? complain(error, &input, &directives)
            }
        }
        for error in reading.unusable { failure = failure ?? complain(error, &input, &directives) }
        inputs[link] = input
        if !merged.isEmpty { directives.append(.merged(merged, from: input.member)) }
        if let failure { return directives + endInput(link, failure, isClosed: false, at: time) }
        guard input.hasEnded else { return directives }
        return directives + endInput(link, input.isWhole ? nil : .cutShort, isClosed: false, at: time)
    }

    /// Counts a message that cannot be used; returns a failure when it was one too many.
    private func complain(
        _ error: OriginalMessageError, _ input: inout OriginalInput, _ directives: inout [OriginalDirective]
    ) -> OriginalFailure? {
        counts.unusable += 1
        let (isFirst, isTooMany) = input.wasUnusable()
        if isFirst { directives.append(.note(.unusable(from: input.member, error))) }
        return isTooMany ? .unusable(error) : nil
    }

    /// The connection is gone.
    func linkClosed(_ link: LinkID, at time: NodeTime) -> [OriginalDirective] {
        let directives = noticePause(at: time)
        if outputs[link] != nil { return directives + endOutput(link) }
        return directives + endInput(link, .cutShort, isClosed: true, at: time)
    }

    /// Bytes have gone out and this many are still queued. To be called whenever they fall under
    /// `OriginalsConfiguration.copyBytesInFlight`.
    func drained(_ link: LinkID, queuedBytes: Int, at time: NodeTime) -> [OriginalDirective] {
        let directives = noticePause(at: time)
        outputs[link]?.drained(to: queuedBytes)
        return directives + continueCopy(link, at: time)
    }

    // MARK: - The rest

    /// Changes that clients made here: what `Directive.offerToOriginals` carries.
    func offer(_ changes: [Replicated], at time: NodeTime) -> [OriginalDirective] {
        let directives = noticePause(at: time)
        guard !changes.isEmpty, outputs.values.contains(where: { $0.kind == .stream }) else { return directives }
        var events: [UInt8] = []
        let first = number
        for change in changes {
            for message in messages(change, at: time) {
                appendLive(message, in: change.namespace.name, to: &events)
            }
        }
        let count = Int(number - first)
        let links = outputs.filter { $0.value.kind == .stream }.map(\.key).sorted { $0.number < $1.number }
        return directives + links.flatMap { tell(events, count: count, on: $0, at: time) }
    }

    /// Time has passed. Every 100 ms.
    func tick(at time: NodeTime) -> [OriginalDirective] {
        var directives = noticePause(at: time)
        for (address, member) in members.sorted(by: { $0.key < $1.key }) {
            switch member.copy {
            case .waiting(let until) where until <= time.monotonic: directives += askForCopy(address)
            case .running(let link) where time.monotonic - (inputs[link]?.opened ?? .zero) > configuration.copyDeadline:
                directives += endInput(link, .stalled, isClosed: false, at: time)
            default: break
            }
        }
        for link in outputs.keys.sorted(by: { $0.number < $1.number }) {
            if let overflowed = outputs[link]?.overflowed, time.monotonic - overflowed > configuration.stallDeadline {
                directives += [.abort(link, .stalled)] + endOutput(link)
            } else {
                directives += continueCopy(link, at: time)
            }
        }
        return directives
    }

    /// Ends every answer properly, and reads no more: what a legacy peer reads then ends as it would at the original's
    /// own stop.
    func leave(at time: NodeTime) -> [OriginalDirective] {
        var directives: [OriginalDirective] = []
        for (link, output) in outputs.sorted(by: { $0.key.number < $1.key.number }) {
            // A copy that is not whole must not look as if it were.
            if output.kind == .stream { directives += send(output.end(), on: link) }
            directives += [.finish(link)] + endOutput(link)
        }
        for link in inputs.filter({ $0.value.kind == .stream }).map(\.key).sorted(by: { $0.number < $1.number }) {
            directives += endInput(link, nil, isClosed: false, at: time)
        }
        return directives
    }

    /// How everything stands.
    var status: LegacyStatus {
        var status = LegacyStatus()
        status.counts = counts
        status.members = members.sorted { $0.key < $1.key }.map { address, member in
            let streams = member.outputs.compactMap { outputs[$0] }
            return LegacyPeerStatus(
                address: address, reads: !streams.isEmpty, queuedBytes: streams.reduce(0) { $0 + $1.queuedBytes },
                hasOverflowed: streams.contains { $0.overflowed != nil }, lastCopy: member.lastCopy)
        }
        return status
    }

    // MARK: - Pauses

    /// Milliseconds that what is read now may have been lying here.
    func pause(at time: NodeTime) -> Int64 {
        guard let pause, time.monotonic <= pause.until else { return 0 }
        return pause.length.wholeMilliseconds
    }

    /// Notices a pause of this member by the silence between two calls. What lay in the connections meanwhile bears no
    /// time, so copies are asked for, which do.
    private func noticePause(at time: NodeTime) -> [OriginalDirective] {
        defer { lastCall = max(lastCall ?? .distantPast, time.monotonic) }
        guard let lastCall, time.monotonic - lastCall > Self.pauseThreshold else { return [] }
        pause = (time.monotonic - lastCall, time.monotonic + Self.pauseEcho)
        return members.sorted { $0.key < $1.key }.flatMap { address, member -> [OriginalDirective] in
            if case .done = member.copy { askForCopy(address) } else { [] }
        }
    }
}

#if DEBUG
    extension Originals {
        /// Sentences on what must always hold and does not. For tests, after each step.
        func checkInvariants() -> [String] {
            var broken: [String] = []
            for (link, input) in inputs {
                switch input.kind {
                case .stream:
                    if members[input.member]?.input != link {
                        broken.append("\(link) is read, and its member knows nothing of it")
                    }
                case .copy:
                    if members[input.member]?.copy != .running(link) {
                        broken.append("\(link) is copied, and its member knows nothing of it")
                    }
                }
            }
            for (link, output) in outputs where output.kind == .stream {
                if members[output.member]?.outputs.contains(link) != true {
                    broken.append("\(link) is told, and its member knows nothing of it")
                }
            }
            for (address, member) in members {
                if member.isIdle { broken.append("\(address) is kept without a link") }
                if let input = member.input, inputs[input] == nil { broken.append("\(address) is read on no link") }
                if member.outputs.contains(where: { outputs[$0] == nil }) {
                    broken.append("\(address) is told on no link")
                }
            }
            if outputs.count > configuration.acceptedLinks { broken.append("too many links were accepted") }
            return broken
        }
    }
#endif
