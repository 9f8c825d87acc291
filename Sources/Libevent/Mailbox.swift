// How other threads speak to a loop: values in a guarded queue and an eventfd that wakes the loop. This is the only door; nothing of a loop
// is touched from outside.

import CLibevent
import Glibc
import Synchronization

/// The sending side: may be used from any thread, also after the loop has gone.
public final class MailboxSender<Message: Sendable>: Sendable {
    private struct Queue {
        var messages: [Message] = []
    }

    private let queue = Mutex(Queue())
    /// Invariant: open for as long as this object lives, so a late sender never writes into somebody else's descriptor.
    fileprivate let descriptor: Int32

    /// For a mailbox that is opened later, on its loop's thread; what is sent before waits. Throws when the kernel gives no descriptor.
    public init() throws(LibeventError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw .noEventDescriptor }
    }

    deinit {
        close(descriptor)
    }

    /// Queues a message and wakes the loop. Messages of one sender arrive in order.
    public func send(_ message: Message) {
        queue.withLock { $0.messages.append(message) }
        // A full counter (EAGAIN) means that the loop has been woken already.
        eventfd_write(descriptor, 1)
    }

    fileprivate func takeAll() -> [Message] {
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
        return queue.withLock { queue in
            defer { queue.messages.removeAll() }
            return queue.messages
        }
    }
}

/// The receiving side: belongs to the loop's thread.
public final class Mailbox<Message: Sendable> {
    /// What may be handed to other threads.
    public let sender: MailboxSender<Message>
    private let event: LoopEvent

    /// Calls `handler` on the loop for each message.
    public convenience init(on loop: EventLoop, _ handler: @escaping (Message, borrowing OnLoop) -> Void) throws(LibeventError) {
        try self.init(on: loop, receiving: MailboxSender<Message>(), handler)
    }

    /// Calls `handler` on the loop for each message that comes through `sender`, which has no other mailbox.
    public init(
        on loop: EventLoop, receiving sender: MailboxSender<Message>, _ handler: @escaping (Message, borrowing OnLoop) -> Void
    ) throws(LibeventError) {
        self.sender = sender
        event = try LoopEvent.readable(sender.descriptor, on: loop) { onLoop in
            for message in sender.takeAll() { handler(message, onLoop) }
        }
    }
}
