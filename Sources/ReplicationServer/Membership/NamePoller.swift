// What the resolver's thread does: look names up, one after the other, and report what was found.

import Replication
import System
import Text
import Time

/// Confined to its thread.
final class NamePoller {
    /// May block for as long as it likes.
    typealias Resolve = @Sendable (_ host: String) throws(NameLookup.Failure) -> [IPAddress]

    private let period: Duration
    private let resolve: Resolve
    private let report: @Sendable (MembershipReport) -> Void
    private var view: NameView

    init(
        _ configuration: MembershipConfiguration, resolve: @escaping Resolve,
        report: @escaping @Sendable (MembershipReport) -> Void
    ) {
        period = configuration.periods.lookup
        view = NameView(configuration.names, defaultPort: configuration.own.port)
        self.resolve = resolve
        self.report = report
    }

    /// Returns once the signal is raised; a look-up that is under way is waited for.
    func run(until stop: WakeSignal) {
        repeat {
            var events: [MembershipEvent] = []
            for name in view.names {
                let before = view.members
                events += lookUp(name)
                if stop.isRaised { return }
                // The next name may take long to fail; what this one has changed is wanted now.
                if view.members != before {
                    tell(events)
                    events = []
                }
            }
            tell(events)
        } while !stop.wait(until: MonotonicClock.now() + period)
    }

    private func lookUp(_ name: PeerName) -> [MembershipEvent] {
        do throws(NameLookup.Failure) {
            return view.resolved(name, try resolve(name.host))
        } catch {
            return view.failed(name, reason: "\(error)", isAnswer: error.isAnswer)
        }
    }

    private func tell(_ events: [MembershipEvent]) {
        report(MembershipReport(source: .names, addresses: view.members, isComplete: view.isComplete, events: events))
    }
}
