// Reads an instance from JSON, as clients send it and as it is kept. Numbers may be strings and strings numbers, since
// clients differ; what is unknown is passed over.

import JSON

/// Why a registration was not read.
struct EurekaReadError: Error {
    /// Without its full stop.
    let sentence: String
}

extension EurekaInstance {
    /// Metadata that an instance may have, in pairs.
    static let metadataLimit = 1_024

    /// Reads `{"instance":{…}}`.
    init(envelope json: [UInt8]) throws(EurekaReadError) {
        do throws(JSONError) {
            var reader = JSONReader(json)
            var instance: EurekaInstance?
            try reader.enterObject()
            while let key = try reader.nextKey() {
                if key == "instance" { instance = try EurekaInstance(&reader) } else { try reader.skipValue() }
            }
            try reader.finish()
            guard let instance else { throw JSONError(.expected(.object), at: 0) }
            self = instance
        } catch { throw EurekaReadError(sentence: error.sentence) }
        try check()
    }

    /// Reads the instance alone.
    init(json: [UInt8]) throws(EurekaReadError) {
        do throws(JSONError) {
            var reader = JSONReader(json)
            self = try EurekaInstance(&reader)
            try reader.finish()
        } catch { throw EurekaReadError(sentence: error.sentence) }
        try check()
    }

    init(_ reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.enterObject()
        while let key = try reader.nextKey() {
            let name = key.bytes
            if let field = Field(name) {
                self[field] = try reader.readScalar()
            } else if name.equals("port") {
                port = try Port(&reader)
            } else if name.equals("securePort") {
                securePort = try Port(&reader)
            } else if name.equals("dataCenterInfo") {
                dataCenter = try DataCenter(&reader)
            } else if name.equals("leaseInfo") {
                try readLease(&reader)
            } else if name.equals("metadata") {
                setMetadata(try reader.readPairs())
            } else {
                try reader.skipValue()
            }
        }
    }

    /// Throws for what could be read and is of no use.
    func check() throws(EurekaReadError) {
        for field in Field.allCases where field.isNumber {
            if let value = self[field], !value.isEmpty, value.integer == nil {
                throw EurekaReadError(sentence: "\(field.name) must be a whole number")
            }
        }
        guard metadata.count <= Self.metadataLimit, dataCenter?.metadata.count ?? 0 <= Self.metadataLimit else {
            throw EurekaReadError(sentence: "metadata may have at most \(Self.metadataLimit) keys")
        }
    }

    private mutating func readLease(_ reader: inout JSONReader) throws(JSONError) {
        for pair in try reader.readPairs() { set(lease: pair.key, pair.value) }
    }

    /// Takes over a field of `leaseInfo`; what is no number, and what the registry itself knows, is passed over.
    mutating func set(lease key: Bytes, _ value: Bytes) {
        guard let number = value.integer, number >= 0 else { return }
        if key.equals("durationInSecs") {
            lease.duration = number
        } else if key.equals("renewalIntervalInSecs") {
            lease.renewalInterval = number
        } else if key.equals("serviceUpTimestamp") {
            lease.served = number
        }
    }
}

extension EurekaInstance.Port {
    /// Reads `{"$":80,"@enabled":"true"}`, or a bare number, which counts.
    init(_ reader: inout JSONReader) throws(JSONError) {
        self.init(number: 0, isEnabled: true)
        guard try reader.peekType() == .object else {
            number = Self.number(try reader.readScalar()) ?? 0
            return
        }
        isEnabled = false
        for pair in try reader.readPairs() {
            if pair.key.equals("$") { number = Self.number(pair.value) ?? 0 }
            if pair.key.equals("@enabled") { isEnabled = pair.value.equalsFolded(("true" as StaticString).bytes) }
        }
    }

    static func number(_ text: Bytes?) -> Int? {
        guard let number = text?.integer, (0...65_535).contains(number) else { return nil }
        return Int(number)
    }
}

extension EurekaInstance.DataCenter {
    init(_ reader: inout JSONReader) throws(JSONError) {
        self.init(className: [], name: [])
        guard try reader.peekType() == .object else {
            try reader.skipValue()
            return
        }
        try reader.enterObject()
        while let key = try reader.nextKey() {
            switch key {
            case "@class": className = try reader.readScalar() ?? []
            case "name": name = try reader.readScalar() ?? []
            case "metadata": metadata = try reader.readPairs()
            default: try reader.skipValue()
            }
        }
    }
}

extension JSONReader {
    /// A scalar as text; nil for null. What nests comes as the JSON that it is.
    mutating func readScalar() throws(JSONError) -> Bytes? {
        switch try peekType() {
        case .string: return try readText().bytes
        case .null:
            try readNull()
            return nil
        default: return bytes[try readRawValue()]
        }
    }

    /// The members of an object, their values as text; none for anything else. What says of which Java class a map is
    /// belongs to no instance.
    mutating func readPairs() throws(JSONError) -> [Pair] {
        guard try peekType() == .object else {
            try skipValue()
            return []
        }
        var pairs: [Pair] = []
        try enterObject()
        while let key = try nextKey() {
            let value = try readScalar()
            if let value, !(key == "@class") { pairs.append(Pair(key: key.bytes, value: value)) }
        }
        return pairs
    }
}
