// The limits that all loops of a process share: the limits, the count of connections that they hold together, the bytes
// that wait for slow clients, and a tally of the clients that exceeded a limit. A loop asks it when a connection comes
// or goes, never for a request.

package import HTTP
import Synchronization

/// The limits on connections.
package struct LimitRules: Sendable, Equatable {
    package var deadlines = Deadlines()
    /// Connections of all loops together; more are answered 503 or closed.
    package var connections = 50_000
    /// Connections of one client; nil is no limit.
    package var connectionsPerClient: Int?
    /// Bytes of input that one connection may have unread. Invariant: at least `leastInput` for the limits in force.
    package var input = 131_072
    /// Bytes of answers that may wait for one client before its next request is looked at.
    package var answersAhead = 65_536
    /// Bytes of a streamed answer that may wait for its client; more are not taken.
    package var streamedAhead = 65_536
    /// Bytes of answers that may wait for all clients together; over it those that take nothing are closed, and nothing
    /// large is added.
    package var waitingOutput = 256 << 20

    package init() {}

    /// evhttp takes a declared body as a whole, and a reading that stops below the largest that it takes would never go
    /// on.
    package static func leastInput(_ limits: RequestLimits) -> Int {
        limits.head + limits.body + HTTPServer.evhttpSlack
    }
}

/// What a limit did to a connection. A closed set: the names are labels of metrics.
package enum LimitEvent: Int, Sendable, CaseIterable {
    /// Refused: there are as many connections as there may be.
    case connections
    /// Refused: the client has the most connections that it may have.
    case connectionsPerClient
    /// Refused: no file descriptor was left.
    case descriptors
    /// Closed: nothing came for too long.
    case idle
    /// Closed with 408: the head took too long.
    case header
    /// Closed with 408: the request took too long.
    case request
    /// Closed: an answer was not taken in time.
    case answer
    /// Closed: too many bytes waited for all clients together, and this one took none.
    case waitingOutput
    /// Closed: a refused client went on sending.
    case leaving

    /// The label that metrics and log lines know it by.
    package var name: String {
        switch self {
        case .connections: "connections"
        case .connectionsPerClient: "connections_per_client"
        case .descriptors: "descriptors"
        case .idle: "idle"
        case .header: "header_deadline"
        case .request: "request_deadline"
        case .answer: "answer_deadline"
        case .waitingOutput: "waiting_output"
        case .leaving: "leaving"
        }
    }

    /// Whether the connection was never served, rather than ended.
    package var isRefusal: Bool {
        switch self {
        case .connections, .connectionsPerClient, .descriptors: true
        case .idle, .header, .request, .answer, .waitingOutput, .leaving: false
        }
    }
}

/// The limits that the loops of a process share. Safe to use from any thread.
package final class ConnectionLimits: Sendable {
    /// How often an event happened, and to which client last.
    package struct Tally: Sendable, Equatable {
        package var count: UInt64 = 0
        /// How often it was answered, with the status of `LimitEvent.refusal`.
        package var answers: UInt64 = 0
        package var client: String?
    }

    private struct Census {
        var rules: LimitRules
        var open = 0
        var clients: [ClientKey: Int] = [:]
    }

    /// The rules in force. Each server has a copy, which is renewed a few times a second.
    package var rules: LimitRules { census.withLock { $0.rules } }
    private let census: Mutex<Census>
    /// Of the rules: asked with every large answer.
    private let waitingOutput: Atomic<Int>
    private let tallies = Mutex([Tally](repeating: Tally(), count: LimitEvent.allCases.count))
    private let waiting = Atomic<Int>(0)
    /// Bytes of bodies that are lent, each counted once however many clients it waits for.
    private let lent = Atomic<Int>(0)

    package init(_ rules: LimitRules = LimitRules()) {
        census = Mutex(Census(rules: rules))
        waitingOutput = Atomic(rules.waitingOutput)
    }

    /// Puts other rules into force. Connections that are too many by them stay.
    package func change(_ rules: LimitRules) {
        census.withLock { $0.rules = rules }
        waitingOutput.store(rules.waitingOutput, ordering: .relaxed)
    }

    /// How often each event has happened since the start, by `LimitEvent.rawValue`.
    package func tally() -> [Tally] { tallies.withLock { $0 } }

    /// Bytes of answers that wait for clients, as of the loops' last sweeps.
    package var waitingBytes: Int { waiting.load(ordering: .relaxed) }

    /// From how many bytes on a body is worth counting.
    package static let largeBody = 16_384

    /// Whether a body may be sent: over the limit on what waits, one that would take memory of its own must not.
    package func hasRoom(for body: borrowing ResponseBody) -> Bool { hasRoom(forBytes: body.count) || body.isLent }

    /// Whether a body of this many bytes may be rendered.
    package func hasRoom(forBytes count: Int) -> Bool {
        count < Self.largeBody || lent.load(ordering: .relaxed) < waitingOutput.load(ordering: .relaxed)
    }

    /// libevent points to a body's bytes for one more answer.
    func lend(_ chain: FragmentChain) {
        if chain.loans.add(1, ordering: .relaxed).oldValue == 0 { lent.add(chain.count, ordering: .relaxed) }
    }

    /// An answer has been written, or given up.
    func takeBack(_ chain: FragmentChain) {
        if chain.loans.subtract(1, ordering: .relaxed).newValue == 0 { lent.subtract(chain.count, ordering: .relaxed) }
    }

    /// How often a limit answered a client with this status; such an answer has no access line.
    package func answers(_ status: HTTP.Status) -> UInt64 {
        let tally = tally()
        return LimitEvent.allCases.reduce(0) { $1.refusal?.status == status ? $0 + tally[$1.rawValue].answers : $0 }
    }

    /// `isAnswered`: whether the client gets an answer, where the event has a status.
    package func note(_ event: LimitEvent, _ client: String?, isAnswered: Bool = true) {
        tallies.withLock { tallies in
            tallies[event.rawValue].count += 1
            if isAnswered, event.refusal != nil { tallies[event.rawValue].answers += 1 }
            tallies[event.rawValue].client = client
        }
    }

    /// Counts a connection in, unless a limit forbids it; then says which one.
    package func admit(_ client: ClientKey?) -> LimitEvent? {
        census.withLock { census in
            guard census.open < census.rules.connections else { return .connections }
            if let most = census.rules.connectionsPerClient, let client {
                let held = census.clients[client, default: 0]
                guard held < most else { return .connectionsPerClient }
                census.clients[client] = held + 1
            }
            census.open += 1
            return nil
        }
    }

    /// Counts an admitted connection out again.
    package func leave(_ client: ClientKey?) {
        census.withLock { census in
            census.open -= 1
            // Also when there is a limit no longer, or was none when it came.
            guard let client, let held = census.clients[client] else { return }
            census.clients[client] = held > 1 ? held - 1 : nil
        }
    }

    /// The waiting bytes of a loop have changed by this many; returns the new sum of all loops.
    func addWaiting(_ change: Int) -> Int { waiting.add(change, ordering: .relaxed).newValue }
}
