// The lines of a chunked body (RFC 9112, section 7.1), byte by byte: they come in any pieces, and each byte's fate is
// decided when it comes. The rest of a chunk's line, after its size, means nothing to the registry, and evhttp does not
// read it; that it is well-formed is seen to all the same, because what one reader takes for an extension another may
// take for the end of a line.

import Text

/// `SIZE [; NAME [= VALUE]]… CR LF`.
struct ChunkLine {
    /// What a byte is.
    enum Reading {
        /// There is more to come. Whether evhttp is to see this byte.
        case more(isForEvhttp: Bool)
        /// The line has ended: that many bytes follow, and a new line is read.
        case end(size: Int)
        /// The size is beyond any limit.
        case tooLarge
        case bad(String)
    }

    private enum Place {
        case size
        /// Behind the size and white space: an extension must follow.
        case afterSize
        case nameStart, name, afterName
        case valueStart, value, quoted, quotedPair
        /// Behind a quoted value, or behind white space behind any.
        case afterQuoted, afterValue
        /// Behind the CR.
        case lineEnd
    }

    /// Eight hexadecimal digits exceed any body limit by far, and cannot overflow.
    private static let digits = 8
    static let notASize = "a chunk must begin with its size in hexadecimal"
    static let notAnExtension = "a chunk extension is not '; name' or '; name=value'"

    private var place = Place.size
    /// How many digits have come, without the zeros before the first other one.
    private var count = 0
    private var hasDigit = false
    private var size = 0

    mutating func read(_ byte: UInt8) -> Reading {
        switch place {
        case .size: readSize(byte)
        case .lineEnd: readEnd(byte)
        default: readExtension(byte)
        }
    }

    private mutating func readSize(_ byte: UInt8) -> Reading {
        if let digit = byte.hexadecimalValue {
            // However many zeros lead, evhttp sees one.
            let isSuperfluous = hasDigit && size == 0 && digit == 0
            hasDigit = true
            if isSuperfluous { return .more(isForEvhttp: false) }
            guard count < Self.digits else { return .tooLarge }
            size = size << 4 | Int(digit)
            if size > 0 { count += 1 }
            return .more(isForEvhttp: true)
        }
        guard hasDigit else { return .bad(byte == 0x0A ? Self.bareLineFeed : Self.notASize) }
        switch byte {
        case 0x0D: return end()
        case UInt8(ascii: ";"): return go(to: .nameStart)
        case 0x20, 0x09: return go(to: .afterSize)
        case 0x0A: return .bad(Self.bareLineFeed)
        default: return .bad(Self.notASize)
        }
    }

    private mutating func readExtension(_ byte: UInt8) -> Reading {
        let isBlank = byte == 0x20 || byte == 0x09
        let isToken = ByteSet.token.contains(byte)
        switch (place, byte) {
        case (_, 0x0A): return .bad(Self.bareLineFeed)
        case (.quoted, UInt8(ascii: "\\")): return go(to: .quotedPair)
        case (.quoted, UInt8(ascii: "\"")): return go(to: .afterQuoted)
        case (.quoted, _), (.quotedPair, _):
            return (byte >= 0x20 || byte == 0x09) && byte != 0x7F ? go(to: .quoted) : .bad(Self.notAnExtension)
        case (.name, 0x0D), (.value, 0x0D), (.afterQuoted, 0x0D): return end()
        case (.afterSize, UInt8(ascii: ";")), (.name, UInt8(ascii: ";")), (.afterName, UInt8(ascii: ";")),
            (.value, UInt8(ascii: ";")),
            (.afterQuoted, UInt8(ascii: ";")), (.afterValue, UInt8(ascii: ";")):
            return go(to: .nameStart)
        case (.name, UInt8(ascii: "=")), (.afterName, UInt8(ascii: "=")): return go(to: .valueStart)
        case (.valueStart, UInt8(ascii: "\"")): return go(to: .quoted)
        case (.afterSize, _) where isBlank, (.nameStart, _) where isBlank, (.afterName, _) where isBlank,
            (.valueStart, _) where isBlank,
            (.afterValue, _) where isBlank:
            return .more(isForEvhttp: false)
        case (.name, _) where isBlank: return go(to: .afterName)
        case (.value, _) where isBlank, (.afterQuoted, _) where isBlank: return go(to: .afterValue)
        case (.nameStart, _) where isToken, (.name, _) where isToken: return go(to: .name)
        case (.valueStart, _) where isToken, (.value, _) where isToken: return go(to: .value)
        default: return .bad(Self.notAnExtension)
        }
    }

    private mutating func go(to next: Place) -> Reading {
        place = next
        return .more(isForEvhttp: false)
    }

    private mutating func end() -> Reading {
        place = .lineEnd
        return .more(isForEvhttp: true)
    }

    private mutating func readEnd(_ byte: UInt8) -> Reading {
        guard byte == 0x0A else { return .bad(Self.bareLineFeed) }
        let size = size
        self = ChunkLine()
        return .end(size: size)
    }

    static let bareLineFeed = "lines must end with CR LF"
}

/// `NAME: VALUE CR LF`, or the empty line that ends a chunked body.
struct TrailerLine {
    /// What a byte is.
    enum Reading {
        case ofField
        /// The last byte of a field; a new line is read.
        case endOfField
        case ofEmptyLine
        case endOfBody
        case bad(String)
    }

    private enum Place { case start, name, value, lineEnd, emptyLine }

    private static let notAField = "a trailer field is not 'name: value'"

    private var place = Place.start

    mutating func read(_ byte: UInt8) -> Reading {
        switch (place, byte) {
        case (.emptyLine, 0x0A):
            self = TrailerLine()
            return .endOfBody
        case (.lineEnd, 0x0A):
            self = TrailerLine()
            return .endOfField
        case (_, 0x0A), (.emptyLine, _), (.lineEnd, _): return .bad(ChunkLine.bareLineFeed)
        case (.start, 0x0D):
            place = .emptyLine
            return .ofEmptyLine
        case (.start, _) where ByteSet.token.contains(byte), (.name, _) where ByteSet.token.contains(byte):
            place = .name
            return .ofField
        case (.name, UInt8(ascii: ":")):
            place = .value
            return .ofField
        case (.value, 0x0D):
            place = .lineEnd
            return .ofField
        case (.value, _) where (byte >= 0x20 || byte == 0x09) && byte != 0x7F: return .ofField
        default: return .bad(Self.notAField)
        }
    }
}
