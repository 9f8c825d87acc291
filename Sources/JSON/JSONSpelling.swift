// The exact bytes of a value that was found valid. Clients send the same large value over and over; where its bytes
// stand again, comparing them says all that checking would, in a seventh of the time.

import Text

/// The bytes of an object or array that a reader has found valid. Such a value ends where it ends whatever comes after
/// it, so wherever a text has these bytes there is this value.
package struct JSONSpelling: Sendable {
    private let bytes: [UInt8]
    /// How many containers were open around it: what nests too deeply depends on that.
    let depth: Int

    init(_ bytes: ArraySlice<UInt8>, depth: Int) {
        self.bytes = Array(bytes)
        self.depth = depth
    }

    /// How many bytes it takes.
    package var count: Int { bytes.count }

    /// Whether a text has these bytes at a place.
    func stands(in text: [UInt8], at place: Int) -> Bool {
        let (text, own) = (text.span, bytes.span)
        let count = own.count
        guard count <= text.count - place else { return false }
        var index = 0
        // Four words at once: the loop is what a request of Envoy costs.
        while index + 32 <= count {
            let one = text.word(at: place + index) ^ own.word(at: index)
            let two = text.word(at: place + index + 8) ^ own.word(at: index + 8)
            let three = text.word(at: place + index + 16) ^ own.word(at: index + 16)
            let four = text.word(at: place + index + 24) ^ own.word(at: index + 24)
            guard one | two | three | four == 0 else { return false }
            index += 32
        }
        while index < count {
            guard text[place + index] == own[index] else { return false }
            index += 1
        }
        return true
    }
}
