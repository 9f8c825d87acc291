// When a request is sent a second time by itself. A server closes a kept connection whenever it likes, and a request that
// is on its way just then fails through nobody's fault; anything else is for the caller to judge.

import Libevent

/// Whether a failed request is sent again at once.
enum RetryRule {
    /// - Parameters:
    ///   - wasKept: whether the connection had served another request before.
    ///   - isRepeatable: whether doing it twice does what doing it once does.
    ///   - hasRetried: whether this was the second try already.
    ///   - hasAnswer: whether anything of the answer had come.
    static func sendsAgain(
        after failure: OutgoingFailure, wasKept: Bool, isRepeatable: Bool, hasRetried: Bool, hasAnswer: Bool
    ) -> Bool {
        guard wasKept, isRepeatable, !hasRetried, !hasAnswer else { return false }
        switch failure {
        case .cut, .refused: return true
        case .distrusted, .handshake, .malformed, .headTooLong, .chunkTooLong, .interim, .outOfMemory: return false
        }
    }
}
