// What a connection's shell is to do. A set rather than a list: it is returned in a register, and an event that asks
// for nothing costs nothing. The shell carries the members out in the order in which they stand here.

/// What is to be done with a connection, its bufferevent and its evhttp.
package struct ConnectionDirectives: OptionSet, Sendable {
    package let rawValue: UInt32

    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Whether there is something to do.
    @inlinable package var isSome: Bool { rawValue != 0 }

    /// Whether any of these is to be done. The set's own `contains` is generic, and costs a call for each member where
    /// another module asks.
    @inlinable package func has(_ others: Self) -> Bool { rawValue & others.rawValue != 0 }

    /// Takes bytes out of the input that evhttp must not see: `takeExcisions` has them.
    @inlinable package static var excise: Self { Self(rawValue: 1 << 0) }
    /// Hands the handler the request that `takeFast` gives, and calls `returned` after it.
    @inlinable package static var answerFast: Self { Self(rawValue: 1 << 1) }
    /// Discards what the input has.
    @inlinable package static var discardInput: Self { Self(rawValue: 1 << 2) }
    /// Puts `mostInput` into force.
    @inlinable package static var boundInput: Self { Self(rawValue: 1 << 3) }
    /// Puts the connection's callbacks in the place of evhttp's, which then learns of nothing.
    @inlinable package static var takeCallbacks: Self { Self(rawValue: 1 << 4) }
    /// Gives evhttp its callbacks back.
    @inlinable package static var returnCallbacks: Self { Self(rawValue: 1 << 5) }
    /// Has evhttp learn of the client's end only when what came before it has been handled.
    @inlinable package static var delayEnd: Self { Self(rawValue: 1 << 6) }
    @inlinable package static var stopReading: Self { Self(rawValue: 1 << 7) }
    @inlinable package static var stopWriting: Self { Self(rawValue: 1 << 8) }
    @inlinable package static var startReading: Self { Self(rawValue: 1 << 9) }
    @inlinable package static var startWriting: Self { Self(rawValue: 1 << 10) }
    /// Calls `writeAnswers` at the end of this turn.
    @inlinable package static var writeAtEndOfTurn: Self { Self(rawValue: 1 << 11) }
    /// Has evhttp look at input of which it got no event.
    @inlinable package static var lookAgain: Self { Self(rawValue: 1 << 12) }
    /// Takes the connection out of evhttp's hands, and writes the refusal.
    @inlinable package static var tellRefusal: Self { Self(rawValue: 1 << 13) }
    /// Shuts the sending side.
    @inlinable package static var endSending: Self { Self(rawValue: 1 << 14) }
    /// Tells the sender of the streamed answer that the server stops, and ends the answer.
    @inlinable package static var drainStream: Self { Self(rawValue: 1 << 15) }
    /// Tells whoever keeps the reply that the server stops.
    @inlinable package static var drainReply: Self { Self(rawValue: 1 << 20) }
    /// Performs what `takeOwed` gives, in a turn of its own.
    @inlinable package static var later: Self { Self(rawValue: 1 << 16) }
    /// Closes the connection if nothing waits in its buffers or in the kernel: that would be lost.
    @inlinable package static var closeIfIdle: Self { Self(rawValue: 1 << 17) }
    @inlinable package static var close: Self { Self(rawValue: 1 << 18) }
    /// Calls `settle` when all else has been done.
    @inlinable package static var settle: Self { Self(rawValue: 1 << 19) }
}

/// What may not be done from within evhttp's or libevent's own code, which goes on with the connection afterwards.
package struct OwedWork: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    static let close = Self(rawValue: 1 << 0)
    static let refusal = Self(rawValue: 1 << 1)
    static let anotherLook = Self(rawValue: 1 << 2)
    static let lessReading = Self(rawValue: 1 << 3)
    static let streamEnd = Self(rawValue: 1 << 4)
    static let clientEnd = Self(rawValue: 1 << 5)

    /// The first of these, in the order in which they are performed.
    package mutating func takeNext() -> OwedWork? {
        guard rawValue != 0 else { return nil }
        let next = OwedWork(rawValue: rawValue & (~rawValue &+ 1))
        self = subtracting(next)
        return next
    }
}
