// A server that answers as a test tells it, byte by byte: no HTTP server would misbehave as these tests need it.

import Dispatch
import Glibc
import Synchronization
import System

/// One accepted connection of a `RawServer`. Every wait has a deadline.
package final class RawPeer {
    private let descriptor: Int32
    private var input: [UInt8] = []

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    /// The next request, head and body, as it came; nil when the client has closed instead.
    package func request() throws -> String? {
        while true {
            if let end = headEnd() {
                let head = String(decoding: input[..<end], as: UTF8.self)
                let length = head.split(separator: "\r\n").compactMap { line -> Int? in
                    let parts = line.split(separator: ":", maxSplits: 1)
                    guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
                    return Int(parts[1].trimmingPrefix(while: \.isWhitespace))
                }.first
                let whole = end + (length ?? 0)
                if input.count >= whole {
                    defer { input.removeFirst(whole) }
                    return String(decoding: input[..<whole], as: UTF8.self)
                }
            }
            guard try receive() else { return nil }
        }
    }

    /// Sends all; returns false when the client has gone.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Sends the bytes as a chunk of its own.
    @discardableResult
    package func sendChunk(_ bytes: [UInt8]) -> Bool {
        send(Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8))
    }

    /// What the client has sent that was not read yet, as soon as there is something; nil when it has closed instead.
    package func bytes() throws -> [UInt8]? {
        if input.isEmpty, try !receive() { return nil }
        defer { input = [] }
        return input
    }

    /// The client gets a reset.
    package func reset() {
        var abrupt = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
    }

    /// Returns once the client has closed.
    package func awaitEnd() throws { while try receive() {} }

    private func headEnd() -> Int? {
        let mark = Array("\r\n\r\n".utf8)
        guard input.count >= mark.count else { return nil }
        return (0...input.count - mark.count).first { input[$0..<$0 + mark.count].elementsEqual(mark) }.map {
            $0 + mark.count
        }
    }

    private func receive() throws -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, Int32(Deadline.patience * 1_000)) > 0 else {
            throw WaitedInVain(for: "bytes of a client")
        }
        var room = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &room, room.count, 0)
        input += room[..<max(0, count)]
        return count > 0
    }
}

/// Listens on a port of the loopback and has a closure serve each connection, on a thread of its own. Ends when it is
/// released; connections end with their closures.
package final class RawServer: Sendable {
    package let port: UInt16
    private let stop: WakeSignal
    private let ended = DispatchSemaphore(value: 0)
    private let accepted = Mutex(0)
    private let failures = Mutex([String]())

    /// How many connections have come.
    package var connections: Int { accepted.withLock { $0 } }
    /// What closures have thrown.
    package var problems: [String] { failures.withLock { $0 } }

    /// - Parameter serve: called with each connection and how many came before it; the connection is closed when it
    ///   returns.
    package init(_ serve: @escaping @Sendable (RawPeer, Int) throws -> Void) throws {
        signal(SIGPIPE, SIG_IGN)
        let listening = try LoopbackPort()
        port = listening.port
        let descriptor = listening.descriptor
        stop = try WakeSignal()
        let thread = try NamedThread("raw server") { [stop, ended, weak self] in
            defer {
                close(descriptor)
                ended.signal()
            }
            while true {
                var entries = [
                    pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
                ]
                guard poll(&entries, 2, -1) > 0 else { continue }
                if entries[1].revents != 0 { return }
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { continue }
                var patience = timeval(tv_sec: Int(Deadline.patience), tv_usec: 0)
                setsockopt(
                    connection, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
                var on: Int32 = 1
                setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                guard let self else {
                    close(connection)
                    return
                }
                let index = accepted.withLock { count in
                    defer { count += 1 }
                    return count
                }
                let failed: @Sendable (String) -> Void = { [weak self] text in
                    self?.failures.withLock { $0.append(text) }
                }
                let serving = try? NamedThread("raw peer") {
                    let peer = RawPeer(connection)
                    do { try serve(peer, index) } catch { failed("\(error)") }
                }
                serving?.detach()
            }
        }
        thread.detach()
    }

    deinit {
        stop.raise()
        _ = ended.wait(timeout: .now() + .seconds(Int(Deadline.patience)))
    }
}
