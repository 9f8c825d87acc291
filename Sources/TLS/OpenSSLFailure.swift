// OpenSSL keeps its errors in a queue for each thread, and libevent looks there to learn how its own calls went. So whoever calls OpenSSL takes
// his errors away with him: nothing of ours may be left for a connection to be blamed for.

import CTLS

enum OpenSSLFailure {
    /// The reason of the newest error, for people; empties the queue.
    static func takeReason() -> String {
        defer { ERR_clear_error() }
        return reason(UInt(ERR_peek_last_error()))
    }

    /// What an error code stands for.
    static func reason(_ code: UInt) -> String {
        guard code != 0 else { return "no reason given" }
        guard let text = ERR_reason_error_string(code) else { return "error \(String(code, radix: 16))" }
        return String(cString: text)
    }
}
