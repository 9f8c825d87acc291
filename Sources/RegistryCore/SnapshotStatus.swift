// How the file stands that this registry keeps of what it holds: what was read from it at the start, and when it was
// last written. Written by the thread of snapshots, read by the pages.

import Synchronization
package import Time

/// Safe to use from any thread.
package final class SnapshotStatus: Sendable {
    package struct Figures: Sendable, Equatable {
        /// Whether what the file has is still being read.
        package var isRestoring = false
        /// Instances that were restored at the start.
        package var restored = 0
        /// When the state that the file has was read first; nil before a file was written.
        package var written: MonotonicTime?
        /// What it took to write the file, and how large it is in bytes.
        package var duration: Duration = .zero
        package var bytes = 0
        package var states: UInt64 = 0
        /// Files that were written, those that could not be, and those that could not be used at the start.
        package var writes: UInt64 = 0
        package var failures: UInt64 = 0
        package var refused: UInt64 = 0

        package init() {}
    }

    private let state = Mutex(Figures())
    /// Before the file, or what the start had instead, there is no age to tell.
    package let started: MonotonicTime

    package init(at now: MonotonicTime) { started = now }

    package var figures: Figures { state.withLock { $0 } }

    package func change(_ body: (inout Figures) -> Void) { state.withLock { body(&$0) } }

    /// For how many seconds the file has had nothing newer: since the start where none was written.
    package func age(at now: MonotonicTime) -> Double {
        Double(max(0, now.nanoseconds(since: figures.written ?? started))) / 1_000_000_000
    }
}
