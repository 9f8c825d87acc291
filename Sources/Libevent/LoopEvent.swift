// A timer, a signal or a readable descriptor of a loop, as an object whose lifetime is the event's: releasing it
// cancels. libevent keeps an unretained pointer to it, which is sound because `deinit` removes the event before the
// memory goes.

import CLibevent
package import System

/// A pending libevent event and the closure it calls. Belongs to its loop's thread.
@safe package final class LoopEvent {
    private let loop: EventLoop
    private let handler: (borrowing OnLoop) -> Void
    private var event: OpaquePointer?

    private init(
        _ loop: EventLoop, descriptor: Int32, flags: Int32, priority: Int32? = nil,
        handler: @escaping (borrowing OnLoop) -> Void
    ) throws(LibeventError) {
        self.loop = loop
        self.handler = handler
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        let callback: event_callback_fn = { _, _, context in
            guard let context = unsafe context else { return }
            unsafe Unmanaged<LoopEvent>.fromOpaque(context).takeUnretainedValue().handler(OnLoop())
        }
        guard let event = unsafe event_new(loop.base, descriptor, Int16(flags), callback, context) else {
            throw .outOfMemory
        }
        if let priority { unsafe event_priority_set(event, priority) }
        unsafe self.event = unsafe event
    }

    deinit {
        if let event = unsafe event { unsafe event_free(event) }
    }

    /// Calls `handler` every `milliseconds`. Calls that the loop was too busy for are skipped, not made up for.
    package static func every(
        milliseconds: Int, on loop: EventLoop, isUrgent: Bool = false, _ handler: @escaping (borrowing OnLoop) -> Void
    ) throws(LibeventError) -> LoopEvent {
        let priority = isUrgent ? EventLoop.urgentPriority : nil
        let event = try LoopEvent(loop, descriptor: -1, flags: EV_PERSIST, priority: priority, handler: handler)
        event.schedule(afterMilliseconds: milliseconds)
        return event
    }

    /// A timer that runs only when `schedule` asks for it.
    package static func timer(on loop: EventLoop, _ handler: @escaping (borrowing OnLoop) -> Void) throws(LibeventError)
        -> LoopEvent
    {
        try LoopEvent(loop, descriptor: -1, flags: 0, handler: handler)
    }

    /// Calls `handler` each time the process gets `signal`. One loop of the process may watch signals.
    package static func signal(
        _ signal: Int32, on loop: EventLoop, _ handler: @escaping (borrowing OnLoop) -> Void
    ) throws(LibeventError) -> LoopEvent {
        let event = try LoopEvent(loop, descriptor: signal, flags: EV_SIGNAL | EV_PERSIST, handler: handler)
        try event.add()
        return event
    }

    /// Calls `handler` while `descriptor` is readable, or, if it is to be called once each time that something comes,
    /// whenever more becomes readable.
    static func readable(
        _ descriptor: Int32, on loop: EventLoop, onceEach: Bool = false, _ handler: @escaping (borrowing OnLoop) -> Void
    ) throws(LibeventError) -> LoopEvent {
        let flags = EV_READ | EV_PERSIST | (onceEach ? EV_ET : 0)
        let event = try LoopEvent(loop, descriptor: descriptor, flags: flags, handler: handler)
        try event.add()
        return event
    }

    /// Calls `handler` while a signal is up.
    package static func raised(
        _ signal: WakeSignal, on loop: EventLoop, _ handler: @escaping (borrowing OnLoop) -> Void
    )
        throws(LibeventError) -> LoopEvent
    {
        try readable(signal.descriptor, on: loop, handler)
    }

    /// An event that runs before any connection is read, in the turn after `activate()`.
    static func urgent(on loop: EventLoop, _ handler: @escaping (borrowing OnLoop) -> Void) throws(LibeventError)
        -> LoopEvent
    {
        try LoopEvent(loop, descriptor: -1, flags: 0, priority: EventLoop.urgentPriority, handler: handler)
    }

    /// Runs the timer `milliseconds` from now, once unless it is one of `every`; replaces an earlier schedule.
    ///
    /// libevent refuses a timer only when its heap cannot grow: memory is used up. That is a trap, as elsewhere in
    /// Swift, because no caller could go on: a stop would have no deadline.
    package func schedule(afterMilliseconds milliseconds: Int) {
        guard let event = unsafe event else { return }
        var interval = timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
        unsafe precondition(event_add(event, &interval) == 0, "libevent gets no memory for a timer")
    }

    /// Calls the handler once at the end of this turn of the loop, after the events that are ready by then, however
    /// often it is requested.
    package func activate() {
        if let event = unsafe event { unsafe event_active(event, EV_TIMEOUT, 1) }
    }

    private func add() throws(LibeventError) {
        guard let event = unsafe event, unsafe event_add(event, nil) == 0 else { throw .eventRefused }
    }
}
