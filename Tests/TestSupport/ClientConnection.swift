// A client of one socket that sends bytes as they are and reads what comes back. No HTTP library would send what these
// tests have to send.

import Glibc

/// A TCP connection to a port of the loopback interface. Every wait has a deadline.
package final class ClientConnection {
    /// A system call that failed.
    package struct SystemError: Error, CustomStringConvertible {
        package let description: String

        init(_ call: String) { description = "\(call): \(String(cString: strerror(errno)))" }
    }

    private var descriptor: Int32
    private var reader = AnswerReader()

    /// - Parameter receiveBuffer: how many bytes the kernel keeps, about, for a client that reads nothing; nil for what it
    ///   keeps by default, which is megabytes.
    package init(port: UInt16, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("socket") }
        if var receiveBuffer {
            setsockopt(
                descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout.size(ofValue: receiveBuffer)))
        }
        let address = sockaddr_in.loopback(port: port)
        let status = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            defer { close(descriptor) }
            throw SystemError("connect")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Goes without a goodbye: the server gets a reset. Nothing can be done with the connection any more.
    package func reset() {
        var abrupt = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
        descriptor = -1
    }

    /// Sends all bytes.
    package func send(_ bytes: [UInt8]) throws {
        let deadline = Deadline()
        var sent = 0
        while sent < bytes.count {
            try wait(for: POLLOUT, deadline, "room to send byte \(sent) of \(bytes.count)")
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw SystemError("send") }
            sent += count
        }
    }

    /// Sends as much as is taken without a pause of half a second; returns how much that was.
    package func sendWhatIsTaken(_ bytes: [UInt8]) throws -> Int {
        var sent = 0
        while sent < bytes.count {
            var descriptors = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&descriptors, 1, 500) > 0 else { return sent }
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            guard count > 0 else { throw SystemError("send") }
            sent += count
        }
        return sent
    }

    /// Tells the server that nothing more will be sent.
    package func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next answer.
    package func answer(to what: String, isToHead: Bool = false) throws -> Answer {
        let deadline = Deadline()
        while true {
            if let answer = try reader.next(isToHead: isToHead) { return answer }
            guard try receive(deadline, "the answer to \(what)") else {
                throw WaitedInVain(for: "the answer to \(what)", "the server closed the connection after '\(leftover)'")
            }
        }
    }

    /// What the server sends up to and with the first of these texts in it, as it comes.
    package func bytes(until text: String, of what: String) throws -> [UInt8] {
        let deadline = Deadline()
        while true {
            if let bytes = reader.take(upTo: Array(text.utf8)) { return bytes }
            guard try receive(deadline, "\(text.debugDescription) of \(what)") else {
                throw WaitedInVain(
                    for: "\(text.debugDescription) of \(what)", "the server closed the connection after '\(leftover)'")
            }
        }
    }

    /// Whatever else the server sends until it closes the connection.
    package func bytesUntilClosed(after what: String) throws -> [UInt8] {
        let deadline = Deadline()
        while try receive(deadline, "the connection's end after \(what)") {}
        return reader.rest
    }

    private var leftover: String { String(decoding: reader.rest.prefix(500), as: UTF8.self) }

    /// False at the end of the stream.
    private func receive(_ deadline: Deadline, _ what: String) throws -> Bool {
        try wait(for: POLLIN, deadline, what)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        // A reset ends the stream as well as a FIN does.
        guard count >= 0 || errno == ECONNRESET else { throw SystemError("recv") }
        reader.append(buffer[..<max(0, count)])
        return count > 0
    }

    private func wait(for events: Int32, _ deadline: Deadline, _ what: String) throws {
        var descriptors = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        guard poll(&descriptors, 1, deadline.remainingMilliseconds) > 0 else {
            throw WaitedInVain(for: what, "got '\(leftover)' so far")
        }
    }
}
