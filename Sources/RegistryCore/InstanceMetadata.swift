// What feeds read in an instance's metadata, which is any JSON that its client has sent: readers of feeds take text for
// values, and one value of another type costs some of them the whole answer (docs/feeds.md, A104 and A105).

package import Catalog
import JSON

/// The scalars of a metadata object, as text.
package struct InstanceMetadata: Sendable {
    /// In the order sent, each key once: the first one stands. UTF-8 without escapes; a value is the text, or the JSON
    /// of a number or boolean. Empty where the metadata is no object.
    package private(set) var pairs: [(key: [UInt8], value: [UInt8])] = []

    package init(_ instance: Instance) {
        guard let metadata = instance.metadataUTF8, metadata.first { $0 > 0x20 } == UInt8(ascii: "{") else { return }
        // What is registered is JSON.
        do throws(JSONError) { try read(Array(metadata)) } catch { pairs = [] }
    }

    private mutating func read(_ json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json, maximumDepth: JSONReader.greatestMaximumDepth)
        var seen: Set<[UInt8]> = []
        try reader.enterObject()
        while let key = try reader.nextKey() {
            let value: [UInt8]
            switch try reader.peekType() {
            case .string: value = try reader.readText().utf8
            case .number, .boolean: value = Array(json[try reader.readRawValue()])
            case .object, .array, .null:
                try reader.skipValue()
                continue
            }
            let name = key.utf8
            if seen.insert(name).inserted { pairs.append((name, value)) }
        }
    }

    /// The value of a key; nil where there is none.
    package func value(_ key: String) -> [UInt8]? { pairs.first { $0.key.elementsEqual(key.utf8) }?.value }

    /// The share of the load that the instance takes beside others: `weight`, a whole number from 1 to 255 or its
    /// digits as text; 1 where it is anything else.
    package var weight: UInt8 {
        guard let digits = value("weight"), (1...3).contains(digits.count), digits.first != UInt8(ascii: "0") else {
            return Self.standardWeight
        }
        var weight = 0
        for digit in digits {
            guard digit &- UInt8(ascii: "0") < 10 else { return Self.standardWeight }
            weight = weight * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return UInt8(exactly: weight) ?? Self.standardWeight
    }

    private static let standardWeight: UInt8 = 1
}
