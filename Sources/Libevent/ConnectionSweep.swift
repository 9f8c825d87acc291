// The server's part in the limits on connections: which connections are accepted, and which have exceeded their time.
// A connection is looked at four times a second; that costs half a microsecond, whereas a timer for each would be moved
// with every request. Thousands may wait for a change, and for them nothing can be late: they are passed over until
// something happens to them.

import CLibevent
import HTTP

extension HTTPServer {
    /// The most refused connections of a server that are being answered at a time; more are closed without a word. Each
    /// takes a descriptor until the client has read its answer.
    private static let maximumRefusedAtTheDoor = 256

    // MARK: - The door

    /// Counts a new connection in, or turns it away. Called in the turn of its adoption.
    func receive(_ connection: Connection) {
        let client =
            rules.connectionsPerClient == nil ? nil : connection.peer.flatMap { ClientKey(numeric: $0) }
        guard let event = connectionLimits.admit(client) else {
            connection.standing = .admitted(client)
            return connection.machine.begin()
        }
        let isAnswered = refusedAtTheDoor < Self.maximumRefusedAtTheDoor
        connectionLimits.note(event, connection.peer, isAnswered: isAnswered)
        guard isAnswered, let refusal = event.refusal else { return connection.reset() }
        refusedAtTheDoor += 1
        connection.standing = .refused
        connection.carryOut(connection.machine.refuseAtOnce(refusal))
    }

    /// Counts a connection out.
    func dismiss(_ connection: Connection) {
        switch connection.standing {
        case .undecided: break
        case .admitted(let client): connectionLimits.leave(client)
        case .refused: refusedAtTheDoor -= 1
        }
    }

    // MARK: - The sweep

    /// Ends the connections whose time is up, and some of those that make the rest run out of memory.
    func sweep(at now: Int64) {
        patience.look(at: now)
        let now = patience.time(at: now)
        var overdue: [(Connection, Overdue)] = []
        var stuck: [Connection] = []
        var gone: [Connection] = []
        var waiting = 0
        var staying = 0
        for index in swept.indices {
            let connection = swept[index]
            guard connection.isOpen else { continue }
            let bytes = connection.waitingBytes
            if let deadline = connection.overdue(at: now, waiting: bytes, rules.deadlines) {
                overdue.append((connection, deadline))
            }
            guard !connection.isCalm(waiting: bytes) else {
                connection.isSwept = false
                continue
            }
            if connection.machine.isStuck { stuck.append(connection) }
            if connection.hasGoneWhileWaiting { gone.append(connection) }
            waiting += bytes
            swept[staying] = connection
            staying += 1
        }
        swept.removeLast(swept.count - staying)
        let sum = connectionLimits.addWaiting(waiting - waitingBytes)
        waitingBytes = waiting
        for connection in gone { connection.close() }
        if sum > rules.waitingOutput { makeRoom(sum - rules.waitingOutput, among: stuck) }
        for (connection, deadline) in overdue where connection.isOpen { end(connection, deadline) }
    }

    /// Something happens to a connection that was passed over.
    func sweepAgain(_ connection: Connection) { swept.append(connection) }

    /// Closes those that take nothing of what waits for them, the greatest first, until `excess` bytes are freed.
    private func makeRoom(_ excess: Int, among stuck: [Connection]) {
        var excess = excess
        for connection in stuck.sorted(by: { $0.waitingBytes > $1.waitingBytes }) where connection.isOpen {
            guard excess > 0 else { return }
            excess -= connection.waitingBytes
            connectionLimits.note(.waitingOutput, connection.peer)
            connection.reset()
        }
    }

    private func end(_ connection: Connection, _ deadline: Overdue) {
        switch deadline {
        case .idle:
            // A request that no turn of the loop has come to yet. Closing over it would lose it.
            guard !connection.hasUnreadBytes else { return }
            connectionLimits.note(.idle, connection.peer)
            connection.close()
        case .header:
            connectionLimits.note(.header, connection.peer, isAnswered: connection.isEstablished)
            guard connection.isEstablished else { return connection.close() }
            refuse(connection, for: .header)
        case .request:
            connectionLimits.note(.request, connection.peer)
            refuse(connection, for: .request)
        case .answer:
            connectionLimits.note(.answer, connection.peer)
            connection.reset()
        case .leaving:
            connectionLimits.note(.leaving, connection.peer)
            connection.reset()
        }
    }

    private func refuse(_ connection: Connection, for event: LimitEvent) {
        guard let refusal = event.refusal else { return connection.close() }
        connection.carryOut(connection.machine.refuse(refusal))
    }
}
