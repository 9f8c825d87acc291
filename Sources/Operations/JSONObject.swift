// What the pages for operators are written with: objects of which many members are there only sometimes.

import Catalog
import JSON
import Telemetry
import Time

/// An object that is written member by member; those that are nil are left out.
struct JSONObject {
    private var text: [UInt8] = [UInt8(ascii: "{")]

    var bytes: [UInt8] { text + [UInt8(ascii: "}")] }

    private mutating func key(_ name: StaticString) {
        if text.count > 1 { text.append(UInt8(ascii: ",")) }
        text.append(UInt8(ascii: "\""))
        text.append(literal: name)
        text.append(literal: "\":")
    }

    mutating func add(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        key(name)
        text.appendJSON(string: value)
    }

    mutating func add(_ name: StaticString, _ value: Int?) {
        guard let value else { return }
        key(name)
        text.appendJSON(value)
    }

    mutating func add(_ name: StaticString, _ value: Bool?) {
        guard let value else { return }
        key(name)
        text.appendJSON(value)
    }

    /// `value` is JSON already.
    mutating func add(_ name: StaticString, _ value: [UInt8]) {
        key(name)
        text += value
    }

    /// A moment not long ago as a time of RFC 3339, in UTC.
    ///
    /// - Parameter wall: in nanoseconds since 1970, when the millisecond of `now` began.
    static func time(_ moment: MonotonicTime, _ now: MonotonicTime, _ wall: Int64) -> String {
        var timestamps = TimestampFormatter()
        var bytes: [UInt8] = []
        let nanoseconds = wall.addingSaturated(
            (moment.milliseconds - now.milliseconds).multipliedSaturated(by: 1_000_000))
        timestamps.append(nanoseconds: nanoseconds, digits: 3, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Items that are JSON already.
    static func array(_ items: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "[")]
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += item
        }
        bytes.append(UInt8(ascii: "]"))
        return bytes
    }
}
