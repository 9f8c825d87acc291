// A client of one socket of the loopback interface that sends bytes as they are, by UDP or TCP.

import Glibc

/// A client's socket. Every wait has a deadline.
package final class SocketClient {
    package let descriptor: Int32

    package init(port: UInt16, isStream: Bool) throws {
        let kind = Int32(isStream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue)
        descriptor = socket(AF_INET, kind | Int32(SOCK_CLOEXEC.rawValue), 0)
        let address = sockaddr_in.loopback(port: port)
        let status = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw WaitedInVain(for: "a connection", reason)
        }
    }

    deinit { close(descriptor) }

    package func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// What comes next; empty at the end, and where the port is closed.
    package func receive(_ what: String, _ most: Int = 65_536) throws -> [UInt8] {
        var events = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&events, 1, Deadline().remainingMilliseconds) > 0 else { throw WaitedInVain(for: what) }
        var bytes = [UInt8](repeating: 0, count: most)
        return Array(bytes[..<max(0, recv(descriptor, &bytes, most, 0))])
    }

    /// Whether something has come, or the connection has ended.
    package var hasNews: Bool {
        var events = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&events, 1, 0) > 0
    }

    /// The next message of a stream in which each stands behind its length, in two bytes.
    package func message(_ what: String) throws -> [UInt8] {
        let length = try receive(exactly: 2, "the length of \(what)")
        return try receive(exactly: Int(length[0]) << 8 | Int(length[1]), what)
    }

    private func receive(exactly count: Int, _ what: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try receive(what, count - bytes.count)
            guard !more.isEmpty else { throw WaitedInVain(for: what, "the connection has ended") }
            bytes += more
        }
        return bytes
    }
}
