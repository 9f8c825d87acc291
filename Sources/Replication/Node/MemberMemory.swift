// What is known of members that are not there: at three in the morning an operator wants to know which member is
// missing, since when, and why, when its address may have left the directory and its links are long gone.

import Catalog
import Time

/// What last went wrong with a member.
package enum MemberFault: Sendable, Equatable {
    /// A link with it was closed, or never came to be one; nil: by the other end, without a word.
    case closed(CloseReason?)
    /// It could not be dialed; the system's reason, or what it answered.
    case unreachable(String)
}

/// Remembers members by the address at which they are dialed. A value of the node's thread.
struct MemberMemory {
    struct Record {
        /// Nil when no member was ever connected there.
        var member: MemberID?
        var name: String?
        /// The version of the protocol that was spoken.
        var version: UInt16?
        /// When its last link began or ended; for a member that was never connected, when it
        /// was first dialed in vain.
        var since: MonotonicTime
        /// Whether it was connected, and no longer is, without a goodbye.
        var isLost = false
        var fault: (at: MonotonicTime, MemberFault)?
    }

    /// The most that are remembered; those go first whose last word is the oldest.
    static let limit = 256
    /// How long a lost member is remembered when it is no longer named, in milliseconds: a night and a working day.
    static let retention: Duration = .milliseconds(86_400_000)

    private(set) var records: [PeerAddress: Record] = [:]

    /// A link with a member has begun.
    mutating func heard(_ address: PeerAddress, _ hello: Hello, version: UInt16, at now: MonotonicTime) {
        // One that is back at another address is not lost at the old one.
        records = records.filter { $0.value.member != hello.member || $0.key == address }
        if !hello.name.isEmpty {
            records = records.filter { !($0.value.isLost && $0.value.name == hello.name && $0.key != address) }
        }
        let fault = records[address]?.member == hello.member ? records[address]?.fault : nil
        records[address] = Record(member: hello.member, name: hello.name, version: version, since: now, fault: fault)
        prune(at: now)
    }

    /// The link that `heard` reported has ended.
    mutating func lost(_ address: PeerAddress, _ reason: CloseReason?, at now: MonotonicTime) {
        guard records[address]?.member != nil else { return }
        records[address]?.since = now
        records[address]?.isLost = true
        records[address]?.fault = (now, .closed(reason))
    }

    /// A member has said goodbye: none is missing there.
    mutating func left(_ address: PeerAddress) { records[address]?.isLost = false }

    /// A member there was not reached, or no connection to it was established.
    mutating func failed(_ address: PeerAddress, _ fault: MemberFault, at now: MonotonicTime) {
        records[address, default: Record(since: now)].fault = (now, fault)
        prune(at: now)
    }

    /// Forgets members that were never connected and are no longer named, and those that were lost long ago.
    mutating func prune(keeping addresses: Set<PeerAddress>, at now: MonotonicTime) {
        records = records.filter { address, record in
            addresses.contains(address) || record.isLost && now - record.since < Self.retention
        }
    }

    private mutating func prune(at now: MonotonicTime) {
        guard records.count > Self.limit else { return }
        let oldest = records.min {
            ($0.value.fault?.at ?? $0.value.since, $0.key) < ($1.value.fault?.at ?? $1.value.since, $1.key)
        }
        if let oldest { records[oldest.key] = nil }
    }
}
