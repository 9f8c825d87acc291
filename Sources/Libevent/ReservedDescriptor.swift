// A process without a free file descriptor cannot even accept a connection to refuse it, and its listener stays
// readable: a poll on it wakes without end. So each server keeps one descriptor that it can give up for a moment, and a
// listener that failed is left alone until the next housekeeping.

import CLibevent
import Glibc
import Synchronization

/// A descriptor kept back so that clients can be answered when there is none left. Belongs to its loop's thread.
struct ReservedDescriptor: ~Copyable {
    /// How many clients are answered at a time; the others wait in the kernel's queue.
    private static let maximumAnswered = 64
    /// How much of a request is read so that closing does not take the answer back (a close with bytes unread is a
    /// reset).
    private static let readBytes = 16_384

    /// -1 when none could be had.
    private var descriptor: Int32

    init() { descriptor = Self.open() }

    deinit {
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// Accepts a waiting connection of `listener`, writes `answer` and closes it; returns how many were answered.
    mutating func refuse(from listener: Int32, with answer: [UInt8]) -> Int {
        if descriptor >= 0 { Glibc.close(descriptor) }
        defer { descriptor = Self.open() }
        var refused = 0
        var unread = [UInt8](repeating: 0, count: Self.readBytes)
        while refused < Self.maximumAnswered {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            refused += 1
            // A new connection has room for so short an answer, and what the client has not sent yet is not waited for.
            unsafe recv(client, &unread, unread.count, Int32(MSG_DONTWAIT))
            unsafe send(client, answer, answer.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            shutdown(client, Int32(SHUT_WR))
            Glibc.close(client)
        }
        return refused
    }

    private static func open() -> Int32 { unsafe Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }
}

/// The listeners that could not accept. libevent's error callback gets evhttp's argument, which leads nowhere, so it
/// leaves word here.
enum PausedListeners {
    private static let paused = Mutex<Set<Int>>([])

    static func pause(_ listener: OpaquePointer?) {
        guard let listener = unsafe listener else { return }
        unsafe evconnlistener_disable(listener)
        _ = paused.withLock { $0.insert(Int(bitPattern: listener)) }
    }

    /// Whether the listener was paused; it is no longer noted as such.
    static func resume(_ listener: OpaquePointer) -> Bool {
        paused.withLock { $0.remove(Int(bitPattern: listener)) != nil }
    }
}
