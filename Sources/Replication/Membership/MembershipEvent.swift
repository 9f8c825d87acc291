// What there is to say about how members are found. Each is a change of state and so is said once, not with every look.

/// For the log. `description` is a whole sentence.
package enum MembershipEvent: Sendable, Equatable {
    /// A file of a member appeared, or moved again.
    case appeared(PeerAddress)
    /// A member's file has not changed for so long that it is no longer dialed.
    case expired(PeerAddress)
    /// The file of a member that was gone for long was deleted.
    case deleted(PeerAddress)
    /// A file that is named as a member's is none; it is left alone.
    case ignored(name: String, FileFault)
    /// The directory holds more than is looked at.
    case tooManyFiles(limit: Int)
    /// Since the start the directory could not be read, or our file not be written.
    case directoryUnusable(path: String, reason: String)
    /// What `directoryUnusable` said is over.
    case directoryServes(path: String)
    /// The directory cannot be read; the members found last are kept.
    case directoryUnreadable(reason: String)
    case directoryReadable
    /// A look at the directory, or the writing of our file, has not come back for this long.
    ///
    /// - served: whether it was of use since the start.
    case directoryHangs(path: String, seconds: Int64, served: Bool)
    /// What `directoryHangs` said is over.
    case directoryAnswers(path: String)
    /// Our own file cannot be written: the others will take this member for gone, and it takes none for gone.
    case heartbeatFailed(reason: String)
    case heartbeatRestored
    /// Another member writes this member's file: two members advertise one address.
    case addressShared(PeerAddress)
    case addressAlone(PeerAddress)
    /// A name has no addresses; those it had last are kept.
    case unresolved(PeerName, reason: String)
    case resolved(PeerName, Set<PeerAddress>)
}

/// Why a file named as a member's is none.
package enum FileFault: Sendable, Hashable {
    /// A directory, pipe, socket, device or symbolic link.
    case special
    /// Larger than `MemberFile.largest`.
    case tooLarge
    case empty
    /// Not what a member writes.
    case corrupt
    /// A member's, but of another than its name says.
    case foreign
    /// The system refused to read it.
    case unreadable(reason: String)
}

/// How loudly an event is to be said.
package enum EventGravity: Sendable {
    case info, warning, error
}

extension MembershipEvent: CustomStringConvertible {
    package var gravity: EventGravity {
        switch self {
        case .appeared, .expired, .deleted, .directoryServes, .directoryReadable, .directoryAnswers,
            .heartbeatRestored, .addressAlone, .resolved:
            .info
        case .ignored, .tooManyFiles, .unresolved: .warning
        case .directoryUnusable, .directoryUnreadable, .directoryHangs, .heartbeatFailed, .addressShared: .error
        }
    }

    package var description: String {
        switch self {
        case .appeared(let address): "member \(address) is in the cluster directory"
        case .expired(let address): "member \(address) is gone from the cluster directory"
        case .deleted(let address):
            "the file of member \(address) was deleted from the cluster directory, because it "
                + "has not changed for a long time"
        case .ignored(let name, let fault): "the file \(name) in the cluster directory is ignored: \(fault)"
        case .tooManyFiles(let limit): "the cluster directory has more than \(limit) files; the others are ignored"
        case .directoryUnusable(let path, let reason):
            "the cluster directory \(path) cannot be used; this member is not ready until it can be read and written: "
                + "\(reason)"
        case .directoryServes(let path): "the cluster directory \(path) can be used"
        case .directoryUnreadable(let reason):
            "the cluster directory cannot be read; the last known members are "
                + "kept: \(reason)"
        case .directoryReadable: "the cluster directory can be read again"
        case .directoryHangs(let path, let seconds, let served):
            "the cluster directory \(path) has not answered for \(seconds) s; "
                + (served
                    ? "the last known members are kept" : "this member is not ready until it can be read and written")
        case .directoryAnswers(let path): "the cluster directory \(path) answers again"
        case .heartbeatFailed(let reason): "this member's file in the cluster directory cannot be written: \(reason)"
        case .heartbeatRestored: "this member's file in the cluster directory can be written again"
        case .addressShared(let address):
            "another member writes the file of \(address); give each member an "
                + "advertise_address of its own"
        case .addressAlone(let address): "no other member writes the file of \(address) any more"
        case .unresolved(let name, let reason):
            "the name \(name) cannot be resolved; its last known addresses are "
                + "kept: \(reason)"
        case .resolved(let name, let addresses):
            "the name \(name) resolves to \(addresses.sorted().map(\.description).joined(separator: ", "))"
        }
    }
}

extension FileFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .special: "it is not a regular file"
        case .tooLarge: "it has more than \(MemberFile.largest) bytes"
        case .empty: "it is empty"
        case .corrupt: "its content is not that of a member's file"
        case .foreign: "its content names another address than its file name does"
        case .unreadable(let reason): "it cannot be read: \(reason)"
        }
    }
}
