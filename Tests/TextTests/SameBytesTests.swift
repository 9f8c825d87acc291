// Comparing eight bytes at once has to find what comparing each would.

import Testing
import Text

struct SameBytesTests {
    private func areSame(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.span.hasSameBytes(as: right.span) }

    @Test(arguments: [0, 1, 7, 8, 9, 15, 16, 17, 40])
    func `bytes are the same as their copy, and as nothing that differs in one`(count: Int) {
        let bytes = (0..<count).map { UInt8($0) }
        #expect(areSame(bytes, Array(bytes)))
        #expect(!areSame(bytes, bytes + [0]))
        for index in bytes.indices {
            var other = bytes
            other[index] ^= 0x80
            #expect(!areSame(bytes, other))
        }
    }
}
