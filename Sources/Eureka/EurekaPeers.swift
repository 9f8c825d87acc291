// Tells Netflix's servers what clients do here, as one of their peers, so that those which have not moved yet see those
// which have (docs/eureka.md, E61x). Runs on a thread of its own; what clients do only notes ids.

package import Catalog
import HTTP
package import HTTPClient
import Libevent
package import RegistryCore
package import System
import Time

/// A fault of a peer, for the log.
package struct PeerFault: Sendable {
    /// Without user and password.
    package let peer: String
    package let sentence: String
}

/// The servers of Netflix's that are told. Safe to use from any thread.
package final class EurekaPeers: ChangeRelay, Sendable {
    package static let threadName = "eureka-peers"
    private static let niceness: Int32 = 5
    /// How often it is looked whether there is something to be told, in milliseconds.
    private static let period = 100

    private let namespace: Namespace
    private let peers: [(url: HTTPURL, outbox: PeerOutbox)]

    /// - Parameters:
    ///   - urls: the base paths, as clients name them.
    ///   - namespace: whose instances they are told of.
    package init(_ urls: [HTTPURL], namespace: Namespace) {
        self.namespace = namespace
        peers = urls.map { ($0, PeerOutbox()) }
    }

    /// Instances that some peer is still to be told of, and news that were dropped because too many wait.
    package var backlog: (waiting: Int, dropped: UInt64) {
        peers.reduce((0, 0)) { sum, peer in
            let counts = peer.outbox.counts
            return (sum.0 + counts.waiting, sum.1 + counts.dropped)
        }
    }

    // MARK: - What clients do

    package func registered(_ id: InstanceID, in namespace: Namespace) { note(id, .registered, in: namespace) }
    package func renewed(_ id: InstanceID, in namespace: Namespace) { note(id, .renewed, in: namespace) }
    package func overridden(_ id: InstanceID, in namespace: Namespace) { note(id, .overridden, in: namespace) }

    package func deregistered(_ instance: Instance, in namespace: Namespace) {
        note(instance.id, [], gone: instance, in: namespace)
    }

    private func note(_ id: InstanceID, _ news: PeerOutbox.News, gone: Instance? = nil, in namespace: Namespace) {
        guard namespace == self.namespace else { return }
        let now = MonotonicClock.now()
        for peer in peers { peer.outbox.note(id, news, gone: gone, at: now) }
    }

    // MARK: - Telling them

    /// The thread's whole life: until `stop` is raised.
    package func run(
        _ registry: RegistryState, until stop: WakeSignal, told: @escaping @Sendable (PeerFault) -> Void
    ) {
        NamedThread.yieldToOthers(Self.niceness)
        do {
            let loop = try EventLoop()
            let client = try HTTPClient(on: loop)
            if peers.contains(where: { $0.url.isSecure }) {
                try client.believe(authorityPath: nil)
            }
            let senders = peers.compactMap { peer in
                PeerSender(to: peer.url, peer.outbox, of: namespace, registry, client, told)
            }
            let timer = try LoopEvent.every(milliseconds: Self.period, on: loop) { onLoop in
                for sender in senders { sender.turn(onLoop) }
                guard stop.isRaised else { return }
                client.close(onLoop)
                loop.stop(onLoop)
            }
            loop.run()
            withExtendedLifetime((timer, senders)) {}
        } catch {
            told(PeerFault(peer: "", sentence: "changes cannot be published to EUREKA_PEERS: \(error)"))
        }
    }
}

/// Sends to one server, one batch at a time. Belongs to its loop's thread.
private final class PeerSender {
    /// How long news wait for others: half a second less the time until it is looked.
    private static let patience: Duration = .milliseconds(400)
    /// How long it waits after a failure: doubled each time.
    private static let pauses: ClosedRange<Duration> = .seconds(1) ... .seconds(30)
    /// How long an answer may take, in milliseconds.
    private static let answerTime = 10_000

    private let url: HTTPURL
    private let outbox: PeerOutbox
    private let namespace: Namespace
    private let registry: RegistryState
    private let client: HTTPClient
    private let told: @Sendable (PeerFault) -> Void
    private var isSending = false
    /// How many instances a batch is made of: fewer once one was too long for the server, or a proxy before it.
    private var most = PeerBatch.limit
    private var pause = PeerSender.pauses.lowerBound
    private var restsUntil = MonotonicTime.distantPast
    /// The last fault that was told: the same is not told again.
    private var fault: String?

    init?(
        to base: HTTPURL, _ outbox: PeerOutbox, of namespace: Namespace, _ registry: RegistryState,
        _ client: HTTPClient,
        _ told: @escaping @Sendable (PeerFault) -> Void
    ) {
        guard let url = base.appending(path: "peerreplication/batch/") else { return nil }
        (self.url, self.outbox, self.namespace) = (url, outbox, namespace)
        (self.registry, self.client, self.told) = (registry, client, told)
    }

    func turn(_ onLoop: borrowing OnLoop) {
        let now = MonotonicClock.now()
        guard !isSending, restsUntil <= now else { return }
        let entries = outbox.take(most, patience: Self.patience, at: now)
        guard !entries.isEmpty else { return }
        let moment = registry.moment(monotonic: now, wall: WallClock.nanoseconds())
        let batch = PeerBatch(entries) { registry.lookup.instance($0, in: namespace, at: moment.lease) }
        outbox.putBack(batch.rest, at: now - Self.patience)
        guard !batch.isEmpty else { return }
        var request = OutgoingRequest(.post, url)
        request.fields = [("Content-Type", "application/json"), ("Accept", "application/json")]
        request.body = batch.body
        request.deadlines.whole = Self.answerTime
        isSending = true
        client.fetch(request, onLoop) { [self] result, onLoop in
            answered(result, to: batch)
            // Where much waits it goes at the pace of the server.
            turn(onLoop)
        }
    }

    private func answered(_ result: Result<FetchedAnswer, ClientFailure>, to batch: PeerBatch) {
        isSending = false
        let now = MonotonicClock.now()
        switch result {
        case .failure(let failure):
            outbox.putBack(batch.entries, at: now)
            rest(at: now, "\(failure)")
        case .success(let answer):
            switch batch.verdict(status: answer.status, answer.body) {
            case .taken(let unknown):
                for id in unknown { outbox.note(id, .registered, at: now) }
                pause = Self.pauses.lowerBound
                fault = nil
            case .later:
                outbox.putBack(batch.entries, at: now)
                rest(at: now, "it is congested (\(answer.status))")
            case .tooLong:
                most = max(1, batch.entries.count / 2)
                outbox.putBack(batch.entries, at: now - Self.patience)
            case .dropped(let status): rest(at: now, "it answers \(status) to a batch, which is dropped")
            }
        }
    }

    private func rest(at now: MonotonicTime, _ sentence: String) {
        restsUntil = now + pause
        pause = min(pause * 2, Self.pauses.upperBound)
        guard fault != sentence else { return }
        fault = sentence
        told(PeerFault(peer: "\(url)", sentence: sentence))
    }
}
