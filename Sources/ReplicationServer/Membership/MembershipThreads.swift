// Finding the members blocks: a directory on a network may hang, a resolver often does. So each way has a thread of its
// own, and neither hang holds up the other, the replication thread, or the stop.
//
//   "members"  every 7 s our file is rewritten, every 5 s the directory is read ──► MembershipReport(.directory)
//   "resolver" every 5 s each name is looked up                                 ──► MembershipReport(.names)

import Glibc
import Libevent
package import Replication
import Synchronization
package import System
import Time

/// How members are to be found.
package struct MembershipConfiguration: Sendable {
    /// The path of the shared directory, if there is one.
    package var directory: String?
    /// The hosts and names that stand for members.
    package var names: [PeerName]
    /// What we advertise. The names without a port have this port.
    package var own: PeerAddress
    /// Nanoseconds since 1970. Legacy peers judge this member by it, so the corrected clock is best.
    package var wallClock: @Sendable () -> Int64
    package var periods = MembershipPeriods()

    /// The ways in which members are looked for. Each reports at once, and then after every look, also when nothing has
    /// changed; one that is silent for much longer than its period hangs.
    package var sources: Set<MemberSource> {
        var sources: Set<MemberSource> = []
        if directory != nil { sources.insert(.directory) }
        if !names.isEmpty { sources.insert(.names) }
        return sources
    }

    package init(directory: String?, names: [PeerName], own: PeerAddress, wallClock: @escaping @Sendable () -> Int64) {
        self.directory = directory
        self.names = names
        self.own = own
        self.wallClock = wallClock
    }
}

/// How often. Which files of other members a member may delete is as in the original registry.
package struct MembershipPeriods: Sendable {
    /// Our file is rewritten this often.
    package var heartbeat: Duration = .milliseconds(7_000)
    /// Both are tried this often as long as neither has succeeded since the start.
    package var retry: Duration = .milliseconds(1_000)
    /// The directory is read this often.
    package var look: Duration = .milliseconds(5_000)
    /// Names are looked up this long after the last look-up has ended.
    package var lookup: Duration = .milliseconds(5_000)

    package init() {}
}

/// The threads that find members, from their start to their stop.
package final class MembershipThreads: Sendable {
    /// One running thread and how to learn of its end.
    private struct Running {
        let thread: NamedThread
        let ended: WakeSignal
    }

    private let stopSignal: WakeSignal
    private let running: Mutex<[Running]>

    /// Starts looking, at once. Throws when a thread or a descriptor cannot be had.
    ///
    /// - Parameter report: called on the threads, one call after the other for a source; it should only pass the report
    ///   on.
    package convenience init(
        _ configuration: MembershipConfiguration, report: @escaping @Sendable (MembershipReport) -> Void
    ) throws(SystemFailure) {
        try self.init(configuration, resolve: NameLookup.addresses, report: report)
    }

    /// The same with another resolver.
    init(
        _ configuration: MembershipConfiguration, resolve: @escaping NamePoller.Resolve,
        report: @escaping @Sendable (MembershipReport) -> Void
    ) throws(SystemFailure) {
        let stopSignal = try WakeSignal()
        self.stopSignal = stopSignal
        let bodies = configuration.sources.map { source -> (name: String, body: @Sendable () -> Void) in
            switch source {
            case .directory: ("members", { DirectoryPoller(configuration, report: report)?.run(until: stopSignal) })
            case .names:
                ("resolver", { NamePoller(configuration, resolve: resolve, report: report).run(until: stopSignal) })
            }
        }

        var running: [Running] = []
        do throws(SystemFailure) {
            for (name, body) in bodies {
                let ended = try WakeSignal()
                let thread = try NamedThread(name) {
                    body()
                    ended.raise()
                }
                running.append(Running(thread: thread, ended: ended))
            }
        } catch {
            stopSignal.raise()
            for running in running { running.thread.detach() }
            throw error
        }
        self.running = Mutex(running)
    }

    deinit {
        // They were not stopped: they end by themselves and free what they hold.
        stopSignal.raise()
        running.withLock { for running in $0 { running.thread.detach() } }
    }

    /// Ends both threads; our file is taken out of the directory. Blocks for at most this long. Reports
    /// may come until then.
    ///
    /// - Returns: whether both have ended. If not, one hangs in the system; it is left behind, and if it ever comes
    ///   back it takes our file away, reports nothing and ends.
    @discardableResult
    package func stop(within interval: Duration = .seconds(1)) -> Bool {
        let deadline = MonotonicClock.now() + max(.zero, interval)
        stopSignal.raise()
        // The caller that takes a thread out of the list joins or detaches it, once.
        let threads = running.withLock { running in
            defer { running = [] }
            return running
        }
        var haveEnded = true
        for thread in threads {
            if thread.ended.wait(until: deadline) {
                thread.thread.join()
            } else {
                thread.thread.detach()
                haveEnded = false
            }
        }
        return haveEnded
    }
}
