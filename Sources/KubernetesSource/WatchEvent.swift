// One event of a watch. An error comes within a stream that was answered with 200, as an event whose object is a Status:
// most of what a client must give way to comes so.

import JSON

/// What an event says.
enum WatchEvent: Equatable {
    enum Change: Equatable {
        /// Added or modified: the object as it is now.
        case put
        case delete
    }

    case change(Change, object: [UInt8])
    /// Nothing has changed up to this version.
    case bookmark(version: String?)
    case error(WatchStatus)
    /// Of a type that is not known.
    case unknown

    init(_ json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        var type = ""
        var object: [UInt8] = []
        try reader.enterObject()
        while let key = try reader.nextKey() {
            switch key {
            case "type": type = try reader.readStringOrNull() ?? ""
            case "object": object = Array(json[try reader.readRawValue()])
            default: try reader.skipValue()
            }
        }
        try reader.finish()
        switch type {
        case "ADDED", "MODIFIED": self = .change(.put, object: object)
        case "DELETED": self = .change(.delete, object: object)
        case "BOOKMARK": self = .bookmark(version: try ObjectMetadata(ofObject: object).resourceVersion)
        case "ERROR": self = .error(try WatchStatus(object))
        default: self = .unknown
        }
    }
}

/// A Status (meta/v1): why something was refused.
struct WatchStatus: Equatable {
    var code: Int?
    var reason: String?
    /// Seconds, from its details.
    var retryAfter: Int?

    init(code: Int? = nil, reason: String? = nil, retryAfter: Int? = nil) {
        (self.code, self.reason, self.retryAfter) = (code, reason, retryAfter)
    }

    init(_ json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        try reader.enterObject()
        while let key = try reader.nextKey() {
            switch key {
            case "code": code = try reader.readNaturalOrNull().flatMap { Int(exactly: $0) }
            case "reason": reason = try reader.readStringOrNull()
            case "details":
                guard try reader.enterObjectUnlessNull() else { continue }
                while let detail = try reader.nextKey() {
                    if detail == "retryAfterSeconds" {
                        retryAfter = try reader.readNaturalOrNull().flatMap { Int(exactly: $0) }
                    } else {
                        try reader.skipValue()
                    }
                }
            default: try reader.skipValue()
            }
        }
        try reader.finish()
    }

    /// Whether the version that was watched from is no more known. Servers before 1.18 call it Gone.
    var isExpired: Bool { code == 410 || reason == "Expired" || reason == "Gone" }
}
