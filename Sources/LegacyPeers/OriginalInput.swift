// Input from a legacy peer: its live changes, or a copy. Events become messages and go into the catalog; what comes of
// them that is not ours to send goes back to `Originals`.

import Catalog
import Replication
import Time

/// An answer of a legacy peer's that we read.
struct OriginalInput {
    enum Kind {
        /// Live changes, and what it has to say to us alone.
        case stream
        /// A copy of everything.
        case copy
    }

    /// Messages in a row that cannot be used, after which it is not worth reading on.
    private static let greatestPatience = 64

    let member: PeerAddress
    let kind: Kind
    let merge: OriginalMerge
    /// When it was opened.
    let opened: MonotonicTime
    private var body: OriginalBody
    /// Messages that could not be used since the last that could.
    private var unusable = 0
    /// Whether one that could not be used was logged.
    private var hasComplained = false
    /// Messages used.
    private(set) var used = 0

    init(member: PeerAddress, kind: Kind, merge: OriginalMerge, opened: MonotonicTime, body: OriginalBody) {
        self.member = member
        self.kind = kind
        self.merge = merge
        self.opened = opened
        self.body = body
    }

    var hasEnded: Bool { body.hasEnded }
    var isWhole: Bool { body.isWhole }

    /// What was read in one go.
    struct Reading {
        var envelopes: [OriginalEnvelope] = []
        /// Events that were no messages of a legacy peer's.
        var unusable: [OriginalMessageError] = []
        var failure: OriginalFailure?
    }

    /// The messages that are complete with these bytes.
    mutating func read(_ bytes: [UInt8]) -> Reading {
        var reading = Reading()
        var events: [ServerSentEvent] = []
        do throws(OriginalFailure) { try body.read(bytes, into: &events) } catch { reading.failure = error }
        for event in events {
            do throws(OriginalMessageError) {
                reading.envelopes.append(try OriginalEnvelope(event))
            } catch {
                reading.unusable.append(error)
            }
        }
        return reading
    }

    mutating func wasUsed() {
        used += 1
        unusable = 0
    }

    /// Counts a message that could not be used. Returns whether it is to be logged, and whether it was one too many.
    mutating func wasUnusable() -> (isFirst: Bool, isTooMany: Bool) {
        unusable += 1
        defer { hasComplained = true }
        return (!hasComplained, unusable >= Self.greatestPatience)
    }
}
