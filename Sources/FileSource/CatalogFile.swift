// What a file has: `{"instances":[…]}`, each instance as a client would register it. Files are written by hand and by
// scripts, so a mistake is told by line and column; and one mistake spoils the whole file, since nobody can know whether
// the rest is as it was meant.

import Amalgam8
import Catalog
import JSON
import RegistryCore
import Serving

/// The instances of one file.
struct CatalogFile {
    /// The largest file, in bytes.
    static let sizeLimit = 64 << 20

    /// What is wrong, and at which byte.
    struct Mistake: Error {
        let sentence: String
        let offset: Int
    }

    private(set) var services: [Name: [LeasedInstance]] = [:]
    private(set) var count = 0

    /// Reads a file. Throws the first mistake.
    ///
    /// - Parameter modified: when it was written, in nanoseconds since 1970: of all its instances the last heartbeat.
    init(_ bytes: [UInt8], modified: Int64, tagLimits: TagLimits) throws(Mistake) {
        var reader = JSONReader(bytes)
        var isComplete = false
        do throws(JSONError) {
            try reader.enterObject()
        } catch {
            if case .expected = error.kind {
                throw Mistake(sentence: "the file must be a JSON object", offset: error.offset)
            }
            throw Self.mistake(error)
        }
        var seen: [InstanceID: Int] = [:]
        while let key = try Self.reading({ () throws(JSONError) in try reader.nextKey() }) {
            guard key == "instances" else {
                try Self.reading { () throws(JSONError) in try reader.skipValue() }
                continue
            }
            guard !isComplete else { throw Mistake(sentence: "instances is given twice", offset: key.offset) }
            isComplete = true
            try read(&reader, bytes, modified, tagLimits, &seen)
        }
        try Self.reading { () throws(JSONError) in try reader.finish() }
        guard isComplete else {
            throw Mistake(sentence: "instances is required: an array of registrations", offset: 0)
        }
        // As they are published, so that the view has the same arrays, of just the size that they need.
        services = services.mapValues(LeasedInstance.sorted)
    }

    private mutating func read(
        _ reader: inout JSONReader, _ bytes: [UInt8], _ modified: Int64, _ tagLimits: TagLimits,
        _ seen: inout [InstanceID: Int]
    ) throws(Mistake) {
        do throws(JSONError) {
            try reader.enterArray()
        } catch {
            if case .expected = error.kind {
                throw Mistake(sentence: "instances must be an array", offset: error.offset)
            }
            throw Self.mistake(error)
        }
        while try Self.reading({ () throws(JSONError) in try reader.nextElement() }) {
            let range = try Self.reading { () throws(JSONError) in try reader.readRawValue() }
            guard bytes[range.lowerBound] == UInt8(ascii: "{") else {
                throw Mistake(sentence: "an instance must be a JSON object", offset: range.lowerBound)
            }
            let instance: Instance
            do throws(Refused) {
                instance = try Registration(json: Array(bytes[range]), tagLimits: tagLimits).instance(of: .filesystem)
            } catch {
                guard case .invalid(let sentence) = error else {
                    throw Mistake(sentence: "an instance cannot be used", offset: range.lowerBound)
                }
                throw Mistake(sentence: sentence, offset: Self.offset(of: sentence, bytes, range))
            }
            if let first = seen.updateValue(range.lowerBound, forKey: instance.id) {
                let line = TextPlace(of: first, in: bytes).line
                throw Mistake(
                    sentence: "the same endpoint of the same service is there twice, first in line \(line)",
                    offset: range.lowerBound)
            }
            count += 1
            services[instance.serviceName, default: []].append(
                LeasedInstance(instance: instance, lastHeartbeat: modified))
        }
    }

    private static func reading<Value>(_ step: () throws(JSONError) -> Value) throws(Mistake) -> Value {
        do throws(JSONError) {
            return try step()
        } catch {
            throw mistake(error)
        }
    }

    private static func mistake(_ error: JSONError) -> Mistake {
        Mistake(sentence: error.sentence, offset: error.offset)
    }

    /// Where in an instance the field is that a refusal is about: its sentence begins with the field's name. Where none
    /// is, it is about the instance as a whole.
    private static func offset(of sentence: String, _ bytes: [UInt8], _ range: Range<Int>) -> Int {
        let subject = sentence.prefix { $0 != " " }.lowercased()
        var reader = JSONReader(Array(bytes[range]))
        var found: Int?
        func search(_ prefix: String) throws(JSONError) {
            try reader.enterObject()
            while let key = try reader.nextKey() {
                let name = prefix + key.string.lowercased()
                if name == subject {
                    found = range.lowerBound + key.offset - 1
                } else if name == "endpoint", try reader.peekType() == .object {
                    // A field of it may be meant, or that one is missing.
                    if subject.hasPrefix("endpoint."), found == nil { found = range.lowerBound + key.offset - 1 }
                    try search("endpoint.")
                    continue
                }
                try reader.skipValue()
            }
        }
        // The instance has been read once, so nothing is thrown.
        try? search("")
        return found ?? range.lowerBound
    }
}
