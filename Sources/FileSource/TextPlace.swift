// Where a byte stands in a text, as editors count: lines and characters from 1.

/// A place in a text.
struct TextPlace: Equatable {
    let line: Int
    let column: Int

    /// - Parameter offset: of a byte, or the length of the text.
    init(of offset: Int, in bytes: [UInt8]) {
        var (line, column) = (1, 1)
        for byte in bytes.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                // What follows the first byte of a character is none.
                column += 1
            }
        }
        self.line = line
        self.column = column
    }
}
