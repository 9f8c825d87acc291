// What this registry holds, as the bytes of a file (docs/snapshot.md, S501–S503), for operators. It is read and sent in
// steps, one when the client has taken the one before, so that it never lies here as a whole.

import Catalog
import Configuration
import HTTP
import RegistryCore
import Replication
import Serving
import Snapshot
import System

enum SnapshotPage {
    private static let contentType = ContentType("application/vnd.a8registry.snapshot")
    /// Pieces of 256 states that are read in one turn of the loop: some two milliseconds.
    private static let step = 8

    static func get(_ call: borrowing Call) throws(Refused) -> Reply {
        guard call.registry.cluster.hasCopy else { throw .noCopyYet }
        var head = Response(.ok, contentType: contentType)
        head.fields.append(.cacheControl, "no-store")
        let reading = SnapshotReading(
            SnapshotHead(
                began: WallClock.nanoseconds(), member: call.registry.cluster.report?.status.member.bits ?? 0,
                release: Release.current, name: call.context.settings.memberName ?? ""))
        return .stream(head, first: go(on: call, reading))
    }

    private static func go(on call: borrowing Call, _ reading: SnapshotReading) -> StreamStep {
        var reading = reading
        var bytes: [UInt8] = []
        for _ in 0..<step where !reading.isDone {
            let (monotonic, wall) = (MonotonicClock.now(), WallClock.nanoseconds())
            bytes += reading.next(
                of: call.registry.store, at: call.registry.moment(monotonic: monotonic, wall: wall), wall: wall)
        }
        guard !reading.isDone else { return .last(StreamPiece(bytes)) }
        return .piece(
            StreamPiece(bytes),
            then: StreamWaiting(for: .turn) { [reading] call, wake in
                // A stop, or too many who wait: without its end the file shows that it is cut.
                wake == .come ? go(on: call, reading) : .last(.empty)
            })
    }
}
