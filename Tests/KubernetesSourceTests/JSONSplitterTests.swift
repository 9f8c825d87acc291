// Values are found wherever their server has cut them; what is no JSON of the shape is refused where it stops being it.

import TestRandom
import Testing

@testable import KubernetesSource

struct JSONSplitterTests {
    private static func split(
        _ text: String, _ shape: JSONSplitter.Shape, limit: Int = 1 << 20, step: Int = .max
    ) throws(JSONSplitter.Fault) -> (pieces: [JSONSplitter.Piece], isComplete: Bool) {
        var splitter = JSONSplitter(shape, limit: limit)
        var pieces: [JSONSplitter.Piece] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = min(step, rest.count)
            try splitter.feed(Array(rest.prefix(count))) { pieces.append($0) }
            rest = rest.dropFirst(count)
        }
        return (pieces, splitter.isComplete)
    }

    private static func value(_ text: String) -> JSONSplitter.Piece { .value(Array(text.utf8)) }

    private static let stream = #"{"a":{"b":"}\"{"}} {"c":[1,{"d":"\\"}]}"# + "\n\n\t{}"
    private static let streamed = [#"{"a":{"b":"}\"{"}}"#, #"{"c":[1,{"d":"\\"}]}"#, "{}"].map(value)
    private static let list =
        #"{ "kind":"L","metadata" : {"resourceVersion":"5","continue":"x"}, "n":-1.5e3,"items": [ {"x":1} ,{"y":[]}],"t":true}"#
    // No constant: LeakSanitizer does not see what an enum of several payloads holds.
    private static var listed: [JSONSplitter.Piece] {
        [
            .member("kind", Array(#""L""#.utf8)),
            .member("metadata", Array(#"{"resourceVersion":"5","continue":"x"}"#.utf8)),
            .member("n", Array("-1.5e3".utf8)), value(#"{"x":1}"#), value(#"{"y":[]}"#),
            .member("t", Array("true".utf8)),
        ]
    }

    @Test(arguments: 1...60)
    func `events and items are whole, however they are cut`(step: Int) throws {
        let stream = try Self.split(Self.stream, .stream, step: step)
        #expect(stream.pieces == Self.streamed && stream.isComplete)
        let list = try Self.split(Self.list, .list, step: step)
        #expect(list.pieces == Self.listed && list.isComplete)
    }

    @Test(arguments: [
        "<html>", "[]", "{]", #"{"items":[1]}"#, #"{"items":[{}}"#, #"{"items":[{},]}"#, #"{"items":[{}{}]}"#,
        #"{a:1}"#,
        #"{"a" 1}"#, #"{"a":1}{"#, #"{"a":1,}"#, #"{"\x":1}"#, "null",
    ])
    func `what is no list is refused`(text: String) {
        #expect(throws: JSONSplitter.Fault.malformed) { try Self.split(text, .list) }
    }

    @Test(arguments: ["<html>", "[]", "{} x", "1", "\"a\""])
    func `what is no stream of objects is refused`(text: String) {
        #expect(throws: JSONSplitter.Fault.malformed) { try Self.split(text, .stream) }
    }

    @Test func `white space without an end is refused, and some is not`() throws {
        let blanks = String(repeating: " \n", count: 32 << 10)
        #expect(try Self.split("{}" + blanks + "{}" + blanks, .stream, step: 4_096).isComplete)
        #expect(throws: JSONSplitter.Fault.malformed) { try Self.split("{}" + blanks + " ", .stream, step: 4_096) }
    }

    @Test(arguments: [#"{"items":[{}"#, "{", #"{"items":[]"#, ""])
    func `a list that is cut is not whole`(text: String) throws {
        #expect(try !Self.split(text, .list).isComplete)
    }

    @Test func `an empty or missing array is an empty list`() throws {
        for text in [#"{"items":[]}"#, #"{"items":null}"#, "{}"] { #expect(try Self.split(text, .list).isComplete) }
    }

    @Test(arguments: [1, 7, 100])
    func `a value is bounded before it is whole`(step: Int) {
        for text in [
            #"{"items":[{"a":""# + String(repeating: "x", count: 100), #"{""# + String(repeating: "x", count: 100),
        ] {
            #expect(throws: JSONSplitter.Fault.tooLong(limit: 50)) {
                try Self.split(text, .list, limit: 50, step: step)
            }
        }
        #expect(throws: JSONSplitter.Fault.tooLong(limit: 50)) {
            try Self.split("{" + String(repeating: "[", count: 100), .stream, limit: 50, step: step)
        }
    }

    @Test func `arbitrary bytes are refused or wait for more, and never trap`() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        let alphabet = Array(#"{}[]",:\ 1tn"#.utf8) + Array("items".utf8)
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            for shape in [JSONSplitter.Shape.list, .stream] {
                var splitter = JSONSplitter(shape, limit: 30)
                do { try splitter.feed(text) { _ in } } catch {}
            }
        }
        print("seed \(seed)")
    }
}
