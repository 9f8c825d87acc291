// A client of raw bytes: it sends just what a test says, in the pieces it says, and sees just what comes back, the end
// of the connection included. A ready-made HTTP client would hide all of that.

import Foundation
import Glibc

/// One TCP connection to an address of the loopback.
final class Client {
    enum Failure: Error, Equatable {
        case connect(errno: Int32)
        case closed(after: String)
        case malformed(String)
    }

    struct Response {
        let status: Int
        let head: String
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }

        /// The value of a header, its name in any case.
        func header(_ name: String) -> String? {
            for line in head.components(separatedBy: "\r\n").dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2, parts[0].lowercased() == name.lowercased() {
                    return parts[1].trimmingCharacters(in: .whitespaces)
                }
            }
            return nil
        }

        /// The body as a JSON object.
        func object() throws -> [String: Any] {
            guard let object = try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] else {
                throw Failure.malformed(text)
            }
            return object
        }
    }

    /// -1 once closed.
    private var descriptor: Int32
    private var received: [UInt8] = []

    init(port: UInt16, host: String = "127.0.0.1") throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let failure = Failure.connect(errno: errno)
            Glibc.close(descriptor)
            throw failure
        }
    }

    deinit { close() }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8], seconds: Double = Patience.ordinary) throws {
        var rest = bytes[...]
        let deadline = Moment.now + seconds
        while !rest.isEmpty {
            try waitFor(POLLOUT, "room to send \(rest.count) bytes", until: deadline, seconds)
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
            guard count > 0 || errno == EAGAIN || errno == EINTR else {
                throw Failure.closed(after: "\(bytes.count - rest.count) bytes sent")
            }
            rest = rest.dropFirst(max(count, 0))
        }
    }

    /// Sends a request with `Host`, and with `Content-Length` where there is a body.
    func send(_ method: String, _ target: String, headers: [String] = [], body: String = "") throws {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: registry.test"] + headers
        if !body.isEmpty { lines += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"] }
        try send((lines + ["", body]).joined(separator: "\r\n"))
    }

    /// Sends a request and receives its answer.
    func ask(_ method: String, _ target: String, headers: [String] = [], body: String = "") throws -> Response {
        try send(method, target, headers: headers, body: body)
        return try receive("the answer to \(method) \(target.prefix(80))")
    }

    /// The next response, framed by its `Content-Length`; that of a HEAD, a 204 and a 304 has no body.
    func receive(_ awaited: String, isHead: Bool = false, seconds: Double = Patience.ordinary) throws -> Response {
        let deadline = Moment.now + seconds
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let headEnd = received.firstRange(of: end) {
                let head = String(decoding: received[..<headEnd.lowerBound], as: UTF8.self)
                let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) }
                let told = head.firstMatch(of: /(?i)\r\ncontent-length: *(\d+)/).flatMap { Int($0.1) }
                guard let status, told != nil || [204, 304].contains(status) else { throw Failure.malformed(head) }
                let length = isHead ? 0 : told ?? 0
                if received.count >= headEnd.upperBound + length {
                    let body = Array(received[headEnd.upperBound..<headEnd.upperBound + length])
                    received.removeFirst(headEnd.upperBound + length)
                    return Response(status: status, head: head, body: body)
                }
            }
            guard try more(awaited, until: deadline, seconds) else {
                throw Failure.closed(after: "\(String(decoding: received, as: UTF8.self)) while waiting for \(awaited)")
            }
        }
    }

    /// Waits for the end of the connection, in order or by a reset; what came before it is returned.
    func receiveEnd(_ awaited: String, seconds: Double = Patience.ordinary) throws -> String {
        let deadline = Moment.now + seconds
        while try more(awaited, until: deadline, seconds) {}
        return String(decoding: received, as: UTF8.self)
    }

    /// Whether something has come, or the connection has ended, without waiting for either.
    var hasNews: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return !received.isEmpty || poll(&entry, 1, 0) > 0
    }

    /// Receives what there is; false at the end of the connection.
    private func more(_ awaited: String, until deadline: Double, _ seconds: Double) throws -> Bool {
        try waitFor(POLLIN, awaited, until: deadline, seconds)
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        received += chunk[..<count]
        return true
    }

    private func waitFor(_ event: Int32, _ awaited: String, until deadline: Double, _ seconds: Double) throws {
        while true {
            let remaining = deadline - Moment.now
            guard remaining > 0 else { throw TimedOut(awaited: awaited, seconds: seconds) }
            var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
            if poll(&entry, 1, Int32(remaining * 1_000) + 1) > 0 { return }
        }
    }
}

extension RunningRegistry {
    func connect() throws -> Client { try Client(port: port, host: host) }
}

/// Registrations as text.
enum Sample {
    static func registration(_ service: String = "orders", endpoint: String = "10.0.0.1:80", ttl: Int? = nil) -> String
    {
        let ttl = ttl.map { ",\"ttl\":\($0)" } ?? ""
        return "{\"service_name\":\"\(service)\",\"endpoint\":{\"type\":\"tcp\",\"value\":\"\(endpoint)\"}\(ttl)}"
    }
}
