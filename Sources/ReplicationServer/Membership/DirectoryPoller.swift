// What the directory's thread does: keep this member's file fresh, look at the others', report what was found.

import Replication
import System
import Time

/// Confined to its thread.
final class DirectoryPoller {
    private let directory: MemberDirectory
    private let configuration: MembershipConfiguration
    private let report: @Sendable (MembershipReport) -> Void
    private var view: DirectoryView
    /// Whether the directory was read, and our file written, each once since the start. Until both were, one event
    /// reports it and no other.
    private var wasRead = false
    private var wasWritten = false
    private var isUnusableTold = false

    /// Nil without a directory.
    init?(_ configuration: MembershipConfiguration, report: @escaping @Sendable (MembershipReport) -> Void) {
        guard let path = configuration.directory else { return nil }
        directory = MemberDirectory(path: path, own: configuration.own)
        view = DirectoryView(own: configuration.own)
        self.configuration = configuration
        self.report = report
    }

    private var serves: Bool { wasRead && wasWritten }

    /// Returns once the signal is raised and our file is taken away.
    func run(until stop: WakeSignal) {
        var nextBeat = MonotonicClock.now()
        var nextLook = nextBeat
        var events: [MembershipEvent] = []
        while !stop.wait(until: min(nextBeat, nextLook)) {
            // Our file first, so that nothing a former run left under our name is taken for another member's.
            if nextBeat <= MonotonicClock.now() {
                events += beat()
                nextBeat = MonotonicClock.now() + period(configuration.periods.heartbeat)
            }
            guard nextLook <= MonotonicClock.now() else { continue }
            let look = look()
            events += look.events
            nextLook = MonotonicClock.now() + period(configuration.periods.look)
            // A member with a clock of the future may have deleted ours.
            if look.isOwnMissing, serves { nextBeat = MonotonicClock.now() }
            if stop.isRaised { break }
            report(
                MembershipReport(
                    source: .directory, addresses: view.members, isComplete: look.isComplete, serves: serves,
                    events: events))
            events = []
        }
        directory.removeOwn()
    }

    /// A directory that was of no use yet is tried more often: no other member knows of this one.
    private func period(_ usual: Duration) -> Duration { serves ? usual : min(usual, configuration.periods.retry) }

    private func beat() -> [MembershipEvent] {
        let content = MemberFile(address: configuration.own, timestamp: configuration.wallClock()).content
        do throws(SystemFailure) {
            let events = view.heartbeatWritten(try directory.write(content))
            return served(\.wasWritten, events)
        } catch {
            return failed(
                "this member's file in it cannot be written: \(error)", view.heartbeatFailed(reason: "\(error)"))
        }
    }

    private func look() -> (events: [MembershipEvent], isComplete: Bool, isOwnMissing: Bool) {
        do throws(SystemFailure) {
            let (files, isWhole) = try directory.look()
            let judgement = view.looked(files, isWhole: isWhole, at: MonotonicClock.now())
            let deleted = judgement.deletions.filter(directory.delete)
            let isOwnMissing = !files.contains { $0.name == MemberFile.name(of: configuration.own) }
            return (served(\.wasRead, judgement.events + deleted.map { .deleted($0.address) }), isWhole, isOwnMissing)
        } catch {
            return (failed("\(error)", view.lookFailed(reason: "\(error)")), false, false)
        }
    }

    /// One of the two has succeeded. `events` are what the view has to say of it.
    private func served(_ flag: ReferenceWritableKeyPath<DirectoryPoller, Bool>, _ events: [MembershipEvent])
        -> [MembershipEvent]
    {
        guard !serves else { return events }
        self[keyPath: flag] = true
        // What is restored was never said to be lost.
        let others = events.filter { $0 != .directoryReadable && $0 != .heartbeatRestored }
        return serves && isUnusableTold ? others + [.directoryServes(path: directory.path)] : others
    }

    private func failed(_ reason: String, _ events: [MembershipEvent]) -> [MembershipEvent] {
        guard !serves else { return events }
        defer { isUnusableTold = true }
        return isUnusableTold ? [] : [.directoryUnusable(path: directory.path, reason: reason)]
    }
}
