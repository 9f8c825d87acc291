// The cluster's events as log lines. Each is a change of state and comes once; but strangers may knock as often as they like, so what is said of them
// is bounded.

import Logging
import Replication

/// Writes what happens in the cluster. Belongs to the replication thread.
struct ClusterLog {
    /// Lines about strangers and refusals in each period, in milliseconds; the others are counted.
    private static let strangersPerPeriod = 10
    private static let period: Int64 = 10_000

    private let logger: Logger
    private var unreachable: Set<PeerAddress> = []
    private var strangers = 0
    private var unsaid = 0
    private var turnedAwayBefore = 0
    private var periodStart: Int64 = 0

    init(_ logger: Logger) { self.logger = logger }

    /// To be told of the monotonic time, in milliseconds, now and then.
    mutating func tick(at now: Int64) {
        guard now - periodStart >= Self.period else { return }
        periodStart = now
        strangers = 0
        if unsaid > 0 { logger.warning("more were refused on the replication port", metadata: ["count": "\(unsaid)"]) }
        unsaid = 0
    }

    private mutating func stranger(_ message: Logger.Message, _ metadata: Logger.Metadata) {
        strangers += 1
        if strangers <= Self.strangersPerPeriod { logger.warning(message, metadata: metadata) } else { unsaid += 1 }
    }

    /// So many connections, in all, were closed unread.
    mutating func turnedAway(_ count: Int) {
        unsaid += count - turnedAwayBefore
        turnedAwayBefore = count
    }

    /// Somebody on the port was not let in.
    mutating func refused(_ host: String, _ reason: String) {
        stranger("a connection on the replication port was refused", ["from": "\(host)", "reason": "\(reason)"])
    }

    /// Said once, until it is reached again.
    mutating func dialFailed(_ address: PeerAddress, _ reason: String) {
        let isNews = unreachable.insert(address).inserted
        logger.log(
            level: isNews ? .warning : .debug, "a member cannot be reached", metadata: ["member": "\(address)", "reason": "\(reason)"])
    }

    mutating func reached(_ address: PeerAddress) { unreachable.remove(address) }

    /// These are the members now; whoever has the address of a former one next is another.
    mutating func membersChanged(_ addresses: Set<PeerAddress>) { unreachable.formIntersection(addresses) }

    /// - Parameter name: what the member at an address is called, if that is known.
    mutating func write(_ event: ClusterEvent, name: (PeerAddress) -> String?) {
        func member(_ address: PeerAddress, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
            var metadata = more
            metadata["member"] = "\(address)"
            if let name = name(address) { metadata["name"] = "\(name)" }
            return metadata
        }
        switch event {
        case .joined(let address, let boot):
            logger.info("a member is heard", metadata: member(address, ["boot": "\(boot)"]))
        case .lost(let address, _, let reason):
            logger.warning(
                "a member is no longer heard",
                metadata: member(address, ["reason": "\(reason?.words ?? "the connection has ended")"]))
        case .refused(let address, let reason):
            stranger("a member was refused", ["member": "\(address)", "reason": "\(reason.words)"])
        case .refusedBy(let address, let reason):
            stranger("a member refuses this one", member(address, ["reason": "\(reason.words)"]))
        case .refusedByAll(let reason, let answersLookups):
            logger.error(
                answersLookups
                    ? "all other members refuse this one: it knows nothing of what is registered there"
                    : "all other members refuse this one: it answers no look-ups and is not ready until one lets it in",
                metadata: ["reason": "\(reason.words)", "remedy": "\(reason.remedy)"])
        case .originalsOverdue(let addresses):
            logger.warning(
                "members that run the original do not read this one within sync_timeout: what is registered here may be missing there",
                metadata: ["members": "\(addresses.map(\.description).joined(separator: ", "))"])
        case .copied(let address, let states, let milliseconds):
            logger.info(
                "copied from a member", metadata: member(address, ["states": "\(states)", "milliseconds": "\(milliseconds)"]))
        case .copyFailed(let address): logger.warning("a copy was cut short, and is asked for again", metadata: member(address))
        case .overflowed(let address):
            logger.warning("a member does not keep up: it gets a copy when it can take one", metadata: member(address))
        case .leftOut(let address):
            logger.warning("a member does not acknowledge in time: changes are acknowledged without it", metadata: member(address))
        case .waitedForAgain(let address):
            logger.info("a member acknowledges in time again: changes wait for it", metadata: member(address))
        case .leftOutBy(let address):
            logger.warning(
                "a member acknowledges changes without this one, which may lack them until it has caught up", metadata: member(address))
        case .repaired(let address, let states):
            logger.info("differences were repaired", metadata: member(address, ["states": "\(states)"]))
        case .linkingOverdue(let addresses):
            logger.warning(
                "clients are answered though some members and this one do not wait for each other yet: what one acknowledges the other learns late",
                metadata: ["members": "\(addresses.map(\.description).joined(separator: ", "))"])
        case .copyOverdue:
            logger.error("look-ups are not answered yet: members have answered, but none has given its whole copy within sync_timeout")
        case .ready(let ground): ready(ground)
        case .clockWrong(let milliseconds):
            logger.error(
                "this machine's clock differs from the other members': changes are stamped with the corrected time",
                metadata: ["milliseconds": "\(milliseconds)"])
        case .clockRight: logger.info("this machine's clock agrees with the other members' again")
        case .restamped(let states):
            logger.error(
                "a clock was so far ahead that what it stamped was stamped anew: no other member would take it over",
                metadata: ["states": "\(states)"])
        case .clocksDiffer(let address, let milliseconds):
            logger.error(
                "two members' clocks differ, and nobody can say whose is wrong",
                metadata: ["member": "\(address)", "milliseconds": "\(milliseconds)"])
        case .leasesHeld: logger.warning("after a pause no lease runs out until the other members have been heard")
        case .leasesReleased(let expired): logger.info("leases run again after a pause", metadata: ["expired": "\(expired)"])
        case .cutOff(let heard, let others, let milliseconds):
            logger.error(
                "this member is cut off: what the others vouched for is kept, and marked as overdue, until they are heard again",
                metadata: ["heard": "\(heard)", "others": "\(others)", "at_most_seconds": "\(milliseconds / 1_000)"])
        case .cutOffEnded(let heard, let others, let restarts):
            logger.warning(
                restarts
                    ? "this member is no longer cut off: leases begin anew, since nobody has heard their heartbeats meanwhile"
                    : "this member is no longer cut off",
                metadata: ["heard": "\(heard)", "others": "\(others)"])
        case .sizeUnmet(let expected, let members):
            logger.error("the cluster has fewer members than it should", metadata: ["expected": "\(expected)", "members": "\(members)"])
        case .sizeMet(let members): logger.info("the cluster has its members", metadata: ["members": "\(members)"])
        case .ourself(let address): logger.info("an address leads to this member itself", metadata: ["member": "\(address)"])
        case .conflict(let conflict):
            logger.warning(
                conflict.kind == .name
                    ? "several members have one name: give each a member_name of its own"
                    : "several members advertise one address: give each an advertise_address of its own",
                metadata: [
                    "\(conflict.kind.rawValue)": "\(conflict.value)",
                    "members": "\(conflict.addresses.map(\.description).joined(separator: ", "))",
                ])
        }
    }

    func write(_ event: MembershipEvent) {
        let level: Logger.Level =
            switch event.gravity {
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        logger.log(level: level, "\(event)")
    }

    private func ready(_ ground: ReadinessGround) {
        switch ground {
        case .copied(let address): logger.info("look-ups are answered: all was copied", metadata: ["member": "\(address)"])
        case .startedTogether(let members):
            logger.info("look-ups are answered: all members have started together", metadata: ["members": "\(members)"])
        case .alone: logger.warning("look-ups are answered: no other member is known")
        case .timeout(peersAnswered: true):
            logger.error(
                "look-ups are answered without a whole copy: who has answered has been silent for sync_timeout, instances may be missing")
        case .timeout(peersAnswered: false):
            logger.error("look-ups are answered, though no member was reached within sync_timeout: instances may be missing")
        }
    }

    mutating func write(_ event: OriginalEvent) {
        switch event {
        case .reading(let address): logger.info("a member that runs the original is read", metadata: ["member": "\(address)"])
        case .readingEnded(let address, let failure):
            logger.warning(
                "a member that runs the original is no longer read",
                metadata: ["member": "\(address)", "reason": "\(failure?.words ?? "the stream has ended")"])
        case .read(let address): logger.info("a member that runs the original reads this one", metadata: ["member": "\(address)"])
        case .readEnded(let address):
            logger.info("a member that runs the original no longer reads this one", metadata: ["member": "\(address)"])
        case .copied(let address, let instances, let milliseconds):
            logger.info(
                "copied from a member that runs the original",
                metadata: ["member": "\(address)", "instances": "\(instances)", "milliseconds": "\(milliseconds)"])
        case .copyFailed(let address, let failure):
            logger.warning(
                "a copy from a member that runs the original failed",
                metadata: ["member": "\(address)", "reason": "\(failure?.words ?? "no connection")"])
        case .copySent(let address, let instances):
            logger.info(
                "a member that runs the original has copied from this one",
                metadata: ["member": "\(address)", "instances": "\(instances)"])
        case .unusable(let address, let error):
            logger.warning(
                "a message of a member that runs the original cannot be used",
                metadata: ["member": "\(address)", "reason": "\(error.words)"])
        case .overflowed(let address):
            logger.warning("a member that runs the original does not keep up", metadata: ["member": "\(address)"])
        case .full(let address): stranger("a member that runs the original has too many connections", ["member": "\(address)"])
        }
    }
}
