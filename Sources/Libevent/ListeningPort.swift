// Several loops share a port through SO_REUSEPORT, and so could a second registry, which would silently take a share of
// the connections. A claim makes the port ours alone: an abstract Unix socket named after it and its address, which the
// kernel releases with the process whatever ends it, and which is as local to a network namespace as the port itself.

import Glibc
import System

/// Why a port cannot be had.
package enum PortError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The port is in use, or held by another registry.
    case inUse(port: UInt16)
    /// The address is not a numeric IPv4 or IPv6 address of this machine, or the port may not be bound; `code` is the
    /// errno.
    case refused(port: UInt16, code: Int32)

    /// Whether not the port is to blame but the address: it is none of this machine's.
    package var isOfAddress: Bool {
        if case .refused(_, EADDRNOTAVAIL) = self { true } else { false }
    }

    /// The error as a sentence for the operator.
    package var description: String {
        switch self {
        case .inUse(let port): "port \(port) is in use"
        case .refused(let port, let code): unsafe "port \(port) cannot be opened: \(String(cString: strerror(code)))"
        }
    }
}

/// The listening sockets of one port, one for each loop, and the claim that keeps others off it.
package struct ListeningPort: Sendable {
    /// What comes in there. A port for one and a port for the other may have the same number.
    package enum Transport: Sendable {
        /// TCP.
        case streams
        /// UDP.
        case datagrams
    }

    /// How many connections the kernel holds until a loop accepts them; the kernel's `somaxconn` caps it.
    static let backlog: Int32 = 4_096
    /// The unsent bytes that the kernel takes, for each connection. What it holds for clients that do not read is in no
    /// bound of ours, and the largest part of a buffer that grows by itself waits unsent; what is under way to a client
    /// that reads is not counted, so a fast or a distant one still gets as much at a time as the network carries.
    static let unsentBytes: Int32 = 64 << 10

    /// The bytes of datagrams that the kernel keeps until they are read, if it allows as many: a burst.
    static let unreadBytes: Int32 = 1 << 20

    /// The port taken: the one asked for, or the system's choice for 0.
    package let port: UInt16
    /// One descriptor for each loop, listening; the server that is made of one owns it.
    package let descriptors: [Int32]
    /// Held open, and never closed, until the process ends.
    private let claim: Int32

    /// How many of the system's choices are tried.
    private static let choices = 16

    /// Opens `count` sockets that share `port` on `address` (numeric IPv4 or IPv6): listening for streams, or bound for
    /// datagrams.
    package init(address text: String, port: UInt16, count: Int, of transport: Transport = .streams) throws(PortError) {
        guard let address = SocketAddress(numeric: text, port: port) else { throw .refused(port: port, code: EINVAL) }
        if port != 0 { try Self.probe(address, port, transport) }
        // The system may choose a port that another registry of the same user shares among its loops; that one's claim
        // tells.
        var choices = port == 0 ? Self.choices : 1
        while true {
            choices -= 1
            do throws(PortError) {
                self = try Self(shared: address, named: text, port, count, transport)
                return
            } catch {
                guard case .inUse = error, choices > 0 else { throw error }
            }
        }
    }

    private init(
        shared address: SocketAddress, named text: String, _ port: UInt16, _ count: Int, _ transport: Transport
    ) throws(PortError) {
        // Bound only: one that listened would take connections that are meant for whoever shares the port.
        let first = try Self.bind(address, port, transport)
        let taken = SocketAddress.local(of: first)?.port ?? port
        do throws(PortError) {
            claim = try Self.claim(name: "a8registry \(transport == .streams ? "" : "udp ")\(text) \(taken)", taken)
        } catch {
            close(first)
            throw error
        }
        var descriptors = [first]
        do throws(PortError) {
            for _ in 1..<max(count, 1) {
                descriptors.append(try Self.bind(address.with(port: taken), taken, transport))
            }
            for descriptor in descriptors where transport == .streams {
                guard Glibc.listen(descriptor, Self.backlog) == 0 else { throw Self.error(taken) }
            }
        } catch {
            for descriptor in descriptors { close(descriptor) }
            close(claim)
            throw error
        }
        self.port = taken
        self.descriptors = descriptors
    }

    /// Binds without SO_REUSEPORT and lets go again: fails when another socket listens, also one that would share.
    private static func probe(_ address: SocketAddress, _ port: UInt16, _ transport: Transport) throws(PortError) {
        let descriptor = try socket(address, port, transport, sharing: false)
        defer { close(descriptor) }
        guard address.bind(descriptor) == 0 else { throw error(port) }
    }

    private static func claim(name: String, _ port: UInt16) throws(PortError) -> Int32 {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw error(port) }
        guard SocketAddress.bindAbstract(descriptor, name: name) == 0 else {
            defer { close(descriptor) }
            throw error(port)
        }
        return descriptor
    }

    private static func bind(_ address: SocketAddress, _ port: UInt16, _ transport: Transport) throws(PortError)
        -> Int32
    {
        let descriptor = try socket(address, port, transport, sharing: true)
        guard address.bind(descriptor) == 0 else {
            defer { close(descriptor) }
            throw error(port)
        }
        if transport == .datagrams { DatagramBatch.tellArrivals(on: descriptor, isSix: address.family == AF_INET6) }
        return descriptor
    }

    private static func socket(
        _ address: SocketAddress, _ port: UInt16, _ transport: Transport, sharing: Bool
    ) throws(PortError) -> Int32 {
        let stream = transport == .streams
        let kind =
            Int32(stream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = Glibc.socket(address.family, kind, 0)
        guard descriptor >= 0 else { throw error(port) }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        // Of datagrams it would let two share a port that do not know of each other.
        if stream { unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size) }
        if sharing { unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, size) }
        guard stream else {
            var room = unreadBytes
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, size)
            return descriptor
        }
        // Accepted connections inherit it: small answers leave at once.
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
        // And this as well: the rest of a large answer waits with us, where it is counted.
        var unsent = unsentBytes
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, &unsent, size)
        return descriptor
    }

    private static func error(_ port: UInt16) -> PortError {
        errno == EADDRINUSE ? .inUse(port: port) : .refused(port: port, code: errno)
    }
}
