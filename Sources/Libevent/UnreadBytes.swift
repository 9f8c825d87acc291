// A socket that is closed with unread bytes is reset: the kernel then discards what it still has for the other side, be
// it half an answer or the alert that says why. So unread bytes are read and discarded before a socket is closed.

import CLibevent
import Glibc

/// What the kernel holds of a socket that is about to be closed.
enum UnreadBytes {
    /// How much is read away, in bytes; a client that sends without end may be reset.
    private static let most = 65_536

    /// Reads it away, without waiting for more.
    static func discard(from descriptor: Int32) {
        unsafe withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { room in
            var total = 0
            while total < most {
                let count = unsafe recv(descriptor, room.baseAddress, room.count, Int32(MSG_DONTWAIT))
                if count <= 0 { break }
                total += count
            }
        }
    }
}
