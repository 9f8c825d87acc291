// How far a rendering may go where it runs. On a loop it is a few milliseconds, so that no list holds up other clients
// there; a longer list is rendered on a render thread, where memory is the bound. The same code renders in both places
// and asks here.

import Configuration
import HTTP

/// Why a rendering does not go on.
package enum RenderStop: Error {
    /// It is not for a loop: it has to be rendered on a render thread.
    case tooLong
    case refused(Refused)
}

/// What a rendering may still look at and make. Each renderer has its own.
package struct RenderBudget {
    /// What is rendered on a loop at most: some 5 ms of work, in instances looked at and bytes made or put together.
    package static let loopInstances = Settings.Limits.loopListInstances
    package static let loopBytes = Settings.Limits.loopListBytes
    /// What is compressed on a loop at most: some 5 ms as well.
    static let loopGzip = 256 << 10
    /// How many bytes are taken of an account at a time.
    private static let piece = 256 << 10

    private var instances: Int
    private var bytes: Int
    /// Nil on a loop.
    private let loan: RenderLoan?
    private let isUnwanted: @Sendable () -> Bool

    /// On a loop.
    package static var loop: RenderBudget {
        RenderBudget(instances: loopInstances, bytes: loopBytes, loan: nil) { false }
    }

    /// On a render thread: as much memory as may be borrowed, while a client waits.
    static func beside(_ loan: RenderLoan, isUnwanted: @escaping @Sendable () -> Bool) -> RenderBudget {
        RenderBudget(instances: .max, bytes: 0, loan: loan, isUnwanted: isUnwanted)
    }

    private init(instances: Int, bytes: Int, loan: RenderLoan?, isUnwanted: @escaping @Sendable () -> Bool) {
        self.instances = instances
        self.bytes = bytes
        self.loan = loan
        self.isUnwanted = isUnwanted
    }

    /// Whether the rendering runs on a loop.
    var isOfLoop: Bool { loan == nil }

    /// How many instances may still be looked at.
    package var instancesLeft: Int { instances }

    /// Counts instances or services that are about to be looked at.
    package mutating func look(at count: Int) throws(RenderStop) {
        guard count <= instances else { throw .tooLong }
        instances -= count
        guard loan == nil || !isUnwanted() else { throw .refused(.renderingAbandoned) }
    }

    /// Counts bytes that have been read, and take no memory.
    @inline(__always)
    package mutating func scan(_ count: Int) throws(RenderStop) {
        if loan == nil { try make(count) }
    }

    /// Counts bytes that have been made, or are about to be put together.
    @inline(__always)
    package mutating func make(_ count: Int) throws(RenderStop) {
        if count > bytes { try borrow(count) }
        bytes -= count
    }

    private mutating func borrow(_ count: Int) throws(RenderStop) {
        guard let loan else { throw .tooLong }
        let wanted = max(count - bytes, Self.piece)
        guard loan.take(wanted) else { throw .refused(.renderingTooLarge) }
        bytes += wanted
    }
}
