// The head of an HTTP/1.1 message, read strictly: what could be understood in two ways is refused. It is read once a
// connection and is small, so this reader is plain where the one of the API is fast.

/// Collects the bytes of a head until it is whole.
struct UpgradeHead: Sendable {
    /// Of the first line.
    private(set) var line = ""
    /// Names in lower case, in order, with their values without white space around.
    private(set) var fields: [(name: String, value: String)] = []

    /// The one value of a field; nil when there is none, or more than one.
    func value(_ name: String) -> String? {
        let found = fields.filter { $0.name == name }
        return found.count == 1 ? found.first?.value : nil
    }

    func has(_ name: String) -> Bool { fields.contains { $0.name == name } }

    /// The members of a field that is a list, in lower case.
    func list(_ name: String) -> [String] {
        fields.filter { $0.name == name }
            .flatMap { $0.value.split(separator: ",").map { Self.trimmed($0).lowercased() } }
    }

    /// Reads a head without the empty line that ends it; nil when it is not as RFC 9112 has it.
    init?(_ bytes: ArraySlice<UInt8>) {
        var isFirst = true
        for line in Self.lines(bytes) {
            guard let line else { return nil }
            if isFirst { self.line = line } else if !add(line) { return nil }
            isFirst = false
        }
    }

    private mutating func add(_ line: String) -> Bool {
        guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else { return false }
        let name = line[..<colon]
        guard name.utf8.allSatisfy(Self.isToken) else { return false }
        fields.append((name.lowercased(), Self.trimmed(line[line.index(after: colon)...])))
        return true
    }

    /// The lines of visible ASCII, spaces and tabs; nil for one of anything else, such as a bare CR or LF.
    private static func lines(_ bytes: ArraySlice<UInt8>) -> [String?] {
        var lines: [String?] = []
        var start = bytes.startIndex
        var index = start
        while index <= bytes.endIndex {
            let isEnd = index == bytes.endIndex
            let isBreak = !isEnd && bytes[index] == 0x0D && index + 1 < bytes.endIndex && bytes[index + 1] == 0x0A
            if isEnd || isBreak {
                let line = bytes[start..<index]
                let isText = line.allSatisfy { $0 >= 0x20 && $0 < 0x7F || $0 == 0x09 }
                lines.append(isText ? String(decoding: line, as: UTF8.self) : nil)
                if isEnd { break }
                index += 2
                start = index
            } else {
                index += 1
            }
        }
        return lines
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var bytes = Array(text.utf8)[...]
        while bytes.first == 0x20 || bytes.first == 0x09 { bytes.removeFirst() }
        while bytes.last == 0x20 || bytes.last == 0x09 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

/// Bytes that become a head, and what follows it.
struct UpgradeBytes: Sendable {
    enum State: Sendable {
        case incomplete
        case tooLong
        /// Nil when the head is malformed; and the bytes behind it.
        case whole(UpgradeHead?, rest: [UInt8])
    }

    private var bytes: [UInt8] = []
    /// Where the search for the end goes on.
    private var searched = 0

    /// Takes more bytes. Not to be called again after another answer than `incomplete`.
    mutating func take(_ more: [UInt8]) -> State {
        bytes += more
        while searched + 4 <= bytes.count {
            if bytes[searched] == 0x0D, bytes[searched + 1] == 0x0A, bytes[searched + 2] == 0x0D,
                bytes[searched + 3] == 0x0A
            {
                guard searched + 4 <= UpgradeHandshake.maximumBytes else { return .tooLong }
                return .whole(UpgradeHead(bytes[..<searched]), rest: Array(bytes[(searched + 4)...]))
            }
            searched += 1
        }
        return bytes.count >= UpgradeHandshake.maximumBytes ? .tooLong : .incomplete
    }
}
