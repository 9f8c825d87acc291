// Why a link has ended, was refused or could not be read, as the log says it: words that stand behind "reason", without a full stop.

import Replication

extension CloseReason {
    var words: String {
        switch self {
        case .malformed(.future(let milliseconds)):
            "it tells of a change that is stamped \(milliseconds / 86_400_000) days ahead of this member's clock"
        case .malformed(let error): "it broke the protocol: \(error.words)"
        case .refused(let refusal): refusal.words
        case .refusedBy(let refusal): "it refuses this member: \(refusal.words)"
        case .silent: "nothing was heard in time"
        case .deaf: "it talks on and does not read what it is answered"
        case .late: "its answers came too late"
        case .ourself: "it is this member itself"
        case .duplicate: "another connection leads to it"
        case .leaving: "it leaves"
        case .notMember: "it is no member any more"
        }
    }
}

extension RefusalReason {
    var words: String {
        switch self {
        case .version: "no version of the protocol is spoken by both"
        case .secret: "the cluster's secret was not proven"
        case .certificate: "the certificate is not that of the member"
        case .full: "there are too many connections"
        }
    }
}

extension RefusalReason {
    /// What an operator is to do about it.
    var remedy: String {
        switch self {
        case .version: "run releases of which each follows the other, and restart"
        case .secret: "give this member the cluster_secret that the others have, and restart"
        case .certificate:
            "see that replication_tls is on for all members or for none, and give this one a certificate of the others' replication_tls_ca "
                + "that carries its advertised address or its member_name"
        case .full: "look for members that come and go, or for strangers on the replication port"
        }
    }
}

extension MemberFault {
    /// For the cluster's page, without a full stop.
    public var words: String {
        switch self {
        case .closed(let reason): reason?.words ?? "the connection has ended"
        case .unreachable(let reason): reason
        }
    }
}

extension FrameError {
    var words: String {
        switch self {
        case .tooLong(let bytes): "a frame is of \(bytes) bytes, more than it may have"
        case .truncated: "a frame ends before what it promises"
        case .empty: "a frame has not even a type"
        case .text: "a text is too long or not UTF-8"
        case .value: "a number stands for nothing"
        case .seal: "a frame is not sealed by who has proven itself"
        case .unexpected: "a frame does not belong where it stands"
        case .future(let milliseconds): "a change is stamped \(milliseconds) ms ahead"
        }
    }
}

extension OriginalFailure {
    var words: String {
        switch self {
        case .cutShort: "the stream has ended before its end was marked"
        case .chunk(let error): "its chunks are malformed: \(error.words)"
        case .packing: "it is not the gzip that it should be"
        case .event(.notAField): "a line of it is no event's"
        case .event(.tooLong): "an event is longer than it may be"
        case .unusable(let error): "too many messages in a row cannot be used: \(error.words)"
        case .unexpectedBytes: "more has come than belongs there"
        case .stalled: "it took too long"
        case .full: "the member has too many connections"
        case .replaced: "another connection of the member has taken its place"
        }
    }
}

extension ChunkError {
    fileprivate var words: String {
        switch self {
        case .length: "a length is no number, or beyond reason"
        case .lineEnd: "a line does not end where it must"
        case .tooLong: "extensions or trailers are longer than they may be"
        case .afterEnd: "bytes follow its end"
        }
    }
}

extension OriginalMessageError {
    var words: String {
        switch self {
        case .eventName: "the event has another name"
        case .json(let error): error.sentence
        case .base64: "a part is not base64"
        case .missing(let field): "\(field.rawValue) is missing"
        case .value(let field): "\(field.rawValue) has a value that it may not have"
        case .tooLong(let field): "\(field.rawValue) is longer than it may be"
        case .type(let type): "the type \(type) is not known"
        }
    }
}
