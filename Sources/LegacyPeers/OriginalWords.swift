// What happens with legacy peers as the log says it: a message, and words that stand after "reason", without a full
// stop.

import JSON
import Replication

extension OriginalEvent {
    /// The line of the log.
    var note: LegacyNote {
        switch self {
        case .reading(let member): LegacyNote("subscribed to a legacy peer", member: member)
        case .readingEnded(let member, let failure):
            LegacyNote(
                "lost the subscription to a legacy peer", member: member,
                details: ["reason": failure?.words ?? "the stream has ended"], isWarning: true)
        case .read(let member): LegacyNote("a legacy peer has subscribed to this member", member: member)
        case .readEnded(let member): LegacyNote("a legacy peer is no longer subscribed to this member", member: member)
        case .copied(let member, let instances, let milliseconds):
            LegacyNote(
                "copied from a legacy peer", member: member,
                details: ["instances": "\(instances)", "milliseconds": "\(milliseconds)"])
        case .copyFailed(let member, let failure):
            LegacyNote(
                "a copy from a legacy peer failed", member: member,
                details: ["reason": failure?.words ?? "no connection"], isWarning: true)
        case .copySent(let member, let instances):
            LegacyNote(
                "a legacy peer has copied from this member", member: member, details: ["instances": "\(instances)"])
        case .unusable(let member, let error):
            LegacyNote(
                "a message of a legacy peer cannot be used", member: member, details: ["reason": error.words],
                isWarning: true)
        case .overflowed(let member):
            LegacyNote("a legacy peer does not keep up: its queue was dropped", member: member, isWarning: true)
        case .full(let member):
            LegacyNote("a legacy peer has too many connections", member: member, isWarning: true, isStrangers: true)
        }
    }
}

extension OriginalFailure {
    var words: String {
        switch self {
        case .cutShort: "the stream ended before its end was marked"
        case .chunk(let error): "its chunks are malformed: \(error.words)"
        case .packing: "it is not valid gzip"
        case .event(.notAField): "a line is not part of an event"
        case .event(.tooLong): "an event is over the limit on its length"
        case .unusable(let error): "too many messages in a row cannot be used: \(error.words)"
        case .unexpectedBytes: "it sent bytes where none are allowed"
        case .stalled: "it took too long"
        case .full: "the member has too many connections"
        case .replaced: "another connection of the member has replaced it"
        }
    }
}

extension ChunkError {
    fileprivate var words: String {
        switch self {
        case .length: "a chunk length is not a number, or too large"
        case .lineEnd: "a line does not end with CR LF"
        case .tooLong: "extensions or trailers are over the limit on their length"
        case .afterEnd: "bytes follow the last chunk"
        }
    }
}

extension OriginalMessageError {
    var words: String {
        switch self {
        case .eventName: "the event has an unknown name"
        case .json(let error): error.sentence
        case .base64: "a part is not base64"
        case .missing(let field): "\(field.rawValue) is missing"
        case .value(let field): "\(field.rawValue) has a value that is not allowed"
        case .tooLong(let field): "\(field.rawValue) is over the limit on its length"
        case .type(let type): "the type \(type) is unknown"
        }
    }
}
