// Times of certificates: ASN.1 outside, seconds since 1970 inside, and text for people.

import CTLS
import Glibc

enum UTCTime {
    /// Seconds since 1970; nil for a time that is not well-formed.
    static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var parts = unsafe tm()
        guard let time = unsafe time, unsafe ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        return unsafe Int64(timegm(&parts))
    }

    /// `2026-07-01T12:00:00Z`.
    static func text(_ seconds: Int64) -> String {
        var parts = unsafe tm()
        var time = time_t(seconds)
        unsafe gmtime_r(&time, &parts)
        func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = unsafe "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
        return unsafe "\(date)T\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))Z"
    }
}
