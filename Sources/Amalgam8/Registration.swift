// The body of a registration: one JSON object, read in one pass, every known field checked as it comes
// (docs/rest-api.md, R201–R238).

import Catalog
import HTTP
import JSON
package import RegistryCore
package import Serving

/// What a client registers, as it said it.
package struct Registration {
    /// Bytes of UTF-8 in `service_name` (R207).
    static let serviceNameLimit = EndpointKey.longestServiceName
    /// Bytes of UTF-8 in `endpoint.value` (R209).
    static let endpointValueLimit = EndpointKey.longestValue

    /// UTF-8, as are the other texts. They stay where they lie in the body, and are copied once: into the instance.
    private(set) var serviceName: ArraySlice<UInt8> = []
    private(set) var endpointKind = Endpoint.Kind.tcp
    private(set) var endpointValue: ArraySlice<UInt8> = []
    /// 0 asks for the standard TTL.
    private(set) var ttlSeconds: UInt32 = 0
    private(set) var status = InstanceStatus.up
    private(set) var tags = TagRun()
    private(set) var metadata: ArraySlice<UInt8>?
    private let tagLimits: TagLimits

    /// Reads a body. Throws `Refused.invalid` naming the field to blame, or what is wrong with the JSON.
    package init(json body: [UInt8], tagLimits: TagLimits = .standard) throws(Refused) {
        self.tagLimits = tagLimits
        var reader = JSONReader(body)
        do throws(JSONError) {
            guard try reader.peekType() == .object else { throw JSONError(.expected(.object), at: 0) }
        } catch {
            if case .expected = error.kind { throw .invalid("the body must be a JSON object") }
            throw .invalid(error.sentence)
        }
        var seen = SeenFields()
        do throws(FieldError) {
            try read(&reader, &seen)
        } catch {
            throw .invalid(error.sentence)
        }
        for field: Field in [.serviceName, .endpoint, .endpointType, .endpointValue] where !seen.contains(field) {
            throw .invalid("\(field.name) is required" + Self.unknownKeys(of: field, in: body))
        }
    }

    /// What a body has in place of a field, so that a misspelt key is learnt of. Read only once the field is missing.
    private static func unknownKeys(of missing: Field, in body: [UInt8]) -> String {
        let isOfEndpoint = missing == .endpointType || missing == .endpointValue
        var unknown: [String] = []
        do throws(JSONError) {
            var reader = JSONReader(body)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                let field = Field(key)
                if isOfEndpoint, field == .endpoint, try reader.peekType() == .object {
                    try reader.enterObject()
                    while let key = try reader.nextKey() {
                        if Field(ofEndpoint: key) == nil { unknown.append(Refused.shortened(key.string)) }
                        try reader.skipValue()
                    }
                } else {
                    if !isOfEndpoint, field == nil { unknown.append(Refused.shortened(key.string)) }
                    try reader.skipValue()
                }
            }
        } catch {
            return ""
        }
        return Refused.unknownKeys(unknown, in: isOfEndpoint ? "endpoint" : "body")
    }

    /// The instance that this registers at a moment.
    func instance(policy: LeasePolicy, at moment: Moment) -> Instance {
        Instance(
            id: EndpointKey(serviceName: serviceName, kind: endpointKind, value: endpointValue).instanceID,
            serviceName: serviceName, endpointKind: endpointKind, endpointValue: endpointValue, status: status,
            ttl: policy.ttl(requestedSeconds: ttlSeconds), tags: tags, metadata: metadata, registered: moment.wall)
    }

    // MARK: - Fields

    private enum Field: Int {
        case serviceName, endpoint, endpointType, endpointValue, ttl, status, tags, metadata

        var name: String {
            switch self {
            case .serviceName: "service_name"
            case .endpoint: "endpoint"
            case .endpointType: "endpoint.type"
            case .endpointValue: "endpoint.value"
            case .ttl: "ttl"
            case .status: "status"
            case .tags: "tags"
            case .metadata: "metadata"
            }
        }

        private static let topLevel: [Field] = [.serviceName, .endpoint, .ttl, .status, .tags, .metadata]
        private static let ofEndpoint: [Field] = [.endpointType, .endpointValue]
        /// Bytes of the longest key.
        private static let longestKey = 12

        /// The key of the field in its object.
        private var key: StaticString {
            switch self {
            case .serviceName: "service_name"
            case .endpoint: "endpoint"
            case .endpointType: "type"
            case .endpointValue: "value"
            case .ttl: "ttl"
            case .status: "status"
            case .tags: "tags"
            case .metadata: "metadata"
            }
        }

        /// The field of the body's object with this key, in any ASCII letter case (R221). The usual spelling of the one
        /// with as many letters is compared first.
        init?(_ key: JSONText) {
            switch key.writtenLength {
            case 3 where key == "ttl": self = .ttl
            case 4 where key == "tags": self = .tags
            case 6 where key == "status": self = .status
            case 8 where key == "endpoint": self = .endpoint
            case 8 where key == "metadata": self = .metadata
            case 12 where key == "service_name": self = .serviceName
            default:
                guard key.hasEscapes || key.writtenLength <= Self.longestKey,
                    let field = Self.topLevel.first(where: { key.equalsIgnoringCase($0.key) })
                else { return nil }
                self = field
            }
        }

        /// The field of the endpoint with this key, likewise.
        init?(ofEndpoint key: JSONText) {
            switch key {
            case "type": self = .endpointType
            case "value": self = .endpointValue
            default:
                guard let field = Self.ofEndpoint.first(where: { key.equalsIgnoringCase($0.key) }) else { return nil }
                self = field
            }
        }
    }

    private struct SeenFields {
        /// A bit for each; 64 are more than a body will have.
        private var bits: UInt64 = 0

        func contains(_ field: Field) -> Bool { bits & (1 << UInt64(field.rawValue)) != 0 }

        /// Throws when the field came before (R237).
        mutating func insert(_ field: Field) throws(FieldError) {
            guard !contains(field) else { throw .unusable("\(field.name) is given twice") }
            bits |= 1 << UInt64(field.rawValue)
        }
    }

    private enum FieldError: Error {
        case syntax(JSONError)
        case unusable(String)

        var sentence: String {
            switch self {
            case .syntax(let error): error.sentence
            case .unusable(let sentence): sentence
            }
        }
    }

    /// Runs a step of the reader; a value of the wrong type becomes a sentence that names the field (R236).
    @inline(__always)
    private func reading<Value>(_ field: Field?, _ step: () throws(JSONError) -> Value) throws(FieldError) -> Value {
        do throws(JSONError) {
            return try step()
        } catch {
            if let field, case .expected(let type) = error.kind {
                throw .unusable("\(field.name) must be \(type.phrase)")
            }
            throw .syntax(error)
        }
    }

    private mutating func read(_ reader: inout JSONReader, _ seen: inout SeenFields) throws(FieldError) {
        try reading(nil) { () throws(JSONError) in try reader.enterObject() }
        while let key = try reading(nil, { () throws(JSONError) in try reader.nextKey() }) {
            guard let field = Field(key) else {
                try reading(nil) { () throws(JSONError) in try reader.skipValue() }
                continue
            }
            try seen.insert(field)
            try read(field, &reader, &seen)
        }
        try reading(nil) { () throws(JSONError) in try reader.finish() }
    }

    private mutating func read(_ field: Field, _ reader: inout JSONReader, _ seen: inout SeenFields) throws(FieldError)
    {
        // Null is the same as absence (R220); a required field that is null is then missing, but still may not come
        // again.
        if try reading(field, { () throws(JSONError) in try reader.skipNull() }) {
            if field == .serviceName || field == .endpoint {
                throw .unusable(
                    "\(field.name) is required and must not "
                        + "be null")
            }
            return
        }
        switch field {
        case .serviceName: serviceName = try readName(field, &reader, limit: Self.serviceNameLimit)
        case .endpoint: try readEndpoint(&reader, &seen)
        case .ttl: try readTTL(&reader)
        case .status: try readStatus(&reader)
        case .tags: try readTags(&reader)
        case .metadata: try readMetadata(&reader)
        case .endpointType, .endpointValue: break  // Not fields of the body's own object.
        }
    }

    private func readName(_ field: Field, _ reader: inout JSONReader, limit: Int) throws(FieldError) -> ArraySlice<
        UInt8
    > {
        let text = try reading(field) { () throws(JSONError) in try reader.readText().bytes }
        guard (1...limit).contains(text.count) else {
            throw .unusable("\(field.name) must have 1 to \(limit) bytes, and has \(text.count)")
        }
        return text
    }

    private mutating func readEndpoint(_ reader: inout JSONReader, _ seen: inout SeenFields) throws(FieldError) {
        try reading(.endpoint) { () throws(JSONError) in try reader.enterObject() }
        while let key = try reading(nil, { () throws(JSONError) in try reader.nextKey() }) {
            switch Field(ofEndpoint: key) {
            case .endpointType:
                try seen.insert(.endpointType)
                let text = try reading(.endpointType) { () throws(JSONError) in try reader.readText() }
                switch text {
                case "tcp": endpointKind = .tcp
                case "http": endpointKind = .http
                case "https": endpointKind = .https
                case "udp": endpointKind = .udp
                case "user": endpointKind = .user
                default: throw .unusable("endpoint.type must be tcp, udp, http, https or user")
                }
            case .endpointValue:
                try seen.insert(.endpointValue)
                endpointValue = try readName(.endpointValue, &reader, limit: Self.endpointValueLimit)
            default:
                try reading(nil) { () throws(JSONError) in try reader.skipValue() }
            }
        }
    }

    private mutating func readTTL(_ reader: inout JSONReader) throws(FieldError) {
        let number = try reading(.ttl) { () throws(JSONError) in try reader.readNumber() }
        guard case .natural(let seconds) = number, let whole = UInt32(exactly: seconds) else {
            throw .unusable("ttl must be whole seconds from 0 to \(UInt32.max)")
        }
        ttlSeconds = whole
    }

    private mutating func readStatus(_ reader: inout JSONReader) throws(FieldError) {
        let text = try reading(.status) { () throws(JSONError) in try reader.readText() }
        guard !(text == "UP"), !(text == "") else { return }
        let token = InstanceStatus(text.string)
        let known: [InstanceStatus] = [.up, .starting, .outOfService]
        guard let match = known.first(where: { $0 == token }) else {
            throw .unusable("status must be UP, STARTING or OUT_OF_SERVICE")
        }
        status = match
    }

    private mutating func readTags(_ reader: inout JSONReader) throws(FieldError) {
        try reading(.tags) { () throws(JSONError) in try reader.enterArray() }
        var bytes = 0
        while try reading(nil, { () throws(JSONError) in try reader.nextElement() }) {
            let tag: ArraySlice<UInt8>
            do throws(JSONError) {
                tag = try reader.readText().bytes
            } catch {
                if case .expected = error.kind { throw .unusable("tags must be an array of strings") }
                throw .syntax(error)
            }
            bytes += tag.count
            guard tags.count < tagLimits.count else {
                throw .unusable(
                    "an instance may have at most "
                        + "\(tagLimits.count) tags")
            }
            guard bytes <= tagLimits.bytes else {
                throw .unusable(
                    "the tags of an instance may have at most "
                        + "\(tagLimits.bytes) bytes together")
            }
            tags.append(tag)
        }
    }

    private mutating func readMetadata(_ reader: inout JSONReader) throws(FieldError) {
        let range = try reading(.metadata) { () throws(JSONError) in try reader.readRawValue() }
        guard range.count <= Instance.metadataLimit else {
            throw .unusable("metadata may have at most \(Instance.metadataLimit) bytes, and this has \(range.count)")
        }
        metadata = reader.bytes[range]
    }
}
