// How other threads speak to a loop: values in a guarded queue and a signal that wakes the loop. This is the only door; nothing of a loop
// is touched from outside.

import Synchronization
import System

/// The sending side: may be used from any thread, also after the loop has gone.
public final class MailboxSender<Message: Sendable>: Sendable {
    /// Invariant: short, though nothing here bounds it. What a client or a peer did is told of once until it has been looked at (the catalog's changes,
    /// see `News`), once a turn of the loop (tickets and their acknowledgments), or by calls that wait, whose number is bounded (questions); the others
    /// come with a signal, a pause, a look for members every few seconds, the start and the end of a loop.
    private let queue = Mutex<[Message]>([])
    fileprivate let signal: WakeSignal

    /// For a mailbox that is opened later, on its loop's thread; what is sent before waits. Throws when the kernel gives no descriptor.
    public init() throws(SystemFailure) { signal = try WakeSignal() }

    /// Queues a message and wakes the loop. Messages of one sender arrive in order.
    public func send(_ message: Message) {
        queue.withLock { $0.append(message) }
        signal.raise()
    }

    fileprivate func takeAll() -> [Message] {
        // Before the queue is emptied: what is sent in between wakes the loop again.
        signal.lower()
        return queue.withLock { queue in
            defer { queue = [] }
            return queue
        }
    }
}

/// The receiving side: belongs to the loop's thread.
public final class Mailbox<Message: Sendable> {
    /// What may be handed to other threads.
    public let sender: MailboxSender<Message>
    private let event: LoopEvent

    /// Calls `handler` on the loop for each message.
    public convenience init(on loop: EventLoop, _ handler: @escaping (Message, borrowing OnLoop) -> Void) throws {
        try self.init(on: loop, receiving: MailboxSender<Message>(), handler)
    }

    /// Calls `handler` on the loop for each message that comes through `sender`, which has no other mailbox.
    public init(
        on loop: EventLoop, receiving sender: MailboxSender<Message>, _ handler: @escaping (Message, borrowing OnLoop) -> Void
    ) throws(LibeventError) {
        self.sender = sender
        event = try LoopEvent.readable(sender.signal.descriptor, on: loop) { onLoop in
            for message in sender.takeAll() { handler(message, onLoop) }
        }
    }
}
