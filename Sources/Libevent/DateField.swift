// The time of day as HTTP writes it.

import CLibevent

/// The value of `Date` (RFC 9110, section 6.6.1).
enum DateField {
    /// Room for the text and for the NUL that C puts behind it, in bytes.
    private static let room = 50

    /// This second's.
    static func now() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            count = unsafe buffer.withMemoryRebound(to: CChar.self) {
                unsafe max(0, Int(evutil_date_rfc1123($0.baseAddress, $0.count, nil)))
            }
        }
    }
}
