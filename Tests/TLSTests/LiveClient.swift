// A blocking client over a real socket, with TLS or without: it sees how a connection ends, which libraries like to
// hide.

import CTLS
import Glibc

/// One connection.
final class LiveClient {
    struct Failed: Error { let reason: String }

    /// How the server ended.
    enum Ending: Equatable {
        /// With close_notify.
        case clean
        /// Without it.
        case cut
        case error(String)
    }

    let descriptor: Int32
    /// An `SSL`; nil for a plain connection.
    private var session: OpaquePointer?

    /// Connects, and shakes hands when there is a client to do it with. Blocking calls give up after ten seconds.
    init(port: UInt16, _ client: TestClient? = nil, resuming earlier: OpaquePointer? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failed(reason: String(cString: strerror(errno))) }
        guard let client else { return }
        let session = try client.makeSession(resuming: earlier)
        self.session = session
        SSL_set_fd(session, descriptor)
        ERR_clear_error()
        guard SSL_connect(session) == 1 else { throw Failed(reason: TestClient.takeReason()) }
    }

    deinit {
        // To OpenSSL a session that nobody ended is spoilt, and would not be resumed.
        if let session { SSL_set_shutdown(session, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN) }
        SSL_free(session)
        close(descriptor)
    }

    var isResumed: Bool { SSL_session_reused(session) == 1 }

    /// To resume with, for the caller to free.
    var ticket: OpaquePointer? { SSL_get1_session(session) }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        if let session {
            SSL_write(session, bytes, Int32(bytes.count))
        } else {
            Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
    }

    /// Some bytes of one record at most; empty at the end.
    func read() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 32_768)
        ERR_clear_error()
        let count =
            session.map { Int(SSL_read($0, &buffer, Int32(buffer.count))) }
            ?? recv(descriptor, &buffer, buffer.count, 0)
        return Array(buffer.prefix(max(0, count)))
    }

    /// One answer, whose body is as long as its Content-Length says.
    func answer() throws -> String {
        var received: [UInt8] = []
        while true {
            let text = String(decoding: received, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let length = text[..<end.lowerBound].split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }
                if let length, let count = Int(length.dropFirst(16)), text[end.upperBound...].utf8.count >= count {
                    return text
                }
            }
            let more = read()
            guard !more.isEmpty else { throw Failed(reason: "the connection ended in \(text)") }
            received += more
        }
    }

    func get(_ path: String, closing: Bool = false) throws -> String {
        send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(closing ? "Connection: close\r\n" : "")\r\n")
        return try answer()
    }

    /// Reads to the end and says what it was.
    func ending() -> Ending {
        while true {
            var byte: UInt8 = 0
            ERR_clear_error()
            errno = 0
            guard let session else {
                let count = recv(descriptor, &byte, 1, 0)
                if count > 0 { continue }
                return count == 0 ? .clean : .error(String(cString: strerror(errno)))
            }
            let result = SSL_read(session, &byte, 1)
            if result > 0 { continue }
            switch SSL_get_error(session, result) {
            case SSL_ERROR_ZERO_RETURN: return .clean
            case SSL_ERROR_SYSCALL: return errno == 0 ? .cut : .error(String(cString: strerror(errno)))
            default:
                let reason = TestClient.takeReason()
                return reason == "unexpected eof while reading" ? .cut : .error(reason)
            }
        }
    }

    /// Whether what is sent waits until the socket is uncorked, so that it leaves in one piece.
    func setCork(_ isCorked: Bool) {
        var flag: Int32 = isCorked ? 1 : 0
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CORK, &flag, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The server will get a reset instead of an end.
    func resetWhenReleased() {
        var abrupt = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
    }

    /// Says close_notify, as a client that leaves in good form.
    func sayGoodbye() { SSL_shutdown(session) }
}
