// Which reply answers which command. Redis answers in the order that it was asked in and says nothing else of it, so
// one reply too few or too many would give every later one to the wrong asker: whoever finds that here must close the
// connection. The same when a deadline has passed, since the late reply would be taken for the next command's.

package import Time

/// The commands of one connection that are not answered yet, each with what its asker calls it.
package struct CommandQueue<Tag: Sendable>: Sendable {
    private struct Entry {
        let tag: Tag
        let bytes: Int
        let deadline: MonotonicTime
        let changes: Bool
    }

    /// How many answered entries are kept until the array is moved together.
    private static var slack: Int { 1_024 }

    private let limits: CommandLimits
    /// Invariant: those before `start` are answered.
    private var entries: [Entry] = []
    private var start = 0
    /// Invariant: from `start` to `entries.count`; those before it have been handed to the kernel.
    private var unsent = 0
    /// Of the commands that are not answered.
    package private(set) var bytes = 0

    package init(limits: CommandLimits = CommandLimits()) { self.limits = limits }

    package var count: Int { entries.count - start }
    package var isEmpty: Bool { count == 0 }

    /// Takes a command that is about to be sent; false, and nothing is changed, when there are too many. One that is
    /// larger than the bound is taken when it is alone.
    /// - changes: whether it matters to its asker if it was done without an answer.
    package mutating func add(_ tag: Tag, bytes size: Int, by deadline: MonotonicTime, changes: Bool = true) -> Bool {
        guard count < limits.commands, isEmpty || bytes + size <= limits.bytes else { return false }
        entries.append(Entry(tag: tag, bytes: size, deadline: deadline, changes: changes))
        bytes += size
        return true
    }

    /// All that were added have been handed to the kernel.
    package mutating func send() { unsent = entries.count }

    /// A reply has come: whose it is; nil when nobody has asked, which ends the connection.
    package mutating func answer() -> Tag? {
        guard start < unsent else { return nil }
        let entry = entries[start]
        start += 1
        bytes -= entry.bytes
        if start == entries.count || start >= Self.slack && start * 2 >= entries.count {
            entries.removeFirst(start)
            unsent -= start
            start = 0
        }
        return entry.tag
    }

    /// When the first of them is overdue; nil when there is none.
    package var deadline: MonotonicTime? { entries[start...].lazy.map(\.deadline).min() }

    package func isOverdue(at now: MonotonicTime) -> Bool { deadline.map { $0 <= now } ?? false }

    /// The connection has gone: what was lost with it, in the order that it was asked in. The queue is empty then.
    package mutating func close() -> [(tag: Tag, loss: CommandLoss)] {
        let lost = entries.indices[start...].map { index in
            let entry = entries[index]
            return (tag: entry.tag, loss: entry.changes && index < unsent ? CommandLoss.unknown : .notDone)
        }
        self = CommandQueue(limits: limits)
        return lost
    }
}

/// What is known of a command that has lost its connection.
package enum CommandLoss: Sendable, Equatable {
    /// It has not left, or changes nothing: as if it had not been asked.
    case notDone
    /// The server may have done it, or may yet.
    case unknown
}

/// How much may be asked on one connection without an answer.
package struct CommandLimits: Sendable {
    package var commands = 16_384
    package var bytes = 64 << 20

    package init() {}
}
