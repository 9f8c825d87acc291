// Two small things that must not be improvised: comparing secrets, and drawing unpredictable bytes.

import CTLS

/// Whether two byte strings are equal. The time taken reveals whether their lengths differ, but not where their bytes
/// do.
package func constantTimeEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    guard !left.isEmpty else { return true }
    return unsafe left.withUnsafeBytes { first in
        unsafe right.withUnsafeBytes { second in
            unsafe CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
        }
    }
}

/// Whether two byte strings are equal. The time taken reveals whether their lengths differ, but not where their bytes
/// do.
package func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { constantTimeEqual(left.span, right.span) }

/// Unpredictable bytes, from the system's own generator (`getrandom` on Linux), which cannot fail once the system is
/// up. Any thread.
package func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        // Eight at a time: each draw is a system call.
        for start in stride(from: 0, to: count, by: 8) {
            var word = generator.next()
            for index in start..<min(start + 8, count) {
                unsafe buffer[index] = UInt8(truncatingIfNeeded: word)
                word >>= 8
            }
        }
        initialized = count
    }
}
