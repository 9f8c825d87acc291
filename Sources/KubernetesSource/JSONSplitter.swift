// Cuts JSON that arrives in pieces into values that are small enough to be read at once: the items of a list, which as a
// whole may have 64 MiB, and the events of a stream, which never ends. A value lies where its server put it, in any number
// of pieces and chunks: neither lines nor chunks mean anything.

import JSON

/// Finds where values end. What a value holds is judged by who reads it; what lies between them is judged here.
struct JSONSplitter {
    /// What is cut.
    enum Shape {
        /// One value after the other, each an object.
        case stream
        /// One object; the elements of its array `items` are cut out one by one, its other members whole.
        case list
    }

    enum Piece: Equatable {
        /// An object of the stream, or an element of `items`.
        case value([UInt8])
        /// Another member of the list.
        case member(String, [UInt8])
    }

    /// Why it cannot go on.
    enum Fault: Error, Equatable {
        /// Not JSON of this shape.
        case malformed
        /// A value has more bytes than it may have.
        case tooLong(limit: Int)

        /// A sentence without a full stop.
        var sentence: String {
            switch self {
            case .malformed: "the answer is not the JSON that was asked for"
            case .tooLong(let limit): "an object of the answer is longer than \(limit) bytes"
            }
        }
    }

    /// White space between two values, in bytes: without a bound a server could send it for ever.
    private static let blankLimit = 64 << 10

    private enum Place: Equatable {
        case start, firstKey, key, colon, value, afterMember
        case firstItem, item, afterItem
        case ended
    }

    private enum Kind { case streamed, key, member, item }

    private let shape: Shape
    private let limit: Int
    private var place = Place.start
    /// White space since the last value or sign.
    private var blanks = 0
    /// The value that is being gathered.
    private var gathered: [UInt8] = []
    private var gathers: Kind?
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// Whether it is a number or a word, which ends where something else begins.
    private var isBare = false
    private var memberName = ""

    /// - Parameter limit: bytes of a value.
    init(_ shape: Shape, limit: Int) {
        self.shape = shape
        self.limit = limit
    }

    /// Whether all that has come is whole: a list has ended, or no object of a stream is cut.
    var isComplete: Bool { shape == .list ? place == .ended : gathers == nil }

    /// Passes on what is whole with these bytes. After a fault it must not be used any more.
    mutating func feed(_ bytes: [UInt8], _ pass: (Piece) -> Void) throws(Fault) {
        var index = 0
        while index < bytes.count {
            if gathers != nil {
                index = try gather(bytes, from: index, pass)
            } else {
                let byte = bytes[index]
                if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
                    index += 1
                    blanks += 1
                    guard blanks <= Self.blankLimit else { throw .malformed }
                } else {
                    blanks = 0
                    if try step(byte) { index += 1 }
                }
            }
        }
    }

    /// Between values. Returns whether the byte was used up; else a value begins with it.
    private mutating func step(_ byte: UInt8) throws(Fault) -> Bool {
        switch (place, byte) {
        case (.start, UInt8(ascii: "{")):
            guard shape == .stream else {
                place = .firstKey
                return true
            }
            return begin(.streamed, byte)
        case (.firstKey, UInt8(ascii: "}")), (.afterMember, UInt8(ascii: "}")): place = .ended
        case (.firstKey, UInt8(ascii: "\"")), (.key, UInt8(ascii: "\"")): return begin(.key, byte)
        case (.colon, UInt8(ascii: ":")): place = .value
        case (.value, UInt8(ascii: "[")) where memberName == "items": place = .firstItem
        case (.value, _): return begin(.member, byte)
        case (.afterMember, UInt8(ascii: ",")): place = .key
        case (.firstItem, UInt8(ascii: "]")), (.afterItem, UInt8(ascii: "]")): place = .afterMember
        case (.firstItem, UInt8(ascii: "{")), (.item, UInt8(ascii: "{")): return begin(.item, byte)
        case (.afterItem, UInt8(ascii: ",")): place = .item
        default: throw .malformed
        }
        return true
    }

    private mutating func begin(_ kind: Kind, _ byte: UInt8) -> Bool {
        gathers = kind
        gathered.removeAll(keepingCapacity: gathered.capacity <= 1 << 16)
        (depth, isInString, isEscaped) = (0, false, false)
        isBare = byte != UInt8(ascii: "{") && byte != UInt8(ascii: "[") && byte != UInt8(ascii: "\"")
        return false
    }

    /// Goes on with a value; returns the index behind what was used.
    private mutating func gather(
        _ bytes: [UInt8], from start: Int, _ pass: (Piece) -> Void
    ) throws(Fault) -> Int {
        var index = start
        var isWhole = false
        while index < bytes.count, !isWhole {
            let byte = bytes[index]
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                    isWhole = depth == 0
                }
            } else if isBare {
                if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte <= 0x20 {
                    isWhole = true
                    break
                }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    isWhole = depth == 0
                default: break
                }
            }
            index += 1
        }
        guard gathered.count + index - start <= limit else { throw .tooLong(limit: limit) }
        gathered += bytes[start..<index]
        if isWhole { try end(pass) }
        return index
    }

    private mutating func end(_ pass: (Piece) -> Void) throws(Fault) {
        guard let kind = gathers else { return }
        gathers = nil
        switch kind {
        case .streamed: pass(.value(gathered))
        case .item:
            place = .afterItem
            pass(.value(gathered))
        case .key:
            var reader = JSONReader(gathered)
            do throws(JSONError) {
                memberName = try reader.readString()
            } catch {
                throw .malformed
            }
            place = .colon
        case .member:
            place = .afterMember
            pass(.member(memberName, gathered))
        }
    }
}
