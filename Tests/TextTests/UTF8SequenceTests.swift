// What is well-formed is what the standard library takes for well-formed.

import Testing
import Text

struct UTF8SequenceTests {
    /// Every lead byte with the second bytes at the borders of the table, and what may follow.
    @Test(arguments: UInt8(0x80)...UInt8.max)
    func `a sequence is as long as its lead says, or there is none`(lead: UInt8) {
        let tails: [UInt8] = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
        for second in tails {
            for third in [0x7F, 0x80, 0xBF, 0xC0] as [UInt8] {
                for fourth in [0x7F, 0x80, 0xBF, 0xC0] as [UInt8] {
                    let bytes = [lead, second, third, fourth]
                    let expected = (1...4).first { String(validating: bytes.prefix($0), as: UTF8.self) != nil }
                    #expect(bytes.span.multibyteLength(at: 0, end: 4) == expected, "\(bytes)")
                    guard let expected else { continue }
                    #expect(bytes.span.multibyteLength(at: 0, end: expected - 1) == nil, "\(bytes) cut short")
                }
            }
        }
    }
}
