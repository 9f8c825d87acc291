// Why there is no answer, in one closed set: a source shows the sentence to its operator, and decides by the case whether
// to wait, to try another server, or to read its token again.

package import Libevent

/// A request that has failed. An answer with whatever status is none of these.
package enum ClientFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The name has no address; the resolver's reason.
    case noSuchHost(String)
    case connection(OutgoingFailure)
    case tooSlow(Lateness)
    /// The body has more bytes than it may have.
    case tooLong(limit: Int)
    /// The body is not what its coding says.
    case malformed(String)
    /// A redirect that is not followed; a sentence.
    case redirected(String)
    /// The request itself cannot be sent; a sentence.
    case unsendable(String)

    /// A sentence without a full stop, in which there is nothing of a credential.
    package var description: String {
        switch self {
        case .noSuchHost(let reason): "the host name cannot be looked up: \(reason)"
        case .connection(let failure): failure.description
        case .tooSlow(let lateness): lateness.sentence
        case .tooLong(let limit): "the answer is longer than \(limit) bytes"
        case .malformed(let sentence), .redirected(let sentence), .unsendable(let sentence): sentence
        }
    }
}
