// Why a text was not read. One closed set of reasons with a byte offset, so that a caller can put a sentence into an
// answer without knowing how the reader works, and a test can name the exact reason and place.

/// What kind of value starts at a place in a JSON text.
public enum JSONType: Sendable, Equatable {
    case object, array, string, number, boolean, null

    /// The type with its article, for sentences: "an object".
    public var phrase: String {
        switch self {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .boolean: "true or false"
        case .null: "null"
        }
    }
}

/// A refusal of a JSON text: what is wrong, and at which byte.
public struct JSONError: Error, Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// The text ends where more is needed.
        case unexpectedEnd
        /// A byte that cannot stand here: punctuation, a bare word, a comma too many.
        case unexpectedByte
        /// Something other than white space follows the top value.
        case trailingBytes
        /// Containers nest deeper than the reader was told to follow.
        case tooDeep
        /// A string holds bytes that are not well-formed UTF-8.
        case invalidUTF8
        /// A string holds a raw control character (below 0x20).
        case controlCharacter
        /// A backslash is followed by something that is no escape.
        case invalidEscape
        /// A `\u` escape names half of a surrogate pair.
        case loneSurrogate
        /// A number is not written as RFC 8259 has it: leading zero, bare point, empty exponent.
        case invalidNumber
        /// The value that comes next is of another type than the caller asked for.
        case expected(JSONType)
        /// A key the caller knows comes twice. The reader never throws this: only the caller knows its keys.
        case duplicateKey
    }

    public let kind: Kind
    /// The byte at fault, counted from 0; equal to the length of the text when that ends too early.
    public let offset: Int

    public init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    /// A sentence without its full stop, which quotes nothing of the text.
    public var sentence: String {
        switch kind {
        case .unexpectedEnd: "the JSON ends too early, at byte \(offset)"
        case .unexpectedByte: "the JSON has an unexpected character at byte \(offset)"
        case .trailingBytes: "the JSON is followed by something else at byte \(offset)"
        case .tooDeep: "the JSON nests too deeply at byte \(offset)"
        case .invalidUTF8: "the JSON has a string that is not UTF-8, at byte \(offset)"
        case .controlCharacter: "the JSON has an unescaped control character in a string, at byte \(offset)"
        case .invalidEscape: "the JSON has an invalid escape in a string, at byte \(offset)"
        case .loneSurrogate: "the JSON has half of a surrogate pair, at byte \(offset)"
        case .invalidNumber: "the JSON has a malformed number at byte \(offset)"
        case .expected(let type): "the JSON must have \(type.phrase) at byte \(offset)"
        case .duplicateKey: "the JSON has the same key twice, at byte \(offset)"
        }
    }
}
