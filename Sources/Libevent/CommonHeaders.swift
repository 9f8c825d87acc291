// The headers that every response has. evhttp would render `Date` for each; it changes once a second, and the others never.

import CLibevent

/// The value of `Date` (RFC 9110, section 6.6.1) and the header lines that follow it, rendered once a second. Belongs to its loop's thread.
struct CommonHeaders {
    private static let dateLength = 50
    private static let others = "\r\nVary: Accept-Encoding"

    private var second = 0
    private var text = ""

    /// The value by the time that the loop has read in this turn.
    mutating func value(on loop: EventLoop) -> String {
        var now = timeval()
        event_base_gettimeofday_cached(loop.base, &now)
        guard now.tv_sec != second else { return text }
        second = now.tv_sec
        text = String(unsafeUninitializedCapacity: Self.dateLength) { buffer in
            buffer.withMemoryRebound(to: CChar.self) { max(0, Int(evutil_date_rfc1123($0.baseAddress, $0.count, nil))) }
        }
        text += Self.others
        return text
    }
}
