// One connection to one server of Redis: its name is looked up, it is connected, greeted, and then asked whatever its
// owner likes. A reply that does not come in time ends it, since a late one would be taken for the next command's; so
// does anything that nobody has asked for. Another attempt is the owner's affair.
//
//   looking up ──► connecting ──► greeting ──► ready ──► ended
//        │            │ next address  │ refused            ▲
//        └────────────┴───────────────┴───────────────────►┘

package import Libevent
package import RESP
package import RedisStore
import System
import TLS
import Text
import Time

/// A connection, from its making to its end. Belongs to its loop's thread; its events come there, never from within a
/// call to it.
package final class RedisConnection<Tag: Sendable> {
    package typealias Handler = (RedisEvent<Tag>, borrowing OnLoop) -> Void

    /// What a reply is for.
    private enum Asked {
        case greeting
        case ping
        case subscription
        case owner(Tag)
    }

    private enum State {
        case lookingUp
        case connecting(rest: ArraySlice<String>)
        case greeting(Greeting)
        case ready
        case ended
    }

    /// How long a server is left alone before it is asked whether it is there.
    private static var idleTime: Duration { .seconds(1) }
    /// What a name may take to be looked up: name servers are asked again after some seconds.
    private static var lookUpTime: Duration { .seconds(6) }

    package let node: StoreNode
    private let number: UInt64
    private let introduction: Introduction
    private let timeout: Duration
    private let trust: TLSContext?
    private unowned let connections: RedisConnections
    private let handler: Handler
    private var state = State.lookingUp
    private var stream: StreamID?
    private var reader: RESPReader?
    private var queue = CommandQueue<Asked>()
    /// What leaves at the end of the turn.
    private var outgoing: [UInt8] = []
    /// When the server has last been asked something.
    private var lastAsked: MonotonicTime
    /// Why the last address was not reached; and what could not be told from within `begin`.
    private var lastEnd: String?
    private var isSubscribed = false

    init(
        _ number: UInt64, to node: StoreNode, _ introduction: Introduction, timeout: Duration, trust: TLSContext?,
        of connections: RedisConnections, _ handler: @escaping Handler
    ) {
        self.number = number
        self.node = node
        self.introduction = introduction
        self.timeout = timeout
        self.trust = trust
        self.connections = connections
        self.handler = handler
        lastAsked = MonotonicClock.now()
    }

    // MARK: - What its owner does

    /// Whether commands may be sent.
    package var isReady: Bool { if case .ready = state { true } else { false } }

    /// How many commands are not answered, and how many bytes they have.
    package var unanswered: (commands: Int, bytes: Int) { (queue.count, queue.bytes) }

    /// Asks the server something; it leaves at the end of this turn of the loop. False, and nothing is asked, when the
    /// connection is not ready, or has as much to answer as it may.
    /// - deadline: how long the reply may take; what the connection was made with when nil.
    /// - changes: whether it matters if it is done without an answer.
    package func send(_ command: RESPCommand, tag: Tag, deadline: Duration? = nil, changes: Bool = true) -> Bool {
        isReady && !isSubscribed && ask(command, .owner(tag), within: deadline, changes: changes)
    }

    /// Has the server tell what is published on the channel. From then on it takes no other commands.
    package func subscribe(to channel: String) -> Bool {
        guard isReady, ask(RESPCommand("SUBSCRIBE", channel), .subscription) else { return false }
        isSubscribed = true
        return true
    }

    /// Ends it; nothing more is told. Gives what was asked and not answered.
    @discardableResult
    package func close(_ onLoop: borrowing OnLoop) -> [(tag: Tag, loss: CommandLoss)] {
        guard !isEnded else { return [] }
        state = .ended
        outgoing = []
        connections.ended(number, stream, onLoop)
        stream = nil
        reader = nil
        return queue.close().compactMap { asked, loss in
            if case .owner(let tag) = asked { (tag: tag, loss: loss) } else { nil }
        }
    }

    // MARK: - The way to a connection

    private var isEnded: Bool { if case .ended = state { true } else { false } }

    func begin(_ onLoop: borrowing OnLoop) {
        if IPAddress(node.host) != nil {
            connect([node.host], onLoop)
        } else if !connections.resolve(node.host, for: number) {
            failLater("too many look-ups of names hang")
        }
    }

    /// Tries the first of the addresses.
    private func connect(_ addresses: ArraySlice<String>, _ onLoop: borrowing OnLoop) {
        guard let address = addresses.first else { return failLater(lastEnd ?? "the name has no address") }
        state = .connecting(rest: addresses.dropFirst())
        stream = connections.connect(number, to: address, node, trust: trust, within: timeout, onLoop)
    }

    private func failLater(_ reason: String) {
        lastEnd = reason
        state = .connecting(rest: [])
        stream = nil
        connections.flushLater(number)
    }

    private func ask(_ command: RESPCommand, _ asked: Asked, within time: Duration? = nil, changes: Bool = false)
        -> Bool
    {
        let now = MonotonicClock.now()
        guard queue.add(asked, bytes: command.bytes, by: now + (time ?? timeout), changes: changes) else {
            return false
        }
        lastAsked = now
        if outgoing.isEmpty { connections.flushLater(number) }
        command.write(to: &outgoing)
        return true
    }

    private func opened(_ onLoop: borrowing OnLoop) {
        guard case .connecting = state, let stream else { return }
        do throws(RESPError) {
            reader = try RESPReader()
        } catch {
            return end(error.description, onLoop)
        }
        connections.streams?.admit(stream, onLoop)
        var greeting = Greeting(introduction)
        let commands = greeting.begin()
        state = .greeting(greeting)
        for command in commands { _ = ask(command, .greeting) }
    }

    private func greeted(_ reply: RESPValue, _ onLoop: borrowing OnLoop) {
        guard case .greeting(var greeting) = state else { return }
        let step = greeting.take(reply)
        state = .greeting(greeting)
        switch step {
        case .wait: break
        case .ask(let command): _ = ask(command, .greeting)
        case .refused(let refusal): end(refusal.sentence, isRefusal: refusal.isLasting, onLoop)
        case .ready(let facts):
            state = .ready
            handler(.ready(facts), onLoop)
        }
    }

    // MARK: - Replies

    private func received(_ bytes: [UInt8], _ onLoop: borrowing OnLoop) {
        reader?.feed(bytes)
        do throws(RESPError) {
            // The owner may close it at any of them.
            while let value = try reader?.next() { came(value, onLoop) }
        } catch {
            end(error.description, onLoop)
        }
    }

    private func came(_ value: RESPValue, _ onLoop: borrowing OnLoop) {
        if isSubscribed, case .array(let parts) = value, parts.count == 3, parts[0] == .bytes(Array("message".utf8)),
            case .bytes(let channel) = parts[1], case .bytes(let message) = parts[2]
        {
            return handler(.message(channel: channel, message), onLoop)
        }
        switch queue.answer() {
        case .greeting: greeted(value, onLoop)
        case .owner(let tag): handler(.reply(tag, value), onLoop)
        case .ping, .subscription:
            if case .error(let fault) = value { end("the Redis server refuses: \(fault.sentence)", onLoop) }
        case nil:
            let words = if case .error(let fault) = value { ": \(fault.sentence)" } else { "" }
            end("the Redis server says something that nobody has asked for\(words)", onLoop)
        }
    }

    private func end(_ sentence: String, isRefusal: Bool = false, _ onLoop: borrowing OnLoop) {
        guard !isEnded else { return }
        let lost = close(onLoop)
        handler(.closed(RedisEnd(sentence: sentence, isRefusal: isRefusal, lost: lost)), onLoop)
    }
}

extension RedisConnection: ConnectionOfLoop {
    func resolved(_ addresses: Result<[String], HostLookup.Failure>, _ onLoop: borrowing OnLoop) {
        guard case .lookingUp = state else { return }
        switch addresses {
        case .failure(let failure):
            end("the name \(node.host) cannot be looked up: \(failure.description)", onLoop)
        // An address with a zone means something on one link of this machine only.
        case .success(let addresses): connect(addresses.filter { IPAddress($0) != nil }[...], onLoop)
        }
    }

    func happened(_ event: StreamEvent, _ onLoop: borrowing OnLoop) {
        switch event {
        case .opened: opened(onLoop)
        case .received(let bytes): received(bytes, onLoop)
        case .drained: break
        case .closed(let end, _):
            stream = nil
            if case .connecting(let rest) = state, !rest.isEmpty {
                lastEnd = end.sentence
                return connect(rest, onLoop)
            }
            self.end(sentence(end), isRefusal: end.isDistrust, onLoop)
        }
    }

    private func sentence(_ end: StreamEnd) -> String {
        switch end {
        case .left: "the Redis server has closed the connection"
        case .tooSlow:
            trust == nil
                ? "the Redis server has not been reached in time"
                : "the Redis server has not been reached in time, or speaks no TLS"
        case .failed(let reason): reason
        case .distrusted(let reason): "the Redis server and the registry do not trust each other: \(reason)"
        }
    }

    func flush(_ onLoop: borrowing OnLoop) {
        if case .connecting = state, stream == nil { return end(lastEnd ?? "", onLoop) }
        guard let stream, !outgoing.isEmpty else { return }
        connections.streams?.send(outgoing, on: stream, onLoop)
        outgoing = []
        queue.send()
    }

    func sweep(at now: MonotonicTime, _ onLoop: borrowing OnLoop) {
        switch state {
        case .lookingUp:
            if now - lastAsked >= Self.lookUpTime { end("the name \(node.host) is looked up in vain", onLoop) }
        case .connecting, .ended: break
        case .greeting, .ready:
            if queue.isOverdue(at: now) { return end("the Redis server has not replied in time", onLoop) }
            if isReady, queue.isEmpty, now - lastAsked >= Self.idleTime { _ = ask(RESPCommand("PING"), .ping) }
        }
    }
}

extension StreamEnd {
    fileprivate var isDistrust: Bool { if case .distrusted = self { true } else { false } }
}
