// One event base, run by one thread. Everything that libevent calls back (timers, signals, connections) belongs to the
// loop that made it and never leaves its thread; the compiler holds this: none of it is Sendable, and what acts on a
// loop takes an `OnLoop`, which only this module can make.

import CLibevent

/// The proof that the caller runs on a loop's thread, inside one of its callbacks. Only libevent's callbacks mint one.
package struct OnLoop: ~Copyable {
    init() {}
}

/// A libevent event base. Made, run and released on one thread.
@safe package final class EventLoop {
    let base: OpaquePointer

    /// Events that must come before the reading of connections: a connection has to be known before its first byte or
    /// its end is handled.
    static let urgentPriority: Int32 = 0
    private static let priorities: Int32 = 2
    /// How long a turn may go on while an urgent event waits, in microseconds, plus the callback that it is at.
    private static let longestTurn = 100_000

    /// Makes a base with the changelist epoll backend and without locks: the thread that makes it is the only one that
    /// will touch it. Throws when the kernel or memory refuse. Timers are as coarse as the kernel's tick, 4 ms mostly:
    /// finer ones would cost each turn a system call.
    package init() throws(LibeventError) {
        guard let config = unsafe event_config_new() else { throw .outOfMemory }
        defer { unsafe event_config_free(config) }
        unsafe event_config_set_flag(
            config, Int32(EVENT_BASE_FLAG_NOLOCK.rawValue | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST.rawValue))
        var longest = timeval(tv_sec: 0, tv_usec: Self.longestTurn)
        unsafe event_config_set_max_dispatch_interval(config, &longest, -1, Self.urgentPriority + 1)
        guard let base = unsafe event_base_new_with_config(config) else { throw .noEventBase }
        unsafe event_base_priority_init(base, Self.priorities)
        unsafe self.base = unsafe base
    }

    deinit {
        unsafe event_base_free(base)
    }

    /// Runs callbacks until `stop()`. Also returns when no event is left, which does not happen while a listener or
    /// timer lives.
    package func run() {
        unsafe event_base_dispatch(base)
    }

    /// The same, and calls `afterTurn` each time when all that was ready has been handled and the loop would wait. What
    /// it takes, or sleeps, gathers what comes meanwhile for one turn.
    package func run(afterTurn: (borrowing OnLoop) -> Void) {
        while unsafe event_base_loop(base, EVLOOP_ONCE) == 0, unsafe event_base_got_break(base) == 0 {
            afterTurn(OnLoop())
            if unsafe event_base_got_break(base) != 0 { return }
        }
    }

    /// Ends `run()` once the callbacks of this turn are done.
    package func stop(_: borrowing OnLoop) {
        unsafe event_base_loopbreak(base)
    }
}

/// What libevent can refuse. Its functions return -1 or NULL, which is translated here and nowhere else.
package enum LibeventError: Error, Sendable, Equatable, CustomStringConvertible {
    case outOfMemory
    /// The kernel gave no epoll instance, most likely for want of file descriptors.
    case noEventBase
    /// libevent would not add an event or a listener.
    case eventRefused

    /// The error as a sentence for the operator.
    package var description: String {
        switch self {
        case .outOfMemory: "libevent is out of memory"
        case .noEventBase: "the kernel refuses an epoll instance: the limit on open files may be too low"
        case .eventRefused: "libevent refuses an event or a listener"
        }
    }
}
