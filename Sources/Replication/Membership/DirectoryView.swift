// The membership by the shared directory. Clocks are not compared: a member lives as long as its file is seen to
// change, by this machine's own steady clock, so that a member whose clock is a year off is a member and cannot take
// the others for dead.
//
//                  first seen, or changed
//      (unknown) ───────────────────────► member ──unchanged for 30 s──► expired ──for 10 min──► deleted
//                                           ▲                               │
//                                           └────────────changed────────────┘
//
// Only time that was well spent looking counts as "unchanged": not a pause of ours, nor the time while the directory
// cannot be read, nor while our own file cannot be written, since then the others' probably cannot be either. In all
// these the last good membership holds.

package import Time

/// A file of the directory as it was read, with a name that could be a member's.
package struct ObservedFile: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case bytes([UInt8])
        case fault(FileFault)
    }

    package let name: String
    package let content: Content

    package init(name: String, content: Content) {
        self.name = name
        self.content = content
    }
}

/// What follows from a look.
package struct DirectoryJudgement: Sendable, Equatable {
    package var events: [MembershipEvent] = []
    /// Files to delete, provided that they still have this content.
    package var deletions: [Deletion] = []

    package struct Deletion: Sendable, Equatable {
        package let name: String
        package let address: PeerAddress
        package let content: [UInt8]
    }
}

/// One member's view of the directory. A value; the poller passes what it has read and written.
package struct DirectoryView: Sendable {
    /// Milliseconds that a file may stay unchanged. Its writer rewrites it every 7 s; longer keeps the dead on the list
    /// for longer.
    package static let expiry: Duration = .milliseconds(30_000)
    /// Milliseconds unchanged after which a file is deleted: long enough that no member loses a file that it will write
    /// again soon.
    package static let deletion: Duration = .milliseconds(600_000)
    /// The most that the time between two looks counts for: twice the period of looks. More means that we, not the
    /// others, stood still.
    package static let longestStep: Duration = .milliseconds(10_000)
    /// The most members that are known, ours included. More are not looked at.
    package static let mostMembers = 1_024
    /// The most files that a look complains of.
    static let mostComplaints = 8
    /// How many of our own last writes are remembered: a directory on a network may show an older one for a minute.
    static let ownWrites = 16

    private struct Entry {
        let address: PeerAddress
        /// What the file said when it last said something valid.
        var content: [UInt8]
        /// In observed time.
        var changed: MonotonicTime
        var isMember: Bool
    }

    private let own: PeerAddress
    /// By file name. Invariant: at most `mostMembers`, and never our own.
    private var entries: [String: Entry] = [:]
    /// Milliseconds that count as looked at; see above. Never decreases.
    private var observed: MonotonicTime = .zero
    private var lastLook: MonotonicTime?
    /// How many looks in a row found a file bad, up to 3: the second one is logged, later ones are not. Only a name
    /// that the last look found is here.
    private var faults: [String: Int] = [:]
    private var ownContents: [[UInt8]] = []
    /// When another's content was last seen in our file, in observed time.
    private var sharedAt: MonotonicTime?
    private var isReadable = true
    private var isWritable = true
    private var hasTooMany = false

    package init(own: PeerAddress) {
        self.own = own
    }

    /// The members but ourselves.
    package var members: Set<PeerAddress> { Set(entries.values.lazy.filter(\.isMember).map(\.address)) }

    /// Our file was written.
    package mutating func heartbeatWritten(_ content: [UInt8]) -> [MembershipEvent] {
        if ownContents.count == Self.ownWrites { ownContents.removeFirst() }
        ownContents.append(content)
        guard !isWritable else { return [] }
        isWritable = true
        return [.heartbeatRestored]
    }

    /// Our file could not be written.
    package mutating func heartbeatFailed(reason: String) -> [MembershipEvent] {
        guard isWritable else { return [] }
        isWritable = false
        return [.heartbeatFailed(reason: reason)]
    }

    /// The directory could not be read.
    package mutating func lookFailed(reason: String) -> [MembershipEvent] {
        guard isReadable else { return [] }
        isReadable = false
        return [.directoryUnreadable(reason: reason)]
    }

    /// The directory was read.
    ///
    /// - Parameters:
    ///   - files: those with a name that could be a member's.
    ///   - isWhole: whether no file was left out for there being too many.
    ///   - now: of a steady clock.
    package mutating func looked(_ files: [ObservedFile], isWhole: Bool = true, at now: MonotonicTime)
        -> DirectoryJudgement
    {
        var judgement = DirectoryJudgement()
        if !isReadable {
            isReadable = true
            judgement.events.append(.directoryReadable)
        }
        if let lastLook, isWritable { observed += min(max(.zero, now - lastLook), Self.longestStep) }
        lastLook = now

        var isWhole = isWhole
        var isShared = false
        var present: Set<String> = []
        var faultsNow: [String: Int] = [:]
        for file in files {
            guard let address = MemberFile.address(named: file.name) else { continue }
            if address == own {
                isShared = isShared || isForeign(file.content)
                continue
            }
            guard entries[file.name] != nil || entries.count < Self.mostMembers else {
                isWhole = false
                continue
            }
            present.insert(file.name)
            guard let fault = take(file, of: address, &judgement) else { continue }
            // The original truncates a file before it fills it, so that once is no fault.
            faultsNow[file.name] = min((faults[file.name] ?? 0) + 1, 3)
            if faultsNow[file.name] == 2, faultsNow.values.lazy.filter({ $0 == 2 }).count <= Self.mostComplaints {
                judgement.events.append(.ignored(name: file.name, fault))
            }
        }
        faults = faultsNow
        if isWhole == hasTooMany {
            hasTooMany = !isWhole
            if hasTooMany { judgement.events.append(.tooManyFiles(limit: Self.mostMembers)) }
        }
        judgeOwn(isShared: isShared, &judgement)
        age(present, &judgement)
        return judgement
    }

    /// Takes in what a file says; the fault when it says nothing.
    private mutating func take(_ file: ObservedFile, of address: PeerAddress, _ judgement: inout DirectoryJudgement)
        -> FileFault?
    {
        switch file.content {
        case .fault(let fault): return fault
        case .bytes(let content):
            if entries[file.name]?.content == content { return nil }
            guard !content.isEmpty else { return .empty }
            guard let read = MemberFile(content) else { return .corrupt }
            guard read.address == address else { return .foreign }
            if entries[file.name]?.isMember != true { judgement.events.append(.appeared(address)) }
            entries[file.name] = Entry(address: address, content: content, changed: observed, isMember: true)
            return nil
        }
    }

    /// Lets what has not changed expire, forgets what is expired and gone, and names what is to be deleted.
    private mutating func age(_ present: Set<String>, _ judgement: inout DirectoryJudgement) {
        for (name, entry) in entries.sorted(by: { $0.value.address < $1.value.address }) {
            let age = observed - entry.changed
            guard age >= Self.expiry else { continue }
            if entry.isMember {
                entries[name]?.isMember = false
                judgement.events.append(.expired(entry.address))
            }
            if !present.contains(name) {
                entries[name] = nil
            } else if age >= Self.deletion, isWritable, faults[name] == nil {
                judgement.deletions.append(.init(name: name, address: entry.address, content: entry.content))
            }
        }
    }

    /// Whether the content of this member's file was written by another member. A former run's content is overwritten
    /// before the first look.
    private func isForeign(_ content: ObservedFile.Content) -> Bool {
        guard case .bytes(let content) = content, !ownContents.isEmpty, !ownContents.contains(content) else {
            return false
        }
        return MemberFile(content)?.address == own
    }

    private mutating func judgeOwn(isShared: Bool, _ judgement: inout DirectoryJudgement) {
        if isShared {
            if sharedAt == nil { judgement.events.append(.addressShared(own)) }
            sharedAt = observed
        } else if let since = sharedAt, observed - since >= Self.expiry {
            sharedAt = nil
            judgement.events.append(.addressAlone(own))
        }
    }
}
