// An instance in the messages of legacy peers. It is a type apart from `Catalog.Instance`: it is held to what the wire
// has and to what we can take, and `OriginalConversion` alone says how the two belong together.

import Catalog
import JSON
import Text

/// An instance in a register message.
struct OriginalInstance: Sendable, Equatable {
    /// Bytes that the parts may have. Larger than what our own clients may register, since what another member has
    /// accepted is not refused lightly; yet bounded, since a strange member could fill the memory.
    static let idLimit = 1_024
    static let nameLimit = StateLimits.serviceName
    static let endpointLimit = StateLimits.endpoint
    static let statusLimit = StateLimits.status
    static let timeLimit = 64
    static let metadataLimit = StateLimits.metadata
    static let tagsLimit = 64 << 10
    static let extensionLimit = StateLimits.extra

    var id: [UInt8]
    var serviceName: String
    var endpointType: String
    var endpointValue: String
    var status: String
    /// A JSON value as its client sent it.
    var metadata: [UInt8]?
    /// Nanoseconds since 1970, by the clock of the member that took the registration.
    var registered: Int64
    /// Nanoseconds since 1970, by the clock of the member that took the renewal.
    var lastRenewal: Int64
    /// Nanoseconds, above 0.
    var ttl: Int64
    var tags: [String]
    /// A JSON object as it was sent: what other protocols keep with their instances. Those of Eureka have
    /// `{"eureka":"…","vipAddress":"…"}`.
    var extra: [UInt8]?

    init(
        id: [UInt8], serviceName: String, endpointType: String, endpointValue: String, status: String,
        metadata: [UInt8]?,
        registered: Int64,
        lastRenewal: Int64, ttl: Int64, tags: [String], extra: [UInt8]?
    ) {
        self.id = id
        self.serviceName = serviceName
        self.endpointType = endpointType
        self.endpointValue = endpointValue
        self.status = status
        self.metadata = metadata
        self.registered = registered
        self.lastRenewal = lastRenewal
        self.ttl = ttl
        self.tags = tags
        self.extra = extra
    }

    /// Reads the payload of a register.
    init(json: [UInt8]) throws(OriginalMessageError) {
        self.init(
            id: [], serviceName: "", endpointType: "", endpointValue: "", status: "", metadata: nil, registered: 0,
            lastRenewal: 0, ttl: 0,
            tags: [], extra: nil)
        var reader = JSONReader(json)
        var times: (registered: Int64?, renewed: Int64?)
        try reading { () throws(JSONError) in try reader.enterObject() }
        while let key = try reading({ () throws(JSONError) in try reader.nextKey() }) {
            switch key {
            case "ID": id = try text(&reader, .id, limit: Self.idLimit)
            case "ServiceName": serviceName = try string(&reader, .serviceName, limit: Self.nameLimit)
            case "Endpoint": try readEndpoint(&reader)
            case "Status": status = try string(&reader, .status, limit: Self.statusLimit)
            case "Metadata": metadata = try readMetadata(&reader)
            case "RegistrationTime": times.registered = try readTime(&reader, .registrationTime)
            case "LastRenewal": times.renewed = try readTime(&reader, .lastRenewal)
            case "TTL": ttl = try readTTL(&reader)
            case "Tags": tags = try readTags(&reader)
            case "Extension": extra = try readExtension(&reader)
            default: try reading { () throws(JSONError) in try reader.skipValue() }
            }
        }
        try reading { () throws(JSONError) in try reader.finish() }
        guard let registered = times.registered else { throw .missing(.registrationTime) }
        self.registered = registered
        lastRenewal = times.renewed ?? registered
        guard !id.isEmpty else { throw .missing(.id) }
        guard !serviceName.isEmpty else { throw .missing(.serviceName) }
        guard !endpointValue.isEmpty else { throw .missing(.endpoint) }
        guard !status.isEmpty else { throw .missing(.status) }
        guard ttl > 0 else { throw .missing(.ttl) }
    }

    /// The payload of a register, its keys in the original's order.
    var json: [UInt8] {
        var json: [UInt8] = []
        json.append(literal: "{\"ID\":")
        json.appendJSON(string: id)
        json.append(literal: ",\"ServiceName\":")
        json.appendJSON(string: serviceName)
        json.append(literal: ",\"Endpoint\":{\"Type\":")
        json.appendJSON(string: endpointType)
        json.append(literal: ",\"Value\":")
        json.appendJSON(string: endpointValue)
        json.append(literal: "},\"Status\":")
        json.appendJSON(string: status)
        json.append(literal: ",\"Metadata\":")
        if let metadata {
            json.append(UInt8(ascii: "\""))
            json += Base64.standard.encode(metadata)
            json.append(UInt8(ascii: "\""))
        } else {
            json.append(literal: "null")
        }
        json.append(literal: ",\"RegistrationTime\":\"")
        GoTime.append(registered, to: &json)
        json.append(literal: "\",\"LastRenewal\":\"")
        GoTime.append(lastRenewal, to: &json)
        json.append(literal: "\",\"TTL\":")
        json.appendJSON(ttl)
        json.append(literal: ",\"Tags\":")
        if tags.isEmpty {
            json.append(literal: "null")
        } else {
            for (index, tag) in tags.enumerated() {
                json.append(UInt8(ascii: index == 0 ? "[" : ","))
                json.appendJSON(string: tag)
            }
            json.append(UInt8(ascii: "]"))
        }
        json.append(literal: ",\"Extension\":")
        if let extra { json += extra } else { json.append(literal: "null") }
        json.append(literal: "}")
        return json
    }
}

// MARK: - Fields

extension OriginalInstance {
    private func reading<Value>(_ step: () throws(JSONError) -> Value) throws(OriginalMessageError) -> Value {
        do throws(JSONError) { return try step() } catch { throw .json(error) }
    }

    /// Whether null comes next, which is then passed over: in Go, null leaves a field at its zero value.
    private func isNull(_ reader: inout JSONReader) throws(OriginalMessageError) -> Bool {
        try reading { () throws(JSONError) in try reader.skipNull() }
    }

    private func text(_ reader: inout JSONReader, _ field: OriginalField, limit: Int) throws(OriginalMessageError)
        -> [UInt8]
    {
        if try isNull(&reader) { return [] }
        let text = try reading { () throws(JSONError) in try reader.readText().utf8 }
        guard text.count <= limit else { throw .tooLong(field) }
        return text
    }

    private func string(_ reader: inout JSONReader, _ field: OriginalField, limit: Int) throws(OriginalMessageError)
        -> String
    {
        String(decoding: try text(&reader, field, limit: limit), as: UTF8.self)
    }

    private mutating func readEndpoint(_ reader: inout JSONReader) throws(OriginalMessageError) {
        if try isNull(&reader) { return }
        try reading { () throws(JSONError) in try reader.enterObject() }
        while let key = try reading({ () throws(JSONError) in try reader.nextKey() }) {
            switch key {
            case "Type": endpointType = try string(&reader, .endpoint, limit: Self.endpointLimit)
            case "Value": endpointValue = try string(&reader, .endpoint, limit: Self.endpointLimit)
            default: try reading { () throws(JSONError) in try reader.skipValue() }
            }
        }
    }

    /// What is inside must be JSON itself, since it is handed on to clients as it is.
    private func readMetadata(_ reader: inout JSONReader) throws(OriginalMessageError) -> [UInt8]? {
        let text = try text(&reader, .metadata, limit: Self.metadataLimit)
        guard let bytes = Base64.standard.decode(padded: text[...]) else { throw .base64 }
        guard !bytes.isEmpty else { return nil }
        var inner = JSONReader(bytes)
        do throws(JSONError) {
            let isNull = try inner.peekType() == .null
            let value = try inner.readRawValue()
            try inner.finish()
            return isNull ? nil : Array(bytes[value])
        } catch { throw .value(.metadata) }
    }

    private func readTime(_ reader: inout JSONReader, _ field: OriginalField) throws(OriginalMessageError) -> Int64? {
        let text = try text(&reader, field, limit: Self.timeLimit)
        if text.isEmpty { return nil }
        guard let time = GoTime.parse(text) else { throw .value(field) }
        return time
    }

    private func readTTL(_ reader: inout JSONReader) throws(OriginalMessageError) -> Int64 {
        if try isNull(&reader) { return 0 }
        guard case .natural(let number) = try reading({ () throws(JSONError) in try reader.readNumber() }),
            let ttl = Int64(exactly: number)
        else { throw .value(.ttl) }
        return ttl
    }

    private func readTags(_ reader: inout JSONReader) throws(OriginalMessageError) -> [String] {
        if try isNull(&reader) { return [] }
        var tags: [String] = []
        var bytes = 0
        try reading { () throws(JSONError) in try reader.enterArray() }
        while try reading({ () throws(JSONError) in try reader.nextElement() }) {
            let tag = try reading { () throws(JSONError) in try reader.readString() }
            bytes += tag.utf8.count + 1
            guard bytes <= Self.tagsLimit else { throw .tooLong(.tags) }
            tags.append(tag)
        }
        return tags
    }

    private func readExtension(_ reader: inout JSONReader) throws(OriginalMessageError) -> [UInt8]? {
        if try isNull(&reader) { return nil }
        guard try reading({ () throws(JSONError) in try reader.peekType() }) == .object else { throw .value(.extra) }
        let range = try reading { () throws(JSONError) in try reader.readRawValue() }
        guard range.count <= Self.extensionLimit else { throw .tooLong(.extra) }
        return Array(reader.bytes[range])
    }
}
