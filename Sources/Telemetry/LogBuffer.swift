// What the threads that log and the one that writes have in common: the bytes waiting, and which side has to wake the
// other. Callers hold the lock for one copy; the writer takes everything at once by swapping two arrays.

import Synchronization
import System
import Time

/// The bytes of a ``LogPipe``, guarded by a lock that is never held during a system call.
final class LogBuffer: Sendable {
    /// After a burst, an array that has grown beyond this is given back to the system: 256 KiB.
    static let retainedCapacity = 256 << 10

    /// What the writer is doing, as those who append need to know it.
    ///
    ///     writing ──(nothing left)──► lingering ──(still nothing)──► idle
    ///        ▲                            │ time, or half full         │ any line
    ///        └────────────────────────────┴────────────────────────────┘
    enum Writer {
        /// It will look at the buffer before it sleeps: no need to wake it.
        case writing
        /// It sleeps for a few milliseconds so that a busy log is written in few calls; it is woken only if the buffer
        /// fills quickly.
        case lingering
        /// It sleeps until there is a line: the thread that appends the first one wakes it.
        case idle
    }

    private struct State {
        /// Lines waiting to be taken by the writer. Invariant: whole lines only.
        var filling: [UInt8] = []
        /// How many bytes the writer has taken and not yet written. Invariant: `filling.count + inFlight` is at most
        /// the capacity (drop reports, the writer's own lines, are not counted).
        var inFlight = 0
        var writer = Writer.writing
        /// Lines dropped since the start.
        var dropped: UInt64 = 0
        /// Those of them that were reported. Invariant: at most `dropped`.
        var reported: UInt64 = 0
        /// Once closing: when the writer must have stopped.
        var closeBy: MonotonicTime?
    }

    /// What the writer finds when it looks.
    struct Look {
        /// Dropped lines not yet reported.
        var unreported: UInt64
        var closing: Bool
    }

    private let state = Mutex(State())
    private let capacity: Int
    /// Raised to wake the writer.
    let work: WakeSignal
    /// Raised when the writer has stopped.
    private let stopped: WakeSignal

    init(capacity: Int) throws(SystemFailure) {
        self.capacity = capacity
        work = try WakeSignal()
        stopped = try WakeSignal()
    }

    // MARK: Those who log

    var dropped: UInt64 { state.withLock { $0.dropped } }

    func append(_ line: UnsafeBufferPointer<UInt8>) {
        let newline = UInt8(ascii: "\n")
        let lacksNewline = unsafe line.last != newline
        let wakes = state.withLock { state in
            let size = line.count + (lacksNewline ? 1 : 0)
            // Written so that no sum can overflow.
            if state.closeBy == nil && size <= capacity - state.inFlight - state.filling.count {
                unsafe state.filling.append(contentsOf: line)
                if lacksNewline { state.filling.append(newline) }
            } else {
                state.dropped += 1
            }
            switch state.writer {
            case .writing: return false
            case .lingering where state.filling.count < capacity / 2: return false
            case .lingering, .idle:
                state.writer = .writing
                return true
            }
        }
        if wakes { work.raise() }
    }

    // MARK: Whoever closes

    func close(by deadline: MonotonicTime) {
        state.withLock { $0.closeBy = deadline }
        work.raise()
    }

    /// Sleeps until the writer has stopped or the deadline is past; true if it has stopped.
    func waitUntilFinished(until deadline: MonotonicTime) -> Bool { stopped.wait(until: deadline) }

    // MARK: The writer

    /// Exchanges the waiting lines for `batch`, which is empty.
    func take(_ batch: inout [UInt8]) -> Look {
        state.withLock { state in
            swap(&state.filling, &batch)
            state.inFlight = batch.count
            state.writer = .writing
            return Look(unreported: state.dropped - state.reported, closing: state.closeBy != nil)
        }
    }

    /// Makes room: this many bytes of the lines taken are still to be written.
    func setInFlight(_ bytes: Int) {
        state.withLock { $0.inFlight = bytes }
    }

    func addReported(_ lines: UInt64) {
        state.withLock { $0.reported += lines }
    }

    /// The deadline, once closing.
    var closeBy: MonotonicTime? { state.withLock { $0.closeBy } }

    /// Puts the writer to sleep until a time (nil: without limit) or until it is woken.
    func rest(as writer: Writer, until moment: MonotonicTime?) {
        let sleeps = state.withLock { state in
            guard state.closeBy == nil, state.filling.count < (writer == .idle ? 1 : capacity / 2) else { return false }
            state.writer = writer
            return true
        }
        guard sleeps else { return }
        work.wait(until: moment)
        work.lower()
    }

    /// The last call of the writer: the number of lines it had taken and did not write. Lines appended meanwhile are
    /// lost too.
    func finish(abandoning lines: UInt64) {
        state.withLock { state in
            state.dropped += lines + Self.lines(in: state.filling[...])
            state.filling = []
            state.inFlight = 0
        }
        stopped.raise()
    }

    // MARK: Arithmetic

    /// Empties a written batch for reuse, and gives its memory back if a burst has swollen it.
    static func recycle(_ batch: inout [UInt8]) {
        if batch.capacity > retainedCapacity { batch = [] } else { batch.removeAll(keepingCapacity: true) }
    }

    /// How many lines end in these bytes.
    static func lines(in bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(into: 0) { if $1 == UInt8(ascii: "\n") { $0 += 1 } }
    }
}
