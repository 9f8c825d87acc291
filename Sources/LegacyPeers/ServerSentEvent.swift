// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) as far as the original uses them:
// fields id, event and data, one line each or more, an empty line at the end of an event. Bytes come in any pieces;
// what is held back is bounded.

/// One event.
struct ServerSentEvent: Sendable, Equatable {
    var id: [UInt8] = []
    var name: [UInt8] = []
    var data: [UInt8] = []

    init(id: [UInt8] = [], name: [UInt8] = [], data: [UInt8] = []) {
        self.id = id
        self.name = name
        self.data = data
    }
}

/// Why bytes are no stream of events.
enum ServerSentEventError: Error, Sendable, Equatable {
    /// A line that is neither a comment nor a field of the standard: whatever this is, it is not a legacy peer's
    /// stream.
    case notAField
    /// An event of more bytes than it may have.
    case tooLong
}

/// Reads events from pieces of bytes.
struct ServerSentEventReader: Sendable {
    /// Bytes that an event may have, its lines' names and ends included. An original's largest is an instance, with all
    /// it says about itself encoded two or three times over.
    static let eventLimit = 1 << 20

    private let limit: Int
    private var line: [UInt8] = []
    /// Bytes of the event so far, the current line aside.
    private var eventBytes = 0
    private var event = ServerSentEvent()
    private var hasData = false
    /// A carriage return ended the last line; a line feed that follows belongs to it.
    private var skipsLineFeed = false

    init(limit: Int = eventLimit) {
        self.limit = limit
    }

    /// Whether the stream stands between two events, so that nothing is lost if it ends here.
    var isBetweenEvents: Bool { line.isEmpty && eventBytes == 0 }

    /// Adds the events that are complete with these bytes to `events`. After an error, which comes behind the events
    /// before it, the reader must not be used any more.
    mutating func read(_ bytes: [UInt8], into events: inout [ServerSentEvent]) throws(ServerSentEventError) {
        var start = 0
        if skipsLineFeed, let first = bytes.first {
            if first == 0x0A { start = 1 }
            skipsLineFeed = false
        }
        var index = start
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == 0x0A || byte == 0x0D else {
                index += 1
                continue
            }
            line += bytes[start..<index]
            try endLine(into: &events)
            index += 1
            if byte == 0x0D {
                if index == bytes.count { skipsLineFeed = true } else if bytes[index] == 0x0A { index += 1 }
            }
            start = index
        }
        line += bytes[start...]
        guard eventBytes + line.count <= limit else { throw .tooLong }
    }

    private mutating func endLine(into events: inout [ServerSentEvent]) throws(ServerSentEventError) {
        guard eventBytes + line.count < limit else { throw .tooLong }
        guard !line.isEmpty else {
            if hasData { events.append(event) }
            event = ServerSentEvent()
            hasData = false
            eventBytes = 0
            return
        }
        eventBytes += line.count + 1
        try endField()
        line.removeAll(keepingCapacity: true)
    }

    private mutating func endField() throws(ServerSentEventError) {
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[min(colon + 1, line.endIndex)...]
        if value.first == 0x20 { value = value.dropFirst() }
        switch line[..<colon] {
        case "": break  // A comment.
        case "id": event.id = Array(value)
        case "event": event.name = Array(value)
        case "data":
            if hasData { event.data.append(0x0A) }
            event.data += value
            hasData = true
        case "retry": break  // When to come again is ours to decide.
        default: throw .notAField
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate static func ~= (literal: StaticString, slice: ArraySlice<UInt8>) -> Bool {
        literal.withUTF8Buffer { unsafe $0.elementsEqual(slice) }
    }
}
