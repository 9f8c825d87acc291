// Connections that have served a request and may serve another. A few only, for a short while: servers close idle ones
// at some time, and the client that sends into one learns it too late.

import Libevent
import System

/// Kept connections by server. Belongs to its loop's thread.
final class IdleConnections {
    private struct Idle {
        let server: HTTPURL.Server
        let connection: OutgoingConnection
        /// In milliseconds.
        let since: Int64
    }

    /// How long one is kept, in milliseconds; servers keep theirs for 5 seconds and more.
    private static let longest: Int64 = 4_000
    /// How many of all servers.
    private static let most = 8

    /// The oldest first.
    private var idle: [Idle] = []

    /// One that is good for another request, taken out; nil when there is none.
    func take(for server: HTTPURL.Server, at now: Int64) -> OutgoingConnection? {
        sweep(at: now)
        guard let index = idle.lastIndex(where: { $0.server == server }) else { return nil }
        return idle.remove(at: index).connection
    }

    func keep(_ connection: OutgoingConnection, of server: HTTPURL.Server, at now: Int64) {
        guard connection.isUsable else { return connection.close() }
        if idle.count >= Self.most { idle.removeFirst().connection.close() }
        idle.append(Idle(server: server, connection: connection, since: now))
    }

    /// Closes those that are too old, or that their server has closed.
    func sweep(at now: Int64) {
        guard !idle.isEmpty else { return }
        for entry in idle where !isGood(entry, at: now) { entry.connection.close() }
        idle.removeAll { !isGood($0, at: now) }
    }

    func closeAll() {
        for entry in idle { entry.connection.close() }
        idle = []
    }

    private func isGood(_ entry: Idle, at now: Int64) -> Bool {
        entry.connection.isUsable && now - entry.since < Self.longest
    }
}

extension HTTPURL {
    /// What a connection is to.
    struct Server: Equatable {
        let isSecure: Bool
        let host: String
        let port: UInt16
    }

    var server: Server { Server(isSecure: isSecure, host: host, port: port) }
}
