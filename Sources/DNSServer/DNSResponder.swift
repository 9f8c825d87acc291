// Answers queries on one loop: who asks, what is asked, and what there is. A name that was asked for before costs a
// look-up in a table and a comparison of revisions; any other is looked up in the catalog.

package import Authorization
import Catalog
import Configuration
import DNS
package import RegistryCore
import System
package import Text
package import Time

/// Answers messages. Of one loop's thread.
package final class DNSResponder {
    /// Instances of a service that are looked at for an answer. Looking at more would hold the loop; no message holds
    /// as many.
    private static let mostInstances = 16_384

    private let registry: RegistryState
    private let configuration: DNSConfiguration
    private let counts: DNSCounts
    private let admission: Admission
    private let clock: () -> MonotonicTime
    private var cache = AnswerCache()
    private var names: [Namespace: KeptNames] = [:]
    private var isStopped = false

    /// - Parameter clock: tells how long things take.
    package init(
        _ registry: RegistryState, _ configuration: DNSConfiguration, _ authorizer: Authorizer, _ counts: DNSCounts,
        clock: @escaping () -> MonotonicTime = MonotonicClock.now
    ) {
        (self.registry, self.configuration, self.counts, self.clock) = (registry, configuration, counts, clock)
        admission = Admission(to: registry, authorizer)
    }

    /// From now on all who may ask are told to ask elsewhere.
    func stop() { isStopped = true }

    /// Answers one message, into `output`, whose bytes it replaces; none are left where nothing is to be said.
    package func answer(
        _ message: borrowing Span<UInt8>, from client: IPAddress, by transport: DNSTransport, at now: MonotonicTime,
        into output: inout [UInt8]
    ) {
        switch Query.read(message) {
        case .silence:
            output.removeAll(keepingCapacity: true)
            counts.countIgnored()
        case .wrong(let id, let flags, let code):
            configuration.writer.write(code, id: id, flags: flags, into: &output)
            counts.count(WrittenAnswer(code: code), by: transport)
        case .query(let query):
            let answer = decide(query, message, from: client, at: now)
            let room: AnswerRoom =
                transport == .tcp ? .stream : .datagram(query.edns, most: configuration.longestDatagram)
            var written = write(answer, to: query, message, in: room, into: &output)
            var isLimited = false
            if transport == .udp, output.count > AnswerRoom.least, !configuration.takeLongAnswer(client, at: now) {
                isLimited = true
                written = write(.onlyByStream, to: query, message, in: room, into: &output)
            }
            counts.count(written, by: transport, isLimited: isLimited)
        }
    }

    private func write(
        _ answer: Answer, to query: Query, _ message: borrowing Span<UInt8>, in room: AnswerRoom,
        into output: inout [UInt8]
    ) -> WrittenAnswer {
        configuration.writer.write(
            answer, to: query, of: message, in: room, serial: configuration.serial(registry.lookup), into: &output)
    }

    // MARK: - Deciding

    private func decide(
        _ query: Query, _ message: borrowing Span<UInt8>, from client: IPAddress, at now: MonotonicTime
    ) -> Answer {
        guard configuration.allowed.contains(client) else { return .failure(.refused) }
        if let edns = query.edns, edns.version > 0 { return .failure(.badVersion) }
        guard query.recordClass == internetClass, query.type != RecordType.axfr, query.type != RecordType.ixfr else {
            return .failure(.refused)
        }
        guard !isStopped else { return .failure(.serverFailure) }
        do throws(AdmissionRefusal) {
            // The operator has opened this port, which has no TLS.
            try admission.enter(client.description, for: .lookUp, isSecure: true, at: now)
            if let kept = cache.find(query, in: message), isVisible(kept.shown, to: client) {
                try admission.admit(kept.shown.principal, for: .lookUp, at: now)
                if !kept.isEmpty,
                    kept.isGood(registry.lookup, at: registry.leaseClock.now(monotonic: now), monotonic: now)
                {
                    return .records(kept.material, rotation: kept.nextRotation(query.type))
                }
                return lookUp(query, message, kept.shown, at: now)
            }
            return try decide(query, message, unknownTo: client, at: now)
        } catch {
            switch error {
            // Whoever asks too much may ask somebody else.
            case .overAllowance, .insecure, .unauthorized, .operatorOnly, .otherNamespace, .onlyDefault,
                .badNamespace:
                return .failure(.refused)
            // What is not known here may be elsewhere, and nothing would mean that it is gone.
            case .leaving, .noCopyYet, .storeAway: return .failure(.serverFailure)
            }
        }
    }

    private func isVisible(_ shown: ShownNamespace, to client: IPAddress) -> Bool {
        shown.range.map { $0.contains(client) } ?? true
    }

    private func decide(
        _ query: Query, _ message: borrowing Span<UInt8>, unknownTo client: IPAddress, at now: MonotonicTime
    ) throws(AdmissionRefusal) -> Answer {
        switch configuration.writer.zone.place(of: DomainName(folded: query.foldedName(in: message))) {
        case .outside: return .failure(.refused)
        case .apex: return .apex
        case .nameServer: return configuration.writer.serverAnswer
        case .empty: return .nothing
        case .missing: return .failure(.nameError)
        case .address(let address):
            return .records(AnswerMaterial([address], ttl: ResponseWriter.longTTL), rotation: 0)
        case .service(let alias, let readings, _):
            guard let shown = configuration.shown[alias], isVisible(shown, to: client) else {
                // The names above services exist whatever is shown.
                return alias == Zone.ownAlias && readings.isEmpty ? .nothing : .failure(.nameError)
            }
            try admission.admit(shown.principal, for: .lookUp, at: now)
            return readings.isEmpty ? .nothing : lookUp(query, message, shown, at: now)
        }
    }

    /// Looks a service up, and keeps what is found.
    private func lookUp(
        _ query: Query, _ message: borrowing Span<UInt8>, _ shown: ShownNamespace, at monotonic: MonotonicTime
    ) -> Answer {
        let name = query.foldedName(in: message)
        let now = registry.leaseClock.now(monotonic: monotonic)
        guard case .service(_, let readings, let labels) = configuration.writer.zone.place(of: DomainName(folded: name))
        else { return .failure(.nameError) }
        let view = NamespaceView(registry.lookup, shown.namespace, at: now) { [self] in keptNames(shown, at: now) }
        let choice = ServiceChoice(readings, labels: labels, in: view)
        guard case .service(let service, let reading) = choice else {
            cache.keep(nil, for: query, in: message)
            // What others have acknowledged may not have come yet, and nothing would mean that it is gone.
            guard !registry.isBehind(in: shown.namespace, at: monotonic) else { return .failure(.serverFailure) }
            return choice == .empty ? .nothing : .failure(.nameError)
        }
        if let kept = cache.find(query, in: message), !kept.isEmpty,
            kept.isRenewed(by: view, service, reading, at: now)
        {
            return .records(kept.material, rotation: kept.nextRotation(query.type))
        }
        guard
            let listing = registry.lookup.listing(
                of: service, in: shown.namespace, at: now, atMost: Self.mostInstances)
        else { return .failure(.serverFailure) }
        let targets = listing.targets(of: reading)
        let material = AnswerMaterial(targets, ttl: configuration.ttl, in: configuration.writer.zone)
        let kept = KeptAnswer(
            name, shown, service, reading, view, material, targets: targets.count, listing, at: monotonic)
        cache.keep(kept, for: query, in: message)
        if targets.isEmpty, registry.isBehind(in: shown.namespace, at: monotonic) { return .failure(.serverFailure) }
        return .records(material, rotation: kept.nextRotation(query.type))
    }

    private func keptNames(_ shown: ShownNamespace, at now: LeaseTime) -> KeptNames {
        var kept = names[shown.namespace] ?? KeptNames()
        kept.renew(registry.lookup, shown.namespace, at: now, clock: clock)
        names[shown.namespace] = kept
        return kept
    }
}
