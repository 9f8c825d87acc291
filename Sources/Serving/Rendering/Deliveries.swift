// What the streams of one loop are sent, shared: a thousand clients that have been told as much, by the same filter, are
// told the same next. A delivery is made for the first of them, and kept until others have come.

package import Catalog
package import HTTP

/// The next bytes of some streams.
package struct Delivery {
    package let piece: StreamPiece
    /// Of the last change that is told by it.
    package let index: UInt64

    package init(_ bytes: [UInt8], index: UInt64) {
        piece = StreamPiece(bytes)
        self.index = index
    }
}

/// The latest deliveries of one loop. Not Sendable.
package final class Deliveries {
    /// What a delivery begins with and leads to.
    package struct Key: Hashable {
        /// Stands for the filter and its namespace.
        let scope: UInt64
        /// Up to which change the client has been told.
        let from: UInt64
        /// The namespace's.
        let revision: Revision

        package init(scope: UInt64, from: UInt64, revision: Revision) {
            self.scope = scope
            self.from = from
            self.revision = revision
        }
    }

    /// More are forgotten all together: they are of use for as long as a delivery takes.
    private static let capacity = 64
    private static let byteCapacity = 4 << 20

    private var made: [Key: Delivery] = [:]
    private var bytes = 0
    /// The one that was asked for last: mostly by many, one after the other.
    private var last: (key: Key, delivery: Delivery)?

    init() {}

    /// A delivery, if it is kept.
    package subscript(key: Key) -> Delivery? {
        get {
            if let last, last.key == key { return last.delivery }
            guard let delivery = made[key] else { return nil }
            last = (key, delivery)
            return delivery
        }
        set {
            guard let newValue, made[key] == nil else { return }
            if made.count >= Self.capacity || bytes + newValue.piece.count > Self.byteCapacity {
                made.removeAll(keepingCapacity: true)
                bytes = 0
            }
            made[key] = newValue
            bytes += newValue.piece.count
        }
    }
}
