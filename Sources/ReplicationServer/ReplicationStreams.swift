// What happens to streams on the replication thread, from their first byte to the moment when they are the node's
// affair or that of legacy peers.

import Glibc
import Libevent
import Logging
import Replication
import TLS
import Text
import Time

extension ReplicationLoop {
    func happened(_ event: StreamEvent, to id: StreamID, _ onLoop: borrowing OnLoop) {
        switch event {
        case .opened(let peer): opened(id, peer, onLoop)
        case .received(let bytes): received(bytes, on: id, onLoop)
        case .drained: drained(id, streams?.queuedBytes(on: id) ?? 0, onLoop)
        case .closed(let end, let host): closed(id, end, host, onLoop)
        }
    }

    // MARK: - Dialing

    func dial(_ address: PeerAddress, _ purpose: Occupant.Purpose, _ onLoop: borrowing OnLoop) {
        guard let streams else { return }
        // A copy of this kind is requested from legacy peers only.
        let isPlain = security == nil || purpose == .copy || plainNext.remove(address) != nil
        let id = streams.connect(
            to: address.host.description, port: address.port, security: isPlain ? nil : security?.connecting.current,
            within: Self.dialTime,
            onLoop)
        occupants[id] = Occupant(
            use: .dialing(address, purpose, UpgradeAnswerReader()), host: address.host.description, isPlain: isPlain)
    }

    private func dialFailed(
        _ address: PeerAddress, _ purpose: Occupant.Purpose, _ reason: String, refusal: RefusalReason? = nil,
        isPlain: Bool,
        _ onLoop: borrowing OnLoop
    ) {
        log.dialFailed(address, reason)
        if !isPlain, security != nil, allowsLegacy { plainNext.insert(address) }
        switch purpose {
        case .changes: carryOut(node.dialFailed(address, reason: reason, refusal: refusal, at: now), onLoop)
        case .copy: carryOut(legacy?.copyFailed(address, at: now) ?? [], onLoop)
        }
    }

    // MARK: - Opening

    private func opened(_ id: StreamID, _ peer: StreamPeer, _ onLoop: borrowing OnLoop) {
        let own = parts.configuration.node.address
        var occupant =
            occupants[id]
            ?? Occupant(
                use: .asking(
                    UpgradeRequestReader(
                        address: own, allowsOriginals: allowsLegacy,
                        allowsFrames: security == nil || peer.isSecure)), host: peer.host, isPlain: !peer.isSecure)
        if let security, peer.isSecure {
            switch security.judge(peer.certificate) {
            case .member(let names): occupant.boundTo = names
            case .stranger:
                guard case .dialing = occupant.use else { return answer(id, .stranger, occupant, onLoop) }
                return refuse(id, occupant, UpgradeRefusal.stranger.sentence, refusal: .certificate, onLoop)
            }
        }
        occupants[id] = occupant
        guard case .dialing(let address, let purpose, _) = occupant.use else { return }
        streams?.send(UpgradeHandshake.request(to: address, from: own, copy: purpose == .copy), on: id, onLoop)
    }

    private func refuse(
        _ id: StreamID, _ occupant: Occupant, _ reason: String, refusal: RefusalReason? = nil,
        _ onLoop: borrowing OnLoop
    ) {
        close(id, drainingFor: 0, onLoop)
        if case .dialing(let address, let purpose, _) = occupant.use {
            dialFailed(address, purpose, reason, refusal: refusal, isPlain: occupant.isPlain, onLoop)
        } else {
            log.refused(occupant.host, reason)
        }
    }

    // MARK: - Reading

    private func received(_ bytes: [UInt8], on id: StreamID, _ onLoop: borrowing OnLoop) {
        guard let occupant = occupants[id] else { return }
        switch occupant.use {
        case .frames: carryOut(node.received(bytes, on: id.link, at: now), onLoop)
        case .original: carryOut(legacy?.received(bytes, on: id.link, at: now) ?? [], onLoop)
        case .asking(var reader):
            let verdict = reader.take(bytes)
            occupants[id]?.use = .asking(reader)
            asked(id, verdict, occupant, onLoop)
        case .dialing(let address, let purpose, var reader):
            let verdict = reader.take(bytes)
            occupants[id]?.use = .dialing(address, purpose, reader)
            answered(id, verdict, occupant, address, purpose, onLoop)
        }
    }

    private func asked(
        _ id: StreamID, _ verdict: UpgradeRequestReader.Verdict, _ occupant: Occupant, _ onLoop: borrowing OnLoop
    ) {
        switch verdict {
        case .incomplete: break
        case .refused(let refusal): answer(id, refusal, occupant, onLoop)
        case .request(let request, let rest):
            switch request.kind {
            case .frames:
                // It has to authenticate within the node's own deadline, or the node closes; until then it counts as an
                // unauthenticated peer.
                streams?.admit(
                    id,
                    after: Int(parts.configuration.node.limits.handshakeDeadline.wholeMilliseconds) + Self.drainTime,
                    onLoop)
                occupants[id]?.use = .frames
                streams?.send(UpgradeHandshake.upgraded, on: id, onLoop)
                carryOut(
                    node.linkOpened(
                        id.link, role: .accepted, address: request.member, boundTo: occupant.boundTo, at: now), onLoop)
            case .originalCopy:
                guard node.isWhole else { return answer(id, .notReady, occupant, onLoop) }
                becomesOriginal(id, nil, onLoop)
                carryOut(
                    legacy?.copyAsked(id.link, by: request.member, acceptsGzip: request.acceptsGzip, at: now) ?? [],
                    onLoop)
            case .originalChanges:
                becomesOriginal(id, nil, onLoop)
                carryOut(
                    legacy?.streamAsked(id.link, by: request.member, acceptsGzip: request.acceptsGzip, at: now) ?? [],
                    onLoop)
            }
            if !rest.isEmpty { received(rest, on: id, onLoop) }
        }
    }

    private func answer(_ id: StreamID, _ refusal: UpgradeRefusal, _ occupant: Occupant, _ onLoop: borrowing OnLoop) {
        log.refused(occupant.host, refusal.sentence)
        streams?.send(refusal.answer, on: id, onLoop)
        close(id, drainingFor: Self.drainTime, onLoop)
    }

    private func answered(
        _ id: StreamID, _ verdict: UpgradeAnswerReader.Verdict, _ occupant: Occupant, _ address: PeerAddress,
        _ purpose: Occupant.Purpose,
        _ onLoop: borrowing OnLoop
    ) {
        switch (verdict, purpose) {
        case (.incomplete, _): break
        case (.frames, .changes) where occupant.isPlain && security != nil:
            refuse(
                id, occupant, "it upgrades without TLS, which members of this cluster use", refusal: .certificate,
                onLoop)
        case (.frames(let rest), .changes):
            log.reached(address)
            streams?.admit(id, onLoop)
            occupants[id]?.use = .frames
            carryOut(
                node.linkOpened(id.link, role: .dialed, address: address, boundTo: occupant.boundTo, at: now), onLoop)
            if !rest.isEmpty { received(rest, on: id, onLoop) }
        case (.original(let answer, let rest), _) where allowsLegacy:
            log.reached(address)
            becomesOriginal(id, address, onLoop)
            plainNext.formUnion(occupant.isPlain && security != nil ? [address] : [])
            if purpose == .changes {
                carryOut(node.originalChanged(address, to: .connected, at: now), onLoop)
                carryOut(legacy?.streamOpened(id.link, from: address, answer: answer, at: now) ?? [], onLoop)
            } else {
                carryOut(legacy?.copyOpened(id.link, from: address, answer: answer, at: now) ?? [], onLoop)
            }
            if !rest.isEmpty { received(rest, on: id, onLoop) }
        case (.original, _): refuse(id, occupant, "it is a legacy peer, which replication_plain does not allow", onLoop)
        case (.frames, .copy): refuse(id, occupant, "it answered the request for a copy with an upgrade", onLoop)
        case (.refused(let reason), _): refuse(id, occupant, reason, refusal: .certificate, onLoop)
        case (.failed(let reason), _): refuse(id, occupant, reason, onLoop)
        }
    }

    // MARK: - Legacy peers

    private func becomesOriginal(_ id: StreamID, _ address: PeerAddress?, _ onLoop: borrowing OnLoop) {
        streams?.admit(id, onLoop)
        // It has no pings, and may have nothing to say for hours. What it reads is not closed so soon: it might never
        // notice.
        if address != nil { streams?.keepAlive(id, onLoop) }
        occupants[id]?.use = .original(address)
    }

    /// Those whose address is no longer one of a member's are no longer read.
    func letOriginalsGo(_ onLoop: borrowing OnLoop) {
        for (id, occupant) in occupants {
            guard case .original(.some(let address)) = occupant.use, !members.contains(address) else { continue }
            close(id, drainingFor: 0, onLoop)
            carryOut(legacy?.linkClosed(id.link, at: now) ?? [], onLoop)
        }
    }

    // MARK: - Closing

    private func closed(_ id: StreamID, _ end: StreamEnd, _ host: String, _ onLoop: borrowing OnLoop) {
        guard let occupant = occupants.removeValue(forKey: id) else {
            // It was never opened: a handshake of TLS that failed.
            security?.health.handshakeFailed()
            return log.refused(host, end.sentence)
        }
        switch occupant.use {
        case .asking: log.refused(occupant.host, end.sentence)
        case .dialing(let address, let purpose, _):
            let refusal: RefusalReason? = if case .distrusted = end { .certificate } else { nil }
            dialFailed(address, purpose, end.sentence, refusal: refusal, isPlain: occupant.isPlain, onLoop)
        case .frames: carryOut(node.linkClosed(id.link, at: now), onLoop)
        case .original: carryOut(legacy?.linkClosed(id.link, at: now) ?? [], onLoop)
        }
    }
}
