// How a node stands, as a value: one look at everything it knows, for pages and metrics.

import Catalog
import Time

extension Node {
    /// Members with a proven link in either direction, and this one.
    var size: Int {
        var members = Set(links.values.compactMap { $0.peer?.member })
        members.insert(configuration.member)
        return members.count + known.connectedOriginals.count
    }

    /// How everything stands.
    package func status(at time: NodeTime) -> ClusterStatus {
        ClusterStatus(
            member: configuration.member, name: configuration.name, address: configuration.address,
            isReady: startup.isServing,
            ground: startup.ground,
            readiness: startup.report, refusal: refusalByAll, expectedSize: configuration.clusterSize, size: size,
            clockOffset: judgments.clock.offset,
            clockCorrection: judgments.clock.correction,
            holdsLeases: pause.awaitsPeers, digestRoot: store.digest().root, peers: peers(at: time),
            conflicts: judgments.conflicts,
            counts: counts)
    }

    /// What the member at this address is called, as far as it ever said.
    package func name(at address: PeerAddress) -> String? {
        known.memory.records[address]?.name.flatMap { $0.isEmpty ? nil : $0 }
    }

    private func peers(at time: NodeTime) -> [PeerStatus] {
        var peers = known.dials.entries.sorted { $0.key < $1.key }.map { peer(at: $0.key, $0.value, at: time) }
        for (address, record) in known.memory.records.sorted(by: { $0.key < $1.key })
        where record.isLost && known.dials.entries[address] == nil {
            guard !links.values.contains(where: { $0.peer?.member == record.member }) else { continue }
            peers.append(
                PeerStatus(
                    address: address, member: record.member, name: record.name, state: .lost, isReady: false,
                    clockOffset: nil, failures: 0,
                    version: record.version, since: record.since, fault: record.fault, lastCopy: nil, digestsAgree: nil,
                    lag: nil))
        }
        // Who only reads from us, as far as we know.
        for link in sortedLinks() where link.role == .accepted {
            guard let hello = link.peer, hello.member != configuration.member else { continue }
            if peers.contains(where: { $0.member == hello.member }) { continue }
            peers.append(status(of: link, hello, address: hello.address, state: .unreached, failures: 0, at: time))
        }
        return peers
    }

    private func peer(at address: PeerAddress, _ entry: DialTable.Entry, at time: NodeTime) -> PeerStatus {
        let state: PeerStatus.State
        switch entry.state {
        case _ where isRefused(entry): state = .refused
        case .waiting: state = .waiting
        // To look whether it leads home still is no news.
        case .dialing: state = entry.isOurs ? .ourself : .dialing
        case .original: state = .original
        case .ourself: state = .ourself
        case .duplicate: state = .duplicate
        case .linked(let id):
            if let link = links[id], let hello = link.peer, let subscriber = link.subscriber {
                return status(
                    of: link, hello, address: address, state: subscriber.isStreaming ? .streaming : .copying,
                    failures: entry.failures,
                    at: time)
            }
            state = entry.isOurs ? .ourself : .greeting
        }
        let record = known.memory.records[address]
        let known = isKnown(state) ? record : nil
        return PeerStatus(
            address: address, member: nil, name: known?.name, state: state, isReady: state == .original,
            clockOffset: nil,
            failures: entry.failures, refusal: state == .refused ? entry.refusal : nil, version: known?.version,
            since: known?.member == nil ? nil : known?.since, fault: record?.fault, lastCopy: nil, digestsAgree: nil,
            lag: nil)
    }

    /// Whether who was there last is who is meant now.
    private func isKnown(_ state: PeerStatus.State) -> Bool {
        switch state {
        case .waiting, .dialing, .greeting, .refused: true
        case .copying, .streaming, .original, .ourself, .duplicate, .unreached, .lost: false
        }
    }

    private func isRefused(_ entry: DialTable.Entry) -> Bool {
        guard entry.refusal != nil, !entry.isOurs else { return false }
        switch entry.state {
        case .waiting, .dialing, .linked: return true
        case .original, .ourself, .duplicate: return false
        }
    }

    private func status(
        of link: Link, _ hello: Hello, address: PeerAddress, state: PeerStatus.State, failures: Int, at time: NodeTime
    ) -> PeerStatus {
        let publication = sortedLinks().last { $0.peer?.member == hello.member && $0.publisher != nil }?.publisher
        let lag = publication.map { publisher in
            PeerStatus.Lag(
                changes: publisher.lag.changes, milliseconds: publisher.lag.milliseconds(at: time.monotonic),
                queuedBytes: publisher.queuedBytes, hasOverflowed: publisher.hasOverflowed,
                isCopying: publisher.isCopying)
        }
        return PeerStatus(
            address: address, member: hello.member, name: hello.name, state: state,
            isReady: link.beat?.isReady ?? false,
            clockOffset: link.clockOffset(at: time), failures: failures,
            version: link.handshake.version, since: link.openedAt,
            fault: known.memory.records[address]?.fault, lastCopy: link.lastCopy,
            digestsAgree: link.subscriber?.comparison.areEqual, lag: lag, isDrained: link.beat?.isDrained ?? false)
    }
}
