// Why a link has ended, was refused or could not be read, as the log says it: words that stand behind "reason", without
// a full stop.

package import Replication

extension CloseReason {
    var words: String {
        switch self {
        case .malformed(.future(let milliseconds)):
            "it published a change that is stamped \(milliseconds / 86_400_000) days ahead of this member's clock"
        case .malformed(let error): "it broke the protocol: \(error.words)"
        case .refused(let refusal): refusal.words
        case .refusedBy(let refusal): "it refuses this member: \(refusal.words)"
        case .silent: "the connection was silent for too long"
        case .deaf: "it sends requests and does not read the answers"
        case .late: "its answers took too long"
        case .ourself: "it is this member itself"
        case .duplicate: "another connection to it is open"
        case .leaving: "it is leaving the cluster"
        case .notMember: "it is not a member any more"
        }
    }
}

extension RefusalReason {
    var words: String {
        switch self {
        case .version: "the two members support no common version of the protocol"
        case .secret: "the cluster secret was not proven"
        case .certificate: "the certificate is not that of the member"
        case .full: "it has too many connections"
        }
    }
}

extension RefusalReason {
    /// What an operator is to do about it.
    var remedy: String {
        switch self {
        case .version: "run releases that directly follow each other, and restart"
        case .secret: "set cluster_secret of this member to that of the other members, and restart"
        case .certificate:
            "set replication_tls for all members or for none, and give this member a certificate that was issued by "
                + "the other members' replication_tls_ca and carries its advertised address or its member_name"
        case .full:
            "look for members that connect again and again, and for unauthenticated peers on the replication "
                + "port"
        }
    }
}

extension MemberFault {
    /// For the cluster's page, without a full stop.
    package var words: String {
        switch self {
        case .closed(let reason): reason?.words ?? "the connection has ended"
        case .unreachable(let reason): reason
        }
    }
}

extension FrameError {
    var words: String {
        switch self {
        case .tooLong(let bytes): "a frame has \(bytes) bytes, which is over the limit"
        case .truncated: "a frame ends too early"
        case .empty: "a frame has no type"
        case .text: "a text is too long or not UTF-8"
        case .value: "a field has an unknown value"
        case .seal: "a frame is not authenticated by the peer that proved the secret"
        case .unexpected: "a frame is not allowed at this point"
        case .future(let milliseconds): "a change is stamped \(milliseconds) ms ahead of this member's clock"
        }
    }
}
