// One question to a server and its answer, on a socket of its own and by a deadline: for a process that lives no longer
// than that, and so needs no event loop.

import Glibc
import System
import TLS
import Time

/// A connection to an address of this machine. Everything it does is over by the deadline.
final class ProbeConnection {
    /// Why there is no answer, in words.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// More than any answer to a probe has.
    private static let longestAnswer = 65_536

    private var descriptor: Int32 = -1
    private let deadline: MonotonicTime

    /// Connects.
    init(to address: String, port: UInt16, deadline: MonotonicTime) throws(Failure) {
        self.deadline = deadline
        var (storage, length, family) = try Self.socketAddress(address, port)
        descriptor = socket(
            Int32(family), Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0
        )
        guard descriptor >= 0 else {
            throw Failure(
                description: unsafe "no socket can be opened: \(String(cString: strerror(errno)))")
        }
        let result = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(descriptor, $0, length) }
        }
        if result == 0 { return }
        var code = errno
        if code == EINPROGRESS {
            try wait(for: Int32(POLLOUT))
            var size = socklen_t(MemoryLayout<Int32>.size)
            unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        }
        guard code == 0 else {
            throw Failure(
                description: unsafe "no connection to port \(port): \(String(cString: strerror(code)))")
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Sends the bytes and reads until the other side ends.
    func exchange(_ request: [UInt8]) throws(Failure) -> [UInt8] {
        var rest = request[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else {
                try waitIfBusy(for: Int32(POLLOUT))
            }
        }
        var answer: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 4_096)
        while answer.count < Self.longestAnswer {
            let count = unsafe room.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
            if count == 0 { break }
            if count > 0 {
                answer += room[..<count]
            } else {
                try waitIfBusy(for: Int32(POLLIN))
            }
        }
        return answer
    }

    /// The same over TLS.
    func exchange(_ request: [UInt8], certificate: (path: String, key: String)?) throws(Failure) -> [UInt8] {
        let session: ProbeSession
        do throws(TLSError) {
            session = try ProbeSession(descriptor, certificate: certificate)
        } catch {
            throw Failure(description: "\(error)")
        }
        _ = try finish { session.handshake() }
        var rest = request[...]
        while !rest.isEmpty {
            guard let count = try finish({ session.write(rest) }) else {
                throw Failure(description: "the connection ended before the answer was complete")
            }
            rest = rest.dropFirst(count)
        }
        var answer: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 4_096)
        while answer.count < Self.longestAnswer,
            let count = try finish({ unsafe room.withUnsafeMutableBytes { unsafe session.read($0) } })
        {
            answer += room[..<count]
        }
        return answer
    }

    /// Repeats a step until it is done; nil when the other side has ended.
    private func finish(_ step: () -> ProbeSession.Step) throws(Failure) -> Int? {
        while true {
            switch step() {
            case .done(let count): return count
            case .ended: return nil
            case .wantsInput: try wait(for: Int32(POLLIN))
            case .wantsOutput: try wait(for: Int32(POLLOUT))
            case .failed(let reason): throw Failure(description: "TLS: \(reason)")
            }
        }
    }

    private func waitIfBusy(for events: Int32) throws(Failure) {
        let code = errno
        guard code == EAGAIN || code == EINTR else {
            throw Failure(description: unsafe "the connection was lost: \(String(cString: strerror(code)))")
        }
        try wait(for: events)
    }

    private func wait(for events: Int32) throws(Failure) {
        while true {
            let rest = deadline.rest(at: MonotonicClock.now())
            guard rest > 0 else { throw Failure(description: "there was no answer in time") }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            if unsafe poll(&entry, 1, Int32(clamping: rest)) > 0 { return }
        }
    }

    private static func socketAddress(_ text: String, _ port: UInt16) throws(Failure) -> (
        sockaddr_storage, socklen_t, sa_family_t
    ) {
        var storage = sockaddr_storage()
        var four = sockaddr_in()
        if unsafe inet_pton(AF_INET, text, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &storage) { room in
                unsafe withUnsafeBytes(of: four) { unsafe room.copyMemory(from: $0) }
            }
            return (storage, socklen_t(MemoryLayout<sockaddr_in>.size), four.sin_family)
        }
        var six = sockaddr_in6()
        guard unsafe inet_pton(AF_INET6, text, &six.sin6_addr) == 1 else {
            throw Failure(
                description: "\(text) is not an "
                    + "address")
        }
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &storage) { room in
            unsafe withUnsafeBytes(of: six) { unsafe room.copyMemory(from: $0) }
        }
        return (storage, socklen_t(MemoryLayout<sockaddr_in6>.size), six.sin6_family)
    }
}
