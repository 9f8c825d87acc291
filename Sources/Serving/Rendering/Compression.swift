// What is compressed, and from which size on. Lists are compressed where they are kept, everything else when it is
// sent.

import Gzip
import HTTP

enum Compression {
    /// Bodies shorter than this gain nothing from gzip, in bytes (R117).
    static let threshold = 1_024

    /// Whether a client takes gzip.
    static func isWanted(by head: RequestHead) -> Bool { AcceptEncoding.offersGzip(head[.acceptEncoding]) }

    /// Compresses an answer whose client takes that. What is shared has been compressed where it is kept, or is not
    /// worth it. What would hold the loop for too long is sent as it is.
    static func compress(_ response: inout Response, for head: RequestHead) {
        guard case .bytes(let bytes) = response.body, (threshold...RenderBudget.loopGzip).contains(bytes.count),
            isWanted(by: head),
            let compressed = Gzip.compress(bytes)
        else { return }
        response.body = .bytes(compressed)
        response.fields.append(.contentEncoding, "gzip")
    }
}
