// The original's messages, and how they lie in an event: JSON in base64 in JSON in base64. This file and
// `OriginalInstance` are the only ones that know the names of their fields and numbers. The original is
// https://github.com/amalgam8/amalgam8.

import JSON
import Text

/// What one legacy peer sends to another.
enum OriginalMessage: Sendable, Equatable {
    case register(OriginalInstance)
    case deregister(id: [UInt8])
    case renew(id: [UInt8])
    case setStatus(id: [UInt8], status: String)
    /// "I got a renewal of this and do not have it." Answered with a register, to the asking member alone.
    case repair(id: [UInt8])
}

/// A message, and the namespace and kind of event that it came with.
struct OriginalEnvelope: Sendable, Equatable {
    /// The name of the event.
    enum Kind: Sendable, Equatable {
        /// To all: a client's change, live.
        case live
        /// To one member.
        case repair
        /// A piece of a copy.
        case copy
    }

    var kind: Kind
    var namespace: String
    var message: OriginalMessage

    init(kind: Kind, namespace: String, message: OriginalMessage) {
        self.kind = kind
        self.namespace = namespace
        self.message = message
    }
}

/// Why an event is no message of a legacy peer's.
enum OriginalMessageError: Error, Sendable, Equatable {
    /// An event of another name.
    case eventName
    /// A part is not the JSON that it should be.
    case json(JSONError)
    /// A part is not base64.
    case base64
    /// A field that must be there is not, or is null.
    case missing(OriginalField)
    /// A field's value is not one that it may have.
    case value(OriginalField)
    /// A field is longer than it may be.
    case tooLong(OriginalField)
    /// A message of another type. A later original may have some.
    case type(UInt64)
}

/// The fields that a message can fail at.
enum OriginalField: String, Sendable {
    case namespace = "Namespace"
    case data = "Data"
    case type = "RepType"
    case payload = "Payload"
    case instance = "InstanceID"
    case id = "ID"
    case serviceName = "ServiceName"
    case endpoint = "Endpoint"
    case status = "Status"
    case metadata = "Metadata"
    case registrationTime = "RegistrationTime"
    case lastRenewal = "LastRenewal"
    case ttl = "TTL"
    case tags = "Tags"
    case extra = "Extension"
}

// MARK: - Reading

extension OriginalEnvelope {
    /// Bytes of UTF-8 that a namespace may have: what fits into a request header.
    static let namespaceLimit = 8 << 10

    /// Reads the message of an event.
    init(_ event: ServerSentEvent) throws(OriginalMessageError) {
        switch event.name {
        case Kind.live.eventName: kind = .live
        case Kind.repair.eventName: kind = .repair
        case Kind.copy.eventName: kind = .copy
        default: throw .eventName
        }
        var namespace: String?
        var data: [UInt8]?
        do throws(JSONError) {
            var reader = JSONReader(event.data)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                switch key {
                case "Namespace": namespace = try reader.readString()
                case "Data": data = try reader.readText().utf8
                default: try reader.skipValue()
                }
            }
            try reader.finish()
        } catch { throw .json(error) }
        guard let namespace else { throw .missing(.namespace) }
        guard namespace.utf8.count <= Self.namespaceLimit else { throw .tooLong(.namespace) }
        guard let data else { throw .missing(.data) }
        guard let json = Base64.standard.decode(padded: data[...]) else { throw .base64 }
        self.namespace = namespace
        message = try OriginalMessage(json: json)
    }
}

extension OriginalMessage {
    /// Reads `{"RepType":…,"Payload":"…"}`.
    init(json: [UInt8]) throws(OriginalMessageError) {
        var number: JSONNumber?
        var text: [UInt8]?
        do throws(JSONError) {
            var reader = JSONReader(json)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                switch key {
                case "RepType": number = try reader.readNumber()
                case "Payload": text = try reader.readText().utf8
                default: try reader.skipValue()
                }
            }
            try reader.finish()
        } catch { throw .json(error) }
        guard let number else { throw .missing(.type) }
        guard case .natural(let type) = number else { throw .value(.type) }
        guard let text else { throw .missing(.payload) }
        guard let payload = Base64.standard.decode(padded: text[...]) else { throw .base64 }
        switch type {
        case 0: self = .register(try OriginalInstance(json: payload))
        case 1: self = .deregister(id: try Self.id(payload))
        case 2: self = .renew(id: try Self.id(payload))
        case 3: self = try Self.setStatus(json: payload)
        case 4: self = .repair(id: try Self.id(payload))
        default: throw .type(type)
        }
    }

    /// An id that stands bare.
    private static func id(_ bytes: [UInt8]) throws(OriginalMessageError) -> [UInt8] {
        guard !bytes.isEmpty else { throw .missing(.instance) }
        guard bytes.count <= OriginalInstance.idLimit else { throw .tooLong(.instance) }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .value(.instance) }
        return bytes
    }

    private static func setStatus(json: [UInt8]) throws(OriginalMessageError) -> OriginalMessage {
        var id: [UInt8]?
        var status: String?
        do throws(JSONError) {
            var reader = JSONReader(json)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                switch key {
                case "InstanceID": id = try reader.readText().utf8
                case "Status": status = try reader.readString()
                default: try reader.skipValue()
                }
            }
            try reader.finish()
        } catch { throw .json(error) }
        guard let id else { throw .missing(.instance) }
        guard let status, !status.isEmpty else { throw .missing(.status) }
        guard status.utf8.count <= OriginalInstance.statusLimit else { throw .tooLong(.status) }
        return .setStatus(id: try Self.id(id), status: status)
    }
}

// MARK: - Writing

extension OriginalEnvelope.Kind {
    var eventName: [UInt8] {
        switch self {
        case .live: Array("REP".utf8)
        case .repair: Array("REPAIR".utf8)
        case .copy: Array("SYNC".utf8)
        }
    }
}

extension OriginalMessage {
    /// The number of the message's type, and its payload.
    fileprivate var parts: (type: UInt64, payload: [UInt8]) {
        switch self {
        case .register(let instance): return (0, instance.json)
        case .deregister(let id): return (1, id)
        case .renew(let id): return (2, id)
        case .setStatus(let id, let status):
            var payload: [UInt8] = []
            payload.append(literal: "{\"InstanceID\":")
            payload.appendJSON(string: id)
            payload.append(literal: ",\"Status\":")
            payload.appendJSON(string: status)
            payload.append(literal: "}")
            return (3, payload)
        case .repair(let id): return (4, id)
        }
    }
}

extension [UInt8] {
    /// Appends the event of a message. The original numbers live events from 1, those of a copy from 0, and gives a
    /// repair the number 0.
    mutating func append(_ envelope: OriginalEnvelope, number: UInt64) {
        let (type, payload) = envelope.message.parts
        var message: [UInt8] = []
        message.append(literal: "{\"RepType\":")
        message.appendJSON(type)
        message.append(literal: ",\"Payload\":\"")
        message += Base64.standard.encode(payload)
        message.append(literal: "\"}")

        append(literal: "id: ")
        appendJSON(number)
        append(literal: "\nevent: ")
        self += envelope.kind.eventName
        append(literal: "\ndata: {\"Namespace\":")
        appendJSON(string: envelope.namespace)
        append(literal: ",\"Data\":\"")
        self += Base64.standard.encode(message)
        append(literal: "\"}\n\n")
    }
}
