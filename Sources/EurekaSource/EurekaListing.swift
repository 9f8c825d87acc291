// The lists of another Eureka, as servers of all makes write them: `{"applications":{"apps__hashcode":"UP_2_",
// "application":[{"name":"A","instance":[{…}]}]}}`. Where there is one application or instance, some write it without an
// array. An instance that is of no use is counted and passed over: what one client has registered there must not hide
// all others here.

import Catalog
import JSON
import RegistryCore

/// What one instance is known by within one Eureka.
struct EurekaKey: Hashable, Sendable {
    /// In upper case, as servers answer.
    let application: String
    let id: String
}

/// What a server has answered: everything, or what has changed lately.
struct EurekaListing: Sendable {
    /// One instance of it.
    struct Entry: Sendable {
        let key: EurekaKey
        let isDeleted: Bool
        /// One of the five that Eureka counts.
        let status: String
        /// As it is shown here; nil for one that cannot be, which is counted all the same.
        let leased: LeasedInstance?
    }

    private(set) var entries: [Entry] = []
    /// How many instances the whole registry has of each status: `DOWN_1_UP_7_`; nil when it is not said.
    private(set) var hashCode: String?
    /// When the latest of the entries was changed there, in milliseconds since 1970; nil where that is not said.
    private(set) var latestChange: Int64?
    /// Why entries cannot be shown; the first few.
    private(set) var problems: [SourceProblem] = []

    /// Reads an answer. Throws for what is no such list.
    ///
    /// - Parameter now: when it was answered, in nanoseconds since 1970.
    init(json: [UInt8], tagLimits: TagLimits, at now: Int64) throws(SourceProblem) {
        do throws(JSONError) {
            var reader = JSONReader(json)
            var isFound = false
            try reader.enterObject()
            while let key = try reader.nextKey() {
                guard key == "applications", try reader.peekType() == .object else {
                    try reader.skipValue()
                    continue
                }
                isFound = true
                try readApplications(&reader, tagLimits, now)
            }
            try reader.finish()
            guard isFound else { throw JSONError(.expected(.object), at: 0) }
        } catch {
            throw SourceProblem("what it answered is no list of applications: \(error.sentence)")
        }
    }

    private mutating func readApplications(_ reader: inout JSONReader, _ limits: TagLimits, _ now: Int64)
        throws(JSONError)
    {
        try reader.enterObject()
        while let key = try reader.nextKey() {
            if key == "apps__hashcode" {
                hashCode = try reader.readScalar()
            } else if key == "application" {
                var ranges: [Range<Int>] = []
                try reader.collectItems(&ranges)
                for range in ranges { try readApplication(Array(reader.bytes[range]), at: range, limits, now) }
            } else {
                try reader.skipValue()
            }
        }
    }

    /// Reads one application, whose name may stand behind its instances.
    private mutating func readApplication(_ json: [UInt8], at place: Range<Int>, _ limits: TagLimits, _ now: Int64)
        throws(JSONError)
    {
        do throws(JSONError) {
            var reader = JSONReader(json)
            var name: String?
            var ranges: [Range<Int>] = []
            try reader.enterObject()
            while let key = try reader.nextKey() {
                if key == "name" {
                    name = try reader.readScalar()
                } else if key == "instance" {
                    try reader.collectItems(&ranges)
                } else {
                    try reader.skipValue()
                }
            }
            for range in ranges { take(try EurekaItem(json, range), of: name, limits, now) }
        } catch {
            throw JSONError(error.kind, at: place.lowerBound + error.offset)
        }
    }

    private mutating func take(_ item: EurekaItem, of application: String?, _ limits: TagLimits, _ now: Int64) {
        let name = application ?? item.app ?? ""
        if let changed = item.lastUpdated { latestChange = max(latestChange ?? changed, changed) }
        var leased: LeasedInstance?
        if !item.isDeleted, !item.isEcho {
            do throws(EurekaItem.Unusable) {
                leased = LeasedInstance(
                    instance: try item.instance(of: name, limits),
                    lastHeartbeat: item.lastUpdated.map { $0.multipliedSaturated(by: 1_000_000) } ?? now)
            } catch {
                if problems.count < SourceStatus.problemLimit {
                    problems.append(SourceProblem(error.sentence, at: "\(name)/\(item.id)"))
                }
            }
        }
        entries.append(
            Entry(
                key: EurekaKey(application: name.uppercasedASCII, id: item.id), isDeleted: item.isDeleted,
                status: item.status, leased: leased))
    }
}

extension JSONReader {
    /// Where the items of an array lie, or the one that stands there without it.
    fileprivate mutating func collectItems(_ ranges: inout [Range<Int>]) throws(JSONError) {
        switch try peekType() {
        case .array:
            try enterArray()
            while try nextElement() { ranges.append(try readRawValue()) }
        case .null: try readNull()
        default: ranges.append(try readRawValue())
        }
    }

    /// A scalar as text; nil for null and for what nests.
    mutating func readScalar() throws(JSONError) -> String? {
        switch try peekType() {
        case .string: return try readString()
        case .null, .object, .array:
            try skipValue()
            return nil
        case .number, .boolean: return String(decoding: bytes[try readRawValue()], as: UTF8.self)
        }
    }
}

extension String {
    /// ASCII letters alone: by Unicode's rules letters of two alphabets would become one.
    var uppercasedASCII: String {
        String(decoding: utf8.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }, as: UTF8.self)
    }
}
