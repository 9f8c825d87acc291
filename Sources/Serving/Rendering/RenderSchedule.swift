// In which order lists are made: the namespaces that want some take turns, and within each its requests do. However
// many a tenant asks for, another waits for one of them at most, for each thread that there is.

import Catalog

/// The lists that wait to be made. A pure value; its owner guards it.
struct RenderSchedule<Job> {
    private struct Line {
        var jobs: [Job] = []
        var isRunning = false
    }

    /// How many may wait of one namespace.
    let capacity: Int
    /// How many wait.
    private(set) var count = 0
    /// Invariant: none that is empty and does not run.
    private var lines: [Namespace: Line] = [:]
    /// Invariant: has exactly the namespaces that have waiting jobs and none that runs, the next one first.
    private var turns: [Namespace] = []

    init(capacity: Int) { self.capacity = capacity }

    /// Whether a job could begin now.
    var hasTurns: Bool { !turns.isEmpty }

    /// Adds a job behind those of its namespace; false when too many wait there.
    mutating func append(_ job: Job, of namespace: Namespace) -> Bool {
        var line = lines[namespace] ?? Line()
        guard line.jobs.count < capacity else { return false }
        if line.jobs.isEmpty, !line.isRunning { turns.append(namespace) }
        line.jobs.append(job)
        lines[namespace] = line
        count += 1
        return true
    }

    /// The next job, which runs from now on: no other of its namespace begins before `finish`. Nil when none may begin.
    mutating func next() -> Job? {
        guard !turns.isEmpty else { return nil }
        let namespace = turns.removeFirst()
        guard var line = lines.removeValue(forKey: namespace) else { return nil }
        let job = line.jobs.removeFirst()
        line.isRunning = true
        lines[namespace] = line
        count -= 1
        return job
    }

    /// A job of this namespace has ended; the namespace's next one waits behind those of the others.
    mutating func finish(_ namespace: Namespace) {
        guard var line = lines.removeValue(forKey: namespace) else { return }
        line.isRunning = false
        guard !line.jobs.isEmpty else { return }
        lines[namespace] = line
        turns.append(namespace)
    }
}
