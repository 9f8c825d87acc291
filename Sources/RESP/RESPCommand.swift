// What Redis is asked, as bytes. The arguments are appended as they are found, since a command of a thousand renewals
// has thousands: they are never values of their own. hiredis' formatter takes an array of pointers and gives memory of
// C, which would be two copies more for what is ten lines here; a test compares the two.

import Text

/// One command with its arguments.
package struct RESPCommand: Sendable, Equatable {
    /// How many arguments it has, its name included.
    package private(set) var count = 0
    /// The arguments as they are sent.
    private var body: [UInt8] = []

    /// - capacity: how many bytes its arguments may come to, for those that know.
    package init(_ name: String, capacity: Int = usualCapacity) {
        body.reserveCapacity(capacity)
        append(text: name)
    }

    /// One of few arguments, all of them text.
    package init(_ name: String, _ arguments: String...) {
        self.init(name, capacity: Self.usualCapacity)
        for argument in arguments { append(text: argument) }
    }

    package mutating func append(_ bytes: [UInt8]) { append(bytes.span) }

    package mutating func append(_ bytes: ArraySlice<UInt8>) { append(bytes.span) }

    package mutating func append(_ bytes: Span<UInt8>) {
        begin(bytes.count)
        body.append(bytes)
        body += Self.lineEnd
    }

    package mutating func append(text: String) {
        begin(text.utf8.count)
        body += text.utf8
        body += Self.lineEnd
    }

    /// In decimal digits.
    package mutating func append(_ number: Int64) { append(text: String(number)) }

    private mutating func begin(_ length: Int) {
        count += 1
        body.append(UInt8(ascii: "$"))
        body += String(length).utf8
        body += Self.lineEnd
    }

    /// How many bytes are sent.
    package var bytes: Int { 1 + String(count).utf8.count + Self.lineEnd.count + body.count }

    /// Appends what is sent.
    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "*"))
        bytes += String(count).utf8
        bytes += Self.lineEnd
        bytes += body
    }

    package static let usualCapacity = 64
    private static let lineEnd: [UInt8] = [0x0D, 0x0A]
}
