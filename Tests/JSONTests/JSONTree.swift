// A naive model of a JSON value, and both ways between it and bytes: what the reader reads is compared with what was
// rendered.

import JSON
import TestRandom

indirect enum JSONTree: Equatable {
    case null
    case boolean(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONTree])
    case object([Member])

    struct Member: Equatable {
        let key: String
        let value: JSONTree
    }

    /// Reads the value that comes next with every kind of call the reader has.
    init(from reader: inout JSONReader) throws(JSONError) {
        switch try reader.peekType() {
        case .null:
            try reader.readNull()
            self = .null
        case .boolean: self = .boolean(try reader.readBoolean())
        case .number: self = .number(try reader.readNumber())
        case .string: self = .string(try reader.readString())
        case .array:
            var elements: [JSONTree] = []
            try reader.enterArray()
            while try reader.nextElement() { elements.append(try JSONTree(from: &reader)) }
            self = .array(elements)
        case .object:
            var members: [Member] = []
            try reader.enterObject()
            while let key = try reader.nextKey() {
                members.append(Member(key: key.string, value: try JSONTree(from: &reader)))
            }
            self = .object(members)
        }
    }

    init(_ bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes)
        self = try JSONTree(from: &reader)
        try reader.finish()
    }

    /// Whether some number is too large for a Double.
    var holdsInfinity: Bool {
        switch self {
        case .null, .boolean, .string: false
        case .number(let number): number.approximation.isInfinite
        case .array(let elements): elements.contains(where: \.holdsInfinity)
        case .object(let members): members.contains(where: \.value.holdsInfinity)
        }
    }

    static func random(depth: Int, using generator: inout SplitMix64) -> JSONTree {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &generator) {
        case 0: .null
        case 1: .boolean(.random(using: &generator))
        case 2: .number(.natural(generator.next() >> UInt64.random(in: 0..<64, using: &generator)))
        case 3: .number(.negative(-Int64(generator.next() >> UInt64.random(in: 1..<64, using: &generator))))
        case 4: .number(.fractional((Double(Int32(truncatingIfNeeded: generator.next())) + 0.5) / 1024))
        case 5: .string(randomString(using: &generator))
        case 6, 7:
            .object(
                (0..<Int.random(in: 0..<5, using: &generator)).map { _ in
                    Member(key: randomString(using: &generator), value: random(depth: depth - 1, using: &generator))
                })
        default:
            .array(
                (0..<Int.random(in: 0..<5, using: &generator)).map { _ in random(depth: depth - 1, using: &generator) })
        }
    }

    private static func randomString(using generator: inout SplitMix64) -> String {
        let interesting: [Unicode.Scalar] = [
            "a", "Z", "\"", "\\", "/", "\0", "\n", "\r", "\t", "\u{8}", "\u{C}", "\u{1F}", "\u{7F}", "\u{80}", "é",
            "\u{7FF}", "\u{800}",
            "\u{2028}", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "😀", "\u{10FFFF}",
        ]
        var string = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<20, using: &generator) {
            string.append(interesting[Int.random(in: 0..<interesting.count, using: &generator)])
        }
        return String(string)
    }

    /// Renders with random white space, and some characters as `\u` escapes, which the writer under test never makes.
    func render(into bytes: inout [UInt8], using generator: inout SplitMix64) {
        Self.space(&bytes, &generator)
        switch self {
        case .null: bytes.append(literal: "null")
        case .boolean(let value): bytes.appendJSON(value)
        case .number(.natural(let value)): bytes.appendJSON(value)
        case .number(.negative(0)): bytes.append(literal: "-0")
        case .number(.negative(let value)): bytes.appendJSON(value)
        case .number(let value): bytes += Array("\(value.approximation)".utf8)
        case .string(let value): Self.render(value, into: &bytes, &generator)
        case .array(let elements):
            bytes.append(literal: "[")
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(literal: ",") }
                element.render(into: &bytes, using: &generator)
            }
            if elements.isEmpty { Self.space(&bytes, &generator) }
            bytes.append(literal: "]")
        case .object(let members):
            bytes.append(literal: "{")
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(literal: ",") }
                Self.space(&bytes, &generator)
                Self.render(member.key, into: &bytes, &generator)
                Self.space(&bytes, &generator)
                bytes.append(literal: ":")
                member.value.render(into: &bytes, using: &generator)
            }
            bytes.append(literal: "}")
        }
        Self.space(&bytes, &generator)
    }

    private static func render(_ string: String, into bytes: inout [UInt8], _ generator: inout SplitMix64) {
        guard generator.next() % 3 == 0 else { return bytes.appendJSON(string: string) }
        bytes.append(literal: "\"")
        for unit in string.utf16 {
            let digits = String(unit, radix: 16, uppercase: generator.next() % 2 == 0)
            bytes += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
        }
        bytes.append(literal: "\"")
    }

    private static func space(_ bytes: inout [UInt8], _ generator: inout SplitMix64) {
        guard generator.next() % 4 == 0 else { return }
        bytes.append([0x20, 0x09, 0x0A, 0x0D][Int.random(in: 0..<4, using: &generator)])
    }
}
