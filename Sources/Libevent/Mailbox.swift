// How other threads speak to a loop: values in a guarded queue and a signal that wakes the loop. This is the only
// entry; nothing of a loop is touched from outside.

import Synchronization
package import System

/// The sending side: may be used from any thread, also after the loop has gone.
package final class MailboxSender<Message: Sendable>: Sendable {
    /// Invariant: short, though nothing here bounds it. What a client or a peer did is mailed once until it has been
    /// handled (the catalog's changes, see `DirtyShards`), once a turn of the loop (tickets and their acknowledgments), or by
    /// calls that wait, whose number is bounded (questions); the others come with a signal, a pause, a look for members
    /// every few seconds, the start and the end of a loop.
    private let queue = Mutex(Queue())
    fileprivate let signal: WakeSignal

    private struct Queue {
        var messages: [Message] = []
        /// Whether the loop has been woken for what is here.
        var isRaised = false
    }

    /// For a mailbox that is opened later, on its loop's thread; what is sent before waits. Throws when the kernel
    /// gives no descriptor.
    package init() throws(SystemFailure) { signal = try WakeSignal() }

    /// Queues a message and wakes the loop. Messages of one sender arrive in order.
    package func send(_ message: Message) {
        let wakes = queue.withLock { queue in
            queue.messages.append(message)
            defer { queue.isRaised = true }
            return !queue.isRaised
        }
        // One system call, however much is sent until the loop looks.
        if wakes { signal.raise() }
    }

    /// Queues a message for when the loop looks next, for whatever reason.
    package func sendQuietly(_ message: Message) {
        queue.withLock { $0.messages.append(message) }
    }

    fileprivate func takeAll() -> [Message] {
        queue.withLock { queue in
            defer { queue = Queue() }
            return queue.messages
        }
    }
}

/// The receiving side: belongs to the loop's thread.
package final class Mailbox<Message: Sendable> {
    /// What may be handed to other threads.
    package let sender: MailboxSender<Message>
    private let event: LoopEvent
    private let handler: (Message, borrowing OnLoop) -> Void

    /// Calls `handler` on the loop for each message.
    package convenience init(on loop: EventLoop, _ handler: @escaping (Message, borrowing OnLoop) -> Void) throws {
        try self.init(on: loop, receiving: MailboxSender<Message>(), handler)
    }

    /// Calls `handler` on the loop for each message that comes through `sender`, which has no other mailbox.
    package init(
        on loop: EventLoop, receiving sender: MailboxSender<Message>,
        _ handler: @escaping (Message, borrowing OnLoop) -> Void
    ) throws(LibeventError) {
        self.sender = sender
        self.handler = handler
        // Each raising is reported once, so that no thread has to lower the signal, which takes a system call.
        event = try LoopEvent.readable(sender.signal.descriptor, on: loop, onceEach: true) { onLoop in
            for message in sender.takeAll() { handler(message, onLoop) }
        }
    }

    /// Handles what was sent so far, quietly or not, without waiting for the loop's next turn.
    package func receive(_ onLoop: borrowing OnLoop) {
        for message in sender.takeAll() { handler(message, onLoop) }
    }
}
