// The stream of a watch, cut at every byte, and the lines that it becomes.

import Testing

@testable import Commands

struct EventStreamTests {
    private static let stream =
        ": hello\r\nretry: 3127\nid: 1.a\nevent: snapshot\ndata: {\"instances\":[]}\n\nid: 1.b\r\nevent: put\r\ndata: {\ndata:}\r\n\r\n: still here\nevent: gone\ndata: {}\n\nid: 1.c\n"

    @Test func `events are the same however the bytes are cut`() throws {
        let bytes = Array(Self.stream.utf8)
        for cut in 0...bytes.count {
            var reader = EventStreamReader()
            let events = try reader.read(Array(bytes[..<cut])) + reader.read(Array(bytes[cut...]))
            #expect(
                events == [
                    StreamedEvent(name: "snapshot", data: Array("{\"instances\":[]}".utf8)),
                    StreamedEvent(name: "put", data: Array("{\n}".utf8)),
                    StreamedEvent(name: "gone", data: Array("{}".utf8)),
                ])
            // An id counts when its event is whole.
            #expect(reader.lastID == "1.b")
            #expect(reader.retry == 3_127)
        }
    }

    @Test func `a stream that comes back keeps the id of the one before`() throws {
        var reader = EventStreamReader(after: "x")
        #expect(try reader.read(Array("data: 1\n\n".utf8)).count == 1)
        #expect(reader.lastID == "x")
    }

    @Test func `an event without an end is given up`() {
        var reader = EventStreamReader(limit: 100)
        #expect(throws: EventStreamReader.TooLong()) { try reader.read([UInt8](repeating: 0x41, count: 101)) }
        var lines = EventStreamReader(limit: 100)
        #expect(throws: EventStreamReader.TooLong()) {
            for _ in 0..<20 { _ = try lines.read(Array("data: 12345678\n".utf8)) }
        }
    }

    @Test func `events are lines, with nothing of a hostile name`() {
        let put = StreamedEvent(
            name: "put",
            data: Array(
                #"{"id":"26634d9e31ce714e","service_name":"web\u001b[2J","endpoint":{"type":"http","value":"h:1"},"status":"UP"}"#
                    .utf8))
        #expect(
            WatchLine.text(put).split(separator: " ") == ["put", "web\\u{1b}[2J", "26634d9e31ce714e", "UP", "h:1\n"])
        let gone = StreamedEvent(
            name: "gone", data: Array(#"{"id":"26634d9e31ce714e","service_name":"web","reason":"expired"}"#.utf8))
        #expect(WatchLine.text(gone).split(separator: " ") == ["expired", "web", "26634d9e31ce714e", "-", "-\n"])
        #expect(
            WatchLine.text(StreamedEvent(name: "snapshot", data: Array(#"{"instances":[]}"#.utf8))) == "0 instances\n")
        #expect(
            String(decoding: WatchLine.json(gone, id: "9.a"), as: UTF8.self)
                == #"{"event":"gone","id":"9.a","data":{"id":"26634d9e31ce714e","service_name":"web","reason":"expired"}}"#
                + "\n")
    }
}
