// The writing half of the exchange with legacy peers: what clients did here, copies, and what one member asked for.

import Catalog
import Replication
import Time

extension Originals {
    /// Instances of a copy that are read from the catalog at once, and how many times in one call: what else the thread
    /// has to do must not wait long.
    private static let pieceCount = 256
    private static let piecesPerCall = 8

    func send(_ bytes: [UInt8], on link: LinkID) -> [OriginalDirective] {
        guard !bytes.isEmpty else { return [] }
        outputs[link]?.sent(bytes.count)
        return [.send(link, bytes)]
    }

    /// A link that we accepted is gone.
    func endOutput(_ link: LinkID) -> [OriginalDirective] {
        guard let output = outputs.removeValue(forKey: link) else { return [] }
        guard output.kind == .stream else { return [] }
        members[output.member]?.outputs.removeAll { $0 == link }
        let isLast = members[output.member]?.outputs.isEmpty ?? true
        forget(output.member)
        return isLast ? [.note(.readEnded(by: output.member))] : []
    }

    // MARK: - Live changes

    func appendLive(_ message: OriginalMessage, in namespace: String, to events: inout [UInt8]) {
        number += 1
        events.append(OriginalEnvelope(kind: .live, namespace: namespace, message: message), number: number)
    }

    /// Sends live events on a link, or drops them when too much waits there already; then all that began here is sent
    /// when it has drained.
    func tell(_ events: [UInt8], count: Int, on link: LinkID, at time: NodeTime) -> [OriginalDirective] {
        guard let output = outputs[link], output.overflowed == nil else { return [] }
        guard output.queuedBytes + events.count <= configuration.queueBytes else {
            outputs[link]?.overflowed = time.monotonic
            outputs[link]?.cursor = nil
            counts.overflows += 1
            return [.note(.overflowed(output.member))]
        }
        counts.sent += count
        return send(output.piece(events), on: link)
    }

    /// A state as events: of what is said of a service, one for each of its instances. Legacy peers know no other.
    func messages(_ state: Replicated, at time: NodeTime) -> [OriginalMessage] {
        switch state.replica {
        case .present(let instance, _, let heartbeat): [register(instance, heartbeat, in: state.namespace, at: time)]
        case .absent(let id, _, _, _): [.deregister(id: id.utf8)]
        case .renewed(let id, _, _): [.renew(id: id.utf8)]
        case .service(let service, _):
            store.instances(of: service, in: state.namespace, at: time.moment.lease).map {
                .register(OriginalInstance($0.instance, heartbeat: Heartbeat(age: 0, wall: $0.lastHeartbeat)))
            }
        }
    }

    /// An instance with the status that counts. A status is sent with all the rest, since the state does not say what
    /// was different before.
    private func register(
        _ instance: Instance, _ heartbeat: Heartbeat, in namespace: Namespace, at time: NodeTime
    ) -> OriginalMessage {
        let shown = store.instance(instance.id, in: namespace, at: time.moment.lease)?.instance.status
        return .register(
            OriginalInstance(instance.with(status: shown ?? instance.effectiveStatus), heartbeat: heartbeat))
    }

    // MARK: - Copies

    /// Goes on with a copy, or with sending again what began here, as far as the link takes it now.
    func continueCopy(_ link: LinkID, at time: NodeTime) -> [OriginalDirective] {
        guard let output = outputs[link], output.queuedBytes < configuration.copyBytesInFlight else { return [] }
        if output.overflowed != nil {
            outputs[link]?.overflowed = nil
            outputs[link]?.cursor = .start
        }
        var directives: [OriginalDirective] = []
        for _ in 0..<Self.piecesPerCall {
            guard let output = outputs[link], let cursor = output.cursor,
                output.queuedBytes < configuration.copyBytesInFlight
            else {
                break
            }
            let (items, next) = store.copy(from: cursor, limit: Self.pieceCount, at: time.moment)
            outputs[link]?.cursor = next
            switch output.kind {
            case .copy: directives += sendCopy(items, on: link, at: time)
            case .stream: directives += tellAnew(items, on: link, at: time)
            }
            if next == nil, output.kind == .copy { directives += endCopy(link) }
        }
        return directives
    }

    /// Expired instances are copied to new members only. After a pause that no member has made up for, what is alive
    /// looks dead by its age.
    private func isServed(_ instance: Instance, _ heartbeat: Heartbeat, in namespace: Namespace, at time: NodeTime)
        -> Bool
    {
        !instance.hasRunOut(age: heartbeat.age)
            || store.instance(instance.id, in: namespace, at: time.moment.lease) != nil
    }

    private func sendCopy(_ items: [Replicated], on link: LinkID, at time: NodeTime) -> [OriginalDirective] {
        guard let output = outputs[link] else { return [] }
        var events: [UInt8] = []
        var count = output.copied
        for item in items {
            guard case .present(let instance, _, let heartbeat) = item.replica,
                isServed(instance, heartbeat, in: item.namespace, at: time)
            else { continue }
            let message = register(instance, heartbeat, in: item.namespace, at: time)
            events.append(
                OriginalEnvelope(kind: .copy, namespace: item.namespace.name, message: message), number: count)
            count += 1
        }
        outputs[link]?.copied = count
        return send(output.piece(events), on: link)
    }

    private func endCopy(_ link: LinkID) -> [OriginalDirective] {
        guard let output = outputs[link] else { return [] }
        counts.copiesSent += 1
        let end = send(output.end(), on: link)
        _ = endOutput(link)
        return end + [.finish(link), .note(.copySent(to: output.member, instances: Int(output.copied)))]
    }

    /// The changes that began here, for a legacy peer that may have missed them. It gets changes that began elsewhere
    /// from there, and takes every message for new.
    private func tellAnew(_ items: [Replicated], on link: LinkID, at time: NodeTime) -> [OriginalDirective] {
        guard let output = outputs[link] else { return [] }
        var events: [UInt8] = []
        for item in items where item.replica.version.origin == configuration.member {
            if case .present(let instance, _, let heartbeat) = item.replica,
                !isServed(instance, heartbeat, in: item.namespace, at: time)
            {
                continue
            }
            // What is said of a service comes with its instances.
            if case .service = item.replica { continue }
            for message in messages(item, at: time) {
                appendLive(message, in: item.namespace.name, to: &events)
                counts.sent += 1
            }
        }
        return send(output.piece(events), on: link)
    }

    // MARK: - Read repair

    /// Asks a member for an instance that it renewed and that is not here. It receives from this member only if it
    /// reads its stream.
    func ask(_ member: PeerAddress, for id: InstanceID, in namespace: String, at time: NodeTime) -> [OriginalDirective]
    {
        guard let link = members[member]?.outputs.last, outputs[link]?.overflowed == nil else { return [] }
        let key = OriginalMember.Key(namespace: namespace, id: id)
        guard members[member]?.ask(key, at: time.monotonic, period: configuration.repairPeriod) ?? false else {
            return []
        }
        counts.repairsAsked += 1
        return sayAlone(.repair(id: id.utf8), in: namespace, on: link, at: time)
    }

    /// Answers a member that asked for an instance, if it is here.
    func answer(_ member: PeerAddress, with id: InstanceID, in namespace: String, at time: NodeTime)
        -> [OriginalDirective]
    {
        guard let link = members[member]?.outputs.last,
            case .present(let instance, _, let heartbeat) = store.state(
                of: id, in: Namespace(namespace), at: time.moment)?.replica
        else { return [] }
        counts.repairsAnswered += 1
        let message = register(instance, heartbeat, in: Namespace(namespace), at: time)
        return sayAlone(message, in: namespace, on: link, at: time)
    }

    /// Says something to one member only.
    private func sayAlone(_ message: OriginalMessage, in namespace: String, on link: LinkID, at time: NodeTime)
        -> [OriginalDirective]
    {
        var events: [UInt8] = []
        events.append(OriginalEnvelope(kind: .repair, namespace: namespace, message: message), number: 0)
        return tell(events, count: 1, on: link, at: time)
    }
}
