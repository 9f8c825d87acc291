// The thread that keeps a file of what this registry holds: it reads the file at the start, writes it at intervals and a
// last time at a clean stop (docs/snapshot.md). Nothing of it happens on a loop.
//
//     restoring ──► waiting until look-ups are answered ──► resting ◄──► writing ── a stop ──► writing a last time ──► ended
//
// Nothing is written before look-ups are answered: the file that the start found is all there is until then.

import Catalog
import Configuration
import Glibc
import Logging
import RegistryCore
import Replication
import Snapshot
import Synchronization
import System
import Telemetry
import Time

/// The file of a registry and its thread. Belongs to the control loop.
final class SnapshotThread {
    /// What the start has found.
    enum Found: Sendable {
        case nothing
        case file(SnapshotRestore)
        /// The sentence says why it is not used.
        case unusable(String)
    }

    /// How long a last snapshot may take, and how often it is asked whether look-ups are answered.
    static let lastTime: Duration = .milliseconds(3_900)
    static let readyPeriod: Duration = .milliseconds(100)
    static let threadName = "snapshot"

    let status: SnapshotStatus
    /// For a registry that is alone; a member of a cluster has another.
    let alone = RestoringCluster()
    private let found: Found
    private let keeper: SnapshotKeeper
    private let ended: WakeSignal
    private var thread: NamedThread?
    private var lastUntil: MonotonicTime?

    /// Nil where no file is configured. Throws a `PrivateFileFault` where the file must not be written or cannot be.
    init?(_ settings: Settings, _ logger: Logger) throws {
        guard let path = settings.snapshotFile else { return nil }
        let file = PrivateFile(path)
        status = SnapshotStatus(at: MonotonicClock.now())
        ended = try WakeSignal()
        keeper = SnapshotKeeper(file, settings, status, try WakeSignal(), logger)
        found = try keeper.look()
        if case .file = found { status.change { $0.isRestoring = true } } else { alone.restored() }
    }

    /// Sees to it that what is stamped from now on is later than all in the file.
    func prepare(_ store: Store) {
        if case .file(let restore) = found { store.observe(restore.latestStamp) }
    }

    /// Begins. `whenRestored` is called from the thread, once what was found has been read.
    func start(_ registry: RegistryState, whenRestored: @escaping @Sendable (_ isAnything: Bool) -> Void) throws {
        thread = try NamedThread(Self.threadName) { [keeper, found, alone, ended] in
            keeper.run(found, registry, alone, whenRestored)
            ended.raise()
        }
    }

    /// Writes the file a last time, from now on, and ends the thread.
    func finish() {
        guard lastUntil == nil else { return }
        lastUntil = MonotonicClock.now() + Self.lastTime
        keeper.finish()
    }

    /// Waits for the end of the thread. Returns whether it has ended.
    func stop() -> Bool {
        guard let thread else { return true }
        finish()
        guard ended.wait(until: lastUntil) else {
            thread.detach()
            return false
        }
        thread.join()
        return true
    }
}

/// What the thread does.
final class SnapshotKeeper: Sendable {
    /// Files that could not be used and are kept.
    private static let mostKept = 3
    private static let asideMark = ".damaged-"
    /// Bytes after which the disk is waited for: not all at once at the end, for which other writers would wait.
    private static let syncBytes = 8 << 20

    private let file: PrivateFile
    private let settings: Settings
    private let status: SnapshotStatus
    private let stopSignal: WakeSignal
    private let logger: Logger

    init(
        _ file: PrivateFile, _ settings: Settings, _ status: SnapshotStatus, _ stopSignal: WakeSignal, _ logger: Logger
    ) {
        self.file = file
        self.settings = settings
        self.status = status
        self.stopSignal = stopSignal
        self.logger = logger
    }

    func finish() { stopSignal.raise() }

    // MARK: - The start

    /// Looks at what is there. Throws where nothing could ever be written.
    func look() throws -> SnapshotThread.Found {
        let found: SnapshotThread.Found
        if let open = try file.open() {
            do throws(SnapshotFault) {
                found = .file(try SnapshotRestore(open, wall: WallClock.nanoseconds()))
            } catch { found = .unusable(error.description) }
        } else {
            found = .nothing
        }
        try file.checkReplaceable()
        return found
    }

    func run(
        _ found: SnapshotThread.Found, _ registry: RegistryState, _ alone: RestoringCluster,
        _ whenRestored: @Sendable (Bool) -> Void
    ) {
        let leftovers = file.removeLeftovers()
        if leftovers > 0 {
            logger.info("unfinished snapshots of dead processes are removed", metadata: ["files": "\(leftovers)"])
        }
        let (restore, mayWrite) = begin(found, registry)
        status.change { $0.isRestoring = false }
        alone.restored()
        whenRestored(status.figures.restored > 0)
        guard let ground = awaitReadiness(of: registry) else { return }
        if let restore { complete(restore, registry, ground) }
        guard mayWrite else { return }
        NamedThread.yieldToOthers(19)
        keepWriting(registry)
    }

    /// Takes in what was found, as far as it may be before other members are heard. Returns what is to be looked at
    /// again when they were, and whether the file may be replaced.
    private func begin(_ found: SnapshotThread.Found, _ registry: RegistryState) -> (SnapshotRestore?, mayWrite: Bool) {
        switch found {
        case .nothing: return (nil, true)
        case .unusable(let reason): return (nil, putAside(reason))
        case .file(let restore):
            do throws(SnapshotFault) { try restore.check() } catch { return (nil, putAside(error.description)) }
            guard settings.replication else {
                take(restore, registry, withOverrides: true)
                return (nil, true)
            }
            if restore.age.mayLack(tombstonesOf: settings.tombstoneTime.wholeMilliseconds) {
                logger.warning(
                    "the snapshot is older than TOMBSTONE_TIME, or from the future: it is used only if no member answers",
                    metadata: metadata(restore))
                return (restore, true)
            }
            take(restore, registry, withOverrides: !restore.age.mayHaveOldOverrides)
            return (restore.age.mayHaveOldOverrides ? restore : nil, true)
        }
    }

    /// Takes in what was left out as long as other members might have known better.
    private func complete(_ restore: SnapshotRestore, _ registry: RegistryState, _ ground: ReadinessGround) {
        if case .copied = ground {
            if restore.age.mayLack(tombstonesOf: settings.tombstoneTime.wholeMilliseconds) {
                logger.info("the snapshot is not used: a member has answered", metadata: metadata(restore))
            }
            return
        }
        take(restore, registry, withOverrides: true)
    }

    private func take(_ restore: SnapshotRestore, _ registry: RegistryState, withOverrides: Bool) {
        let began = MonotonicClock.now()
        let (states, unusable) = restore.merge(into: registry, withOverrides: withOverrides)
        let now = MonotonicClock.now()
        if states.entered > 0 {
            let longest = min(.milliseconds(states.longestLease), settings.expiryHold.interval)
            registry.expiryHold.restored(at: now, until: now + longest)
        }
        status.change { figures in
            figures.restored += states.entered
            if let age = restore.age.nanoseconds { figures.written = began.adding(nanoseconds: -age) }
            figures.bytes = restore.size
            figures.states = restore.index.end.states
        }
        var metadata = metadata(restore)
        metadata["instances"] = "\(states.entered)"
        metadata["duration_ms"] = "\((now - began).wholeMilliseconds)"
        logger.info("a snapshot is restored", metadata: metadata)
        if unusable > 0 {
            logger.warning("states in the snapshot cannot be used", metadata: ["states": "\(unusable)"])
        }
    }

    private func metadata(_ restore: SnapshotRestore) -> Logger.Metadata {
        [
            "path": "\(file.path)", "release": "\(restore.index.head.release)", "states": "\(restore.index.end.states)",
            "bytes": "\(restore.size)",
            "age_s": "\(restore.age.nanoseconds.map { "\($0 / 1_000_000_000)" } ?? "unknown")",
        ]
    }

    /// A file that cannot be used is kept for whoever can make something of it. Returns whether another may take its
    /// place.
    private func putAside(_ reason: String) -> Bool {
        status.change { $0.refused += 1 }
        do throws(PrivateFileFault) {
            let kept = try file.putAside(Self.asideMark, time: Self.time(), keeping: Self.mostKept)
            logger.error(
                "the snapshot is not used",
                metadata: ["path": "\(file.path)", "reason": "\(reason)", "kept": "\(kept)"])
            return true
        } catch {
            logger.error(
                "the snapshot is not used, and cannot be put aside: no snapshot is written",
                metadata: ["path": "\(file.path)", "reason": "\(reason)", "error": "\(error)"])
            return false
        }
    }

    /// As in `20261129T182330.123456789Z`.
    private static func time() -> String {
        var timestamps = TimestampFormatter()
        var bytes: [UInt8] = []
        timestamps.append(nanoseconds: WallClock.nanoseconds(), digits: 9, to: &bytes)
        return String(decoding: bytes.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ":") }, as: UTF8.self)
    }

    /// Waits until look-ups are answered: why they are, or nil at a stop.
    private func awaitReadiness(of registry: RegistryState) -> ReadinessGround? {
        while true {
            if registry.cluster.hasCopy {
                guard settings.replication else { return .alone }
                if let ground = registry.cluster.report?.status.ground { return ground }
            }
            if stopSignal.wait(until: MonotonicClock.now() + SnapshotThread.readyPeriod) { return nil }
        }
    }

    // MARK: - Writing

    private enum Interruption: Error {
        /// A stop was asked for.
        case stopped
        case failed(String)
    }

    private func keepWriting(_ registry: RegistryState) {
        var due = MonotonicClock.now() + settings.snapshotInterval.interval
        while !stopSignal.wait(until: due) {
            let began = MonotonicClock.now()
            // What was interrupted is written anew at once.
            write(registry, isLast: false)
            due = MonotonicTime(
                nanoseconds: SnapshotPace.due(
                    begun: began.nanoseconds, written: MonotonicClock.now().nanoseconds,
                    interval: settings.snapshotInterval.interval.wholeMilliseconds * 1_000_000))
        }
        write(registry, isLast: true)
    }

    private func write(_ registry: RegistryState, isLast: Bool) {
        let began = MonotonicClock.now()
        do throws(Interruption) {
            let (bytes, states) = try replace(registry, isLast: isLast)
            let duration = MonotonicClock.now() - began
            status.change { figures in
                figures.written = began
                figures.duration = duration
                figures.bytes = bytes
                figures.states = states
                figures.writes += 1
            }
            logger.log(
                level: isLast ? .info : .debug, "a snapshot is written",
                metadata: [
                    "path": "\(file.path)", "states": "\(states)", "bytes": "\(bytes)",
                    "duration_ms": "\(duration.wholeMilliseconds)",
                ])
        } catch {
            guard case .failed(let reason) = error else { return }
            status.change { $0.failures += 1 }
            logger.error(
                "a snapshot cannot be written; the last one stays",
                metadata: ["path": "\(file.path)", "error": "\(reason)"])
        }
    }

    /// Writes everything into a new file, paced unless it is the last one, and lets it take the place of the old.
    private func replace(_ registry: RegistryState, isLast: Bool) throws(Interruption) -> (bytes: Int, states: UInt64) {
        var unsynced = 0
        var pace = SnapshotPace()
        var reading = SnapshotReading(
            SnapshotHead(
                began: WallClock.nanoseconds(), member: memberID(of: registry), release: Release.current,
                name: ReplicationParts.name(settings) ?? ""))
        do {
            let replacement = try file.replace()
            var spent = ThisThread.processorTime()
            while !reading.isDone {
                let wall = WallClock.nanoseconds()
                let moment = registry.moment(monotonic: MonotonicClock.now(), wall: wall)
                let bytes = reading.next(of: registry.store, at: moment, wall: wall)
                try replacement.write(bytes)
                unsynced += bytes.count
                if unsynced >= Self.syncBytes {
                    unsynced = 0
                    try replacement.sync()
                }
                guard !isLast else { continue }
                let now = ThisThread.processorTime()
                if let rest = pace.rest(afterSpending: now - spent),
                    stopSignal.wait(until: MonotonicClock.now().adding(nanoseconds: rest))
                {
                    throw Interruption.stopped
                }
                spent = now
            }
            try replacement.finish()
        } catch let error as Interruption {
            throw error
        } catch {
            throw .failed("\(error)")
        }
        return (reading.encoder.bytes, reading.encoder.states)
    }

    private func memberID(of registry: RegistryState) -> UInt64 { registry.cluster.report?.status.member.bits ?? 0 }
}
