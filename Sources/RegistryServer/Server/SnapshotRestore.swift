// Reads a snapshot at the start. It is checked as a whole before anything of it is taken in, and both are done on
// several processors, block by block: what is read is merged by versions, so the order is of no account.

import Catalog
import Glibc
import RegistryCore
import Snapshot
import Synchronization
import System
import Time

/// A snapshot that is open, and is read once or twice.
final class SnapshotRestore: Sendable {
    /// More do not help: what is taken in waits for the locks of the catalog.
    private static let mostThreads = 4

    let index: SnapshotIndex
    let size: Int
    private let file: ReadableFile
    /// The machine's clock as the file was opened, in nanoseconds since 1970.
    private let wall: Int64

    init(_ file: ReadableFile, wall: Int64) throws(SnapshotFault) {
        self.file = file
        self.wall = wall
        size = file.size
        index = try SnapshotIndex(size: file.size) { (offset, count) throws(SnapshotFault) in
            try Self.read(file, offset, count)
        }
    }

    private static func read(_ file: ReadableFile, _ offset: Int, _ count: Int) throws(SnapshotFault) -> [UInt8] {
        do throws(SystemFailure) { return try file.read(offset, count) } catch { throw .unreadable("\(error)") }
    }

    var age: SnapshotAge { SnapshotAge(began: index.head.began, now: wall) }

    /// The latest stamp that is believed.
    private var latest: HybridTime { RestoreTerms.latest(at: wall) }

    /// A stamp that none in the file is later than, as far as they are believed.
    var latestStamp: HybridTime { min(index.end.latest, latest) }

    // MARK: - Reading

    /// Reads every block and throws for the first that is not what its checksum says.
    func check() throws(SnapshotFault) {
        let fault = Mutex<SnapshotFault?>(nil)
        inParallel { block, content in
            do throws(SnapshotFault) { try block.check(content) } catch { fault.withLock { $0 = $0 ?? error } }
            return fault.withLock { $0 == nil }
        } whenUnreadable: { error in
            fault.withLock { $0 = $0 ?? error }
        }
        if let fault = fault.withLock({ $0 }) { throw fault }
    }

    /// Takes all of it in: what has become of it, and how many states cannot be used.
    func merge(into registry: RegistryState, withOverrides: Bool) -> (states: RestoredStates, unusable: Int) {
        let sum = Mutex((states: RestoredStates(), unusable: 0))
        inParallel { block, content in
            let (states, read, unusable) = SnapshotBlock.states(in: content)
            let terms = RestoreTerms(
                elapsed: self.wall.subtractingSaturated(read) / 1_000_000, latest: self.latest,
                now: HybridTime(nanoseconds: self.wall), hasOverrides: withOverrides)
            let moment = registry.moment(monotonic: MonotonicClock.now(), wall: WallClock.nanoseconds())
            let restored = registry.store.restore(states.compactMap { terms.read($0) }, at: moment)
            sum.withLock { $0 = ($0.states + restored, $0.unusable + unusable) }
            return true
        } whenUnreadable: { _ in
            sum.withLock { $0.unusable += 1 }
        }
        return sum.withLock { $0 }
    }

    /// Calls `body` with each block and its content, from several threads, until one call returns false.
    private func inParallel(
        _ body: @escaping @Sendable (SnapshotBlock, [UInt8]) -> Bool,
        whenUnreadable: @escaping @Sendable (SnapshotFault) -> Void
    ) {
        let work = Work(self, body, whenUnreadable)
        let count = min(Self.mostThreads, max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))), max(1, index.blocks.count))
        let helpers = (1..<count).compactMap { _ in try? NamedThread("restore") { work.run() } }
        work.run()
        for helper in helpers { helper.join() }
    }

    private final class Work: Sendable {
        private let restore: SnapshotRestore
        private let body: @Sendable (SnapshotBlock, [UInt8]) -> Bool
        private let whenUnreadable: @Sendable (SnapshotFault) -> Void
        private let next = Atomic<Int>(0)
        private let isOver = Atomic<Bool>(false)

        init(
            _ restore: SnapshotRestore, _ body: @escaping @Sendable (SnapshotBlock, [UInt8]) -> Bool,
            _ whenUnreadable: @escaping @Sendable (SnapshotFault) -> Void
        ) {
            self.restore = restore
            self.body = body
            self.whenUnreadable = whenUnreadable
        }

        func run() {
            while !isOver.load(ordering: .relaxed) {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < restore.index.blocks.count else { return }
                let block = restore.index.blocks[index]
                do throws(SnapshotFault) {
                    let content = try SnapshotRestore.read(restore.file, block.offset, block.count)
                    if !body(block, content) { isOver.store(true, ordering: .relaxed) }
                } catch {
                    whenUnreadable(error)
                    isOver.store(true, ordering: .relaxed)
                }
            }
        }
    }
}
