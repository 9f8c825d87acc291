// What the directory's thread does: keep our file fresh, look at the others', tell what was found.

import Replication
import System

/// Confined to its thread.
final class DirectoryPoller {
    private let directory: MemberDirectory
    private let configuration: MembershipConfiguration
    private let report: @Sendable (MembershipReport) -> Void
    private var view: DirectoryView

    /// Nil without a directory.
    init?(_ configuration: MembershipConfiguration, report: @escaping @Sendable (MembershipReport) -> Void) {
        guard let path = configuration.directory else { return nil }
        directory = MemberDirectory(path: path, own: configuration.own)
        view = DirectoryView(own: configuration.own)
        self.configuration = configuration
        self.report = report
    }

    /// Returns once the signal is raised and our file is taken away.
    func run(until stop: WakeSignal) {
        var nextBeat = MonotonicClock.milliseconds()
        var nextLook = nextBeat
        var events: [MembershipEvent] = []
        while !stop.wait(until: min(nextBeat, nextLook)) {
            // Our file first, so that nothing a former run left under our name is taken for another member's.
            if nextBeat <= MonotonicClock.milliseconds() {
                events += beat()
                nextBeat = MonotonicClock.milliseconds() + configuration.periods.heartbeat
            }
            guard nextLook <= MonotonicClock.milliseconds() else { continue }
            let look = look()
            events += look.events
            nextLook = MonotonicClock.milliseconds() + configuration.periods.look
            // A member with a clock of the future may have deleted ours.
            if look.isOwnMissing { nextBeat = MonotonicClock.milliseconds() }
            if stop.isRaised { break }
            report(MembershipReport(source: .directory, addresses: view.members, isComplete: look.isComplete, events: events))
            events = []
        }
        directory.removeOwn()
    }

    private func beat() -> [MembershipEvent] {
        let content = MemberFile(address: configuration.own, timestamp: configuration.wallClock()).content
        do throws(SystemFailure) {
            return view.heartbeatWritten(try directory.write(content))
        } catch {
            return view.heartbeatFailed(reason: "\(error)")
        }
    }

    private func look() -> (events: [MembershipEvent], isComplete: Bool, isOwnMissing: Bool) {
        do throws(SystemFailure) {
            let (files, isWhole) = try directory.look()
            let judgement = view.looked(files, isWhole: isWhole, at: MonotonicClock.milliseconds())
            let deleted = judgement.deletions.filter(directory.delete)
            let isOwnMissing = !files.contains { $0.name == MemberFile.name(of: configuration.own) }
            return (judgement.events + deleted.map { .deleted($0.address) }, isWhole, isOwnMissing)
        } catch {
            return (view.lookFailed(reason: "\(error)"), false, false)
        }
    }
}
