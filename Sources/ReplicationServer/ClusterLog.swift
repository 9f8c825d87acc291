// The cluster's events as log lines. Each is a change of state and comes once; but unauthenticated peers may connect as
// often as they like, so lines about them are bounded.

import Logging
import Replication
import Time

/// Writes what happens in the cluster. Belongs to the replication thread.
struct ClusterLog {
    /// Lines about unauthenticated peers and refusals in each period; the others are counted.
    private static let strangersPerPeriod = 10
    private static let period: Duration = .seconds(10)

    private let logger: Logger
    private var unreachable: Set<PeerAddress> = []
    private var strangers = 0
    private var unsaid = 0
    private var turnedAwayBefore = 0
    private var periodStart = MonotonicTime.zero

    init(_ logger: Logger) { self.logger = logger }

    /// To be called now and then.
    mutating func tick(at now: MonotonicTime) {
        guard now - periodStart >= Self.period else { return }
        periodStart = now
        strangers = 0
        if unsaid > 0 {
            logger.warning("more connections on the replication port were refused", metadata: ["count": "\(unsaid)"])
        }
        unsaid = 0
    }

    private mutating func stranger(_ message: Logger.Message, _ metadata: Logger.Metadata) {
        strangers += 1
        if strangers <= Self.strangersPerPeriod { logger.warning(message, metadata: metadata) } else { unsaid += 1 }
    }

    /// This many connections, in all, were closed unread.
    mutating func turnedAway(_ count: Int) {
        unsaid += count - turnedAwayBefore
        turnedAwayBefore = count
    }

    /// A connection on the port was refused.
    mutating func refused(_ host: String, _ reason: String) {
        stranger("a connection on the replication port was refused", ["from": "\(host)", "reason": "\(reason)"])
    }

    /// Said once, until it is reached again.
    mutating func dialFailed(_ address: PeerAddress, _ reason: String) {
        let isNews = unreachable.insert(address).inserted
        logger.log(
            level: isNews ? .warning : .debug, "a member is unreachable",
            metadata: ["member": "\(address)", "reason": "\(reason)"])
    }

    mutating func reached(_ address: PeerAddress) { unreachable.remove(address) }

    /// These are the members now; the next member at the address of a former one is another member.
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
            logger.info("connected to a member", metadata: member(address, ["boot": "\(boot)"]))
        case .lost(let address, _, let reason):
            logger.warning(
                "lost the connection to a member",
                metadata: member(address, ["reason": "\(reason?.words ?? "the connection has ended")"]))
        case .refused(let address, let reason):
            stranger("a member was refused", ["member": "\(address)", "reason": "\(reason.words)"])
        case .refusedBy(let address, let reason):
            stranger("a member refuses this one", member(address, ["reason": "\(reason.words)"]))
        case .refusedByAll(let reason, let answersLookups):
            logger.error(
                answersLookups
                    ? "all other members refuse this one: it receives no changes of theirs"
                    : "all other members refuse this one: it is not ready until one accepts it",
                metadata: ["reason": "\(reason.words)", "remedy": "\(reason.remedy)"])
        case .startedBeside(let addresses, let reason):
            logger.error(
                "look-ups are answered without what these members may have, because they refuse this one",
                metadata: [
                    "members": "\(addresses.map(\.description).joined(separator: ", "))",
                    "reason": "\(reason.words)", "remedy": "\(reason.remedy)",
                ])
        case .originalsOverdue(let addresses):
            logger.warning(
                "legacy peers have not subscribed to this member within sync_timeout: they may lack its instances",
                metadata: ["members": "\(addresses.map(\.description).joined(separator: ", "))"])
        case .copied(let address, let states, let milliseconds):
            logger.info(
                "copied from a member",
                metadata: member(address, ["states": "\(states)", "milliseconds": "\(milliseconds)"]))
        case .copyFailed(let address):
            logger.warning("a copy from a member was cut short and is requested again", metadata: member(address))
        case .overflowed(let address):
            logger.warning(
                "a member does not keep up: its queue is dropped, and it gets a full copy when it reads again",
                metadata: member(address))
        case .leftOut(let address):
            logger.warning(
                "a member is left out: it does not acknowledge in time, and changes no longer wait for it",
                metadata: member(address))
        case .waitedForAgain(let address):
            logger.info(
                "a member is no longer left out: it acknowledges in time, and changes wait for it again",
                metadata: member(address))
        case .leftOutBy(let address):
            logger.warning(
                "a member leaves this one out: it may lack acknowledged changes until it has caught up",
                metadata: member(address))
        case .repaired(let address, let states):
            logger.info("differences from a member were repaired", metadata: member(address, ["states": "\(states)"]))
        case .linkingOverdue(let addresses):
            logger.warning(
                "clients are answered before all members are connected both ways: acknowledged changes may arrive late",
                metadata: ["members": "\(addresses.map(\.description).joined(separator: ", "))"])
        case .copyOverdue:
            logger.error(
                "look-ups are not answered yet: no member has sent a full copy within sync_timeout")
        case .ready(let ground): ready(ground)
        case .clockWrong(let milliseconds):
            logger.error(
                "this machine's clock differs from the clocks of the other members: it is not used; synchronize it (NTP)",
                metadata: ["milliseconds": "\(milliseconds)"])
        case .clockRight: logger.info("this machine's clock agrees with the clocks of the other members again")
        case .restamped(let states):
            logger.error(
                "changes were stamped again: a clock was so far ahead that no member would accept them",
                metadata: ["states": "\(states)"])
        case .clocksDiffer(let address, let milliseconds):
            logger.error(
                "this clock and the clock of the only other member differ, either may be wrong: synchronize both (NTP)",
                metadata: ["member": "\(address)", "milliseconds": "\(milliseconds)"])
        case .leasesHeld:
            logger.warning(
                "leases are held after a pause of this member, until the other members have answered")
        case .leasesReleased(let expired):
            logger.info("leases are no longer held after a pause of this member", metadata: ["expired": "\(expired)"])
        case .cutOff(let heard, let others, let milliseconds):
            logger.error(
                "this member is cut off: instances renewed at other members are kept and marked as overdue",
                metadata: ["heard": "\(heard)", "others": "\(others)", "at_most_seconds": "\(milliseconds / 1_000)"])
        case .cutOffEnded(let heard, let others, let restarts):
            logger.warning(
                restarts
                    ? "this member is no longer cut off: leases start again, since no member received heartbeats"
                    : "this member is no longer cut off",
                metadata: ["heard": "\(heard)", "others": "\(others)"])
        case .sizeUnmet(let expected, let members):
            logger.error(
                "the cluster has fewer members than cluster_size",
                metadata: ["expected": "\(expected)", "members": "\(members)"])
        case .sizeMet(let members):
            logger.info("the cluster has at least cluster_size members", metadata: ["members": "\(members)"])
        case .ourself(let address):
            logger.info("an address of the membership leads to this member itself", metadata: ["member": "\(address)"])
        case .conflict(let conflict):
            logger.warning(
                conflict.kind == .name
                    ? "several members have the same name: give each a member_name of its own"
                    : "several members advertise the same address: give each an advertise_address of its own",
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
        case .copied(let address):
            logger.info("look-ups are answered: a full copy was received", metadata: ["member": "\(address)"])
        case .startedTogether(let members):
            logger.info("look-ups are answered: all members have started together", metadata: ["members": "\(members)"])
        case .alone: logger.warning("look-ups are answered: no other member is known")
        case .timeout(peersAnswered: true):
            logger.error(
                "look-ups are answered without a full copy: members fell silent, and instances may be missing")
        case .timeout(peersAnswered: false):
            logger.error(
                "look-ups are answered, but no member was reached within sync_timeout: instances may be missing")
        }
    }

    mutating func write(_ note: LegacyNote) {
        var metadata = Logger.Metadata(uniqueKeysWithValues: note.details.map { ($0.key, "\($0.value)") })
        metadata["member"] = "\(note.member)"
        let message = Logger.Message(stringLiteral: note.message)
        if note.isStrangers { return stranger(message, metadata) }
        logger.log(level: note.isWarning ? .warning : .info, message, metadata: metadata)
    }
}
