// Time in the simulation: what is to happen, in the order of when, and of what happens at the same moment in the order
// in which it was planned.

import Time

/// A priority queue of things to do.
struct EventQueue {
    private struct Event {
        let at: MonotonicTime
        let number: Int
        let action: () -> Void

        func comes(before other: Event) -> Bool { (at, number) < (other.at, other.number) }
    }

    /// A binary heap.
    private var heap: [Event] = []
    private var planned = 0

    mutating func plan(at time: MonotonicTime, _ action: @escaping () -> Void) {
        planned += 1
        heap.append(Event(at: time, number: planned, action: action))
        var child = heap.count - 1
        while child > 0, heap[child].comes(before: heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    var nextTime: MonotonicTime? { heap.first?.at }

    mutating func pop() -> (at: MonotonicTime, action: () -> Void)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return (first.at, first.action) }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].comes(before: heap[least]) {
                least = child
            }
            guard least != parent else { return (first.at, first.action) }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
