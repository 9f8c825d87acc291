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
        body.endLine()
    }

    package mutating func append(text: String) {
        begin(text.utf8.count)
        body += text.utf8
        body.endLine()
    }

    /// In decimal digits.
    package mutating func append(_ number: Int64) {
        let sign = number < 0 ? 1 : 0
        begin(sign + Self.digits(of: number.magnitude))
        if sign > 0 { body.append(UInt8(ascii: "-")) }
        body.append(decimal: number.magnitude)
        body.endLine()
    }

    private static func digits(of number: UInt64) -> Int {
        var (rest, count) = (number, 1)
        while rest >= 10 { (rest, count) = (rest / 10, count + 1) }
        return count
    }

    private mutating func begin(_ length: Int) {
        count += 1
        body.append(UInt8(ascii: "$"))
        body.append(decimal: UInt64(length))
        body.endLine()
    }

    /// How many bytes are sent.
    package var bytes: Int { 1 + Self.digits(of: UInt64(count)) + 2 + body.count }

    /// Appends what is sent.
    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "*"))
        bytes.append(decimal: UInt64(count))
        bytes.endLine()
        bytes += body
    }

    package static let usualCapacity = 64
}

extension [UInt8] {
    fileprivate mutating func endLine() {
        append(0x0D)
        append(0x0A)
    }

    fileprivate mutating func append(decimal number: UInt64) {
        guard number >= 10 else { return append(0x30 + UInt8(number)) }
        var divisor: UInt64 = 10
        while number / divisor >= 10 { divisor *= 10 }
        var rest = number
        while divisor > 0 {
            append(0x30 + UInt8(rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }
}
