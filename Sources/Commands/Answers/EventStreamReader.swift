// The stream of `GET /api/v1/watch` (docs/watch.md), read as clients read server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html): in any pieces, with the id to come back with and the
// time to wait before that. What is held back is bounded.

/// One event of a stream.
struct StreamedEvent: Sendable, Equatable {
    var name = ""
    var data: [UInt8] = []
}

/// Reads events from pieces of bytes.
struct EventStreamReader: Sendable {
    /// The stream has a line or an event that is too long to be one.
    struct TooLong: Error, Equatable {}

    /// Bytes that an event may have: a snapshot of a million instances has some hundreds of millions.
    static let eventLimit = 1 << 30

    /// What to show as `Last-Event-ID`; it moves when an event is whole. Nil until the stream has said one.
    private(set) var lastID: String?
    /// How long to wait before connecting again, in milliseconds, as the stream has said.
    private(set) var retry: Int?

    private let limit: Int
    private var line: [UInt8] = []
    private var event = StreamedEvent()
    private var hasData = false
    private var id: String?
    private var skipsLineFeed = false

    /// - Parameter lastID: that of a stream before this one.
    init(after lastID: String? = nil, limit: Int = eventLimit) {
        self.lastID = lastID
        id = lastID
        self.limit = limit
    }

    /// The events that are whole with these bytes.
    mutating func read(_ bytes: [UInt8]) throws(TooLong) -> [StreamedEvent] {
        var events: [StreamedEvent] = []
        var rest = bytes[...]
        while let first = rest.first {
            if skipsLineFeed {
                skipsLineFeed = false
                if first == 0x0A {
                    rest = rest.dropFirst()
                    continue
                }
            }
            guard let end = rest.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) else {
                line += rest
                guard line.count + event.data.count <= limit else { throw TooLong() }
                break
            }
            line += rest[..<end]
            guard line.count + event.data.count <= limit else { throw TooLong() }
            skipsLineFeed = rest[end] == 0x0D
            rest = rest[(end + 1)...]
            if let event = endLine() { events.append(event) }
            line.removeAll(keepingCapacity: true)
        }
        return events
    }

    private mutating func endLine() -> StreamedEvent? {
        guard !line.isEmpty else {
            defer {
                event = StreamedEvent()
                hasData = false
            }
            lastID = id
            return hasData ? event : nil
        }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[min(colon + 1, line.endIndex)...]
        if value.first == 0x20 { value = value.dropFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "id": if !value.contains(0) { id = String(decoding: value, as: UTF8.self) }
        case "event": event.name = String(decoding: value, as: UTF8.self)
        case "data":
            if hasData { event.data.append(0x0A) }
            event.data += value
            hasData = true
        case "retry":
            let isNumber = value.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            if isNumber, let milliseconds = Int(String(decoding: value, as: UTF8.self)) { retry = milliseconds }
        default: break  // A comment, or a field that is not known.
        }
        return nil
    }
}
