// What Netflix's Java client makes of a JSON answer. Its reader walks the tokens by hand: it passes over unknown
// scalars, but takes an unknown object or array apart as if its tokens were the outer one's, so that the first closing
// brace ends that. Here whatever would lead it astray is an error, as are values that it throws for
// (com.netflix.discovery.converters.EurekaJacksonCodec and the Jackson codecs, commit 61acc83).

import JSON

/// An instance as the Java client takes it.
package struct JavaInstance: Equatable {
    package var fields: [String: String] = [:]
    package var port: (Int, Bool) = (7_001, true)
    package var securePort: (Int, Bool) = (7_002, false)
    package var dataCenter: String?
    package var lease: [String: Int64] = [:]
    package var metadata: [String: String] = [:]

    package static func == (one: JavaInstance, other: JavaInstance) -> Bool {
        one.fields == other.fields && one.port == other.port && one.securePort == other.securePort
            && one.dataCenter == other.dataCenter && one.lease == other.lease && one.metadata == other.metadata
    }
}

package struct JavaApplications {
    package var version = ""
    package var hashCode = ""
    package var applications: [String: [JavaInstance]] = [:]
    package var order: [String] = []

    /// What the client reckons itself, to compare with the server's.
    package var reckonedHashCode: String {
        var counts: [String: Int] = [:]
        for instance in applications.values.joined() { counts[instance.fields["status"] ?? "?", default: 0] += 1 }
        return counts.sorted { $0.key < $1.key }.map { "\($0.key)_\($0.value)_" }.joined()
    }
}

package struct JavaFailure: Error, CustomStringConvertible {
    package let description: String
}

package enum JavaDecoder {
    private static let strings: Set = [
        "instanceId", "hostName", "app", "ipAddr", "sid", "status", "overriddenStatus", "overriddenstatus",
        "appGroupName", "homePageUrl", "statusPageUrl", "healthCheckUrl", "secureHealthCheckUrl", "vipAddress",
        "secureVipAddress", "isCoordinatingDiscoveryServer", "actionType", "asgName",
    ]
    private static let numbers: Set = ["countryId", "lastUpdatedTimestamp", "lastDirtyTimestamp"]
    private static let statuses: Set = ["UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"]
    private static let actions: Set = ["ADDED", "MODIFIED", "DELETED"]

    package static func applications(_ json: [UInt8]) throws -> JavaApplications {
        var reader = JSONReader(json)
        var result = JavaApplications()
        try envelope(&reader, "applications") { reader in
            try reader.enterObject()
            while let key = try reader.nextKey()?.string {
                switch key {
                case "versions__delta":
                    result.version = try scalar(&reader, key)
                    guard Int64(result.version) != nil else { throw JavaFailure(description: "versions__delta") }
                case "apps__hashcode": result.hashCode = try scalar(&reader, key)
                case "application":
                    try reader.enterArray()
                    while try reader.nextElement() {
                        let (name, instances) = try application(&reader)
                        result.order.append(name)
                        guard result.applications.updateValue(instances, forKey: name) == nil else {
                            throw JavaFailure(description: "\(name) comes twice")
                        }
                    }
                default: throw JavaFailure(description: "applications has \(key)")
                }
            }
        }
        return result
    }

    package static func application(_ json: [UInt8]) throws -> (String, [JavaInstance]) {
        var reader = JSONReader(json)
        var result: (String, [JavaInstance])?
        try envelope(&reader, "application") { result = try application(&$0) }
        guard let result else { throw JavaFailure(description: "nothing") }
        return result
    }

    package static func instance(_ json: [UInt8]) throws -> JavaInstance {
        var reader = JSONReader(json)
        var result: JavaInstance?
        try envelope(&reader, "instance") { result = try instance(&$0) }
        guard let result else { throw JavaFailure(description: "nothing") }
        return result
    }

    private static func envelope(_ reader: inout JSONReader, _ name: String, _ body: (inout JSONReader) throws -> Void)
        throws
    {
        try reader.enterObject()
        guard try reader.nextKey()?.string == name else { throw JavaFailure(description: "no \(name)") }
        try body(&reader)
        guard try reader.nextKey() == nil else { throw JavaFailure(description: "more than \(name)") }
        try reader.finish()
    }

    private static func application(_ reader: inout JSONReader) throws -> (String, [JavaInstance]) {
        var name = ""
        var instances: [JavaInstance] = []
        try reader.enterObject()
        while let key = try reader.nextKey()?.string {
            switch key {
            case "name": name = try scalar(&reader, key)
            case "instance":
                try reader.enterArray()
                while try reader.nextElement() { instances.append(try instance(&reader)) }
            default: throw JavaFailure(description: "application has \(key)")
            }
        }
        guard !name.isEmpty, name == name.uppercasedASCII else { throw JavaFailure(description: "name \(name)") }
        return (name, instances)
    }

    private static func instance(_ reader: inout JSONReader) throws -> JavaInstance {
        var result = JavaInstance()
        try reader.enterObject()
        while let key = try reader.nextKey()?.string {
            switch key {
            case "port": result.port = try port(&reader)
            case "securePort": result.securePort = try port(&reader)
            case "dataCenterInfo": result.dataCenter = try dataCenter(&reader)
            case "leaseInfo":
                try reader.enterObject()
                while let key = try reader.nextKey()?.string {
                    guard let number = Int64(try scalar(&reader, key)) else {
                        throw JavaFailure(description: "leaseInfo.\(key)")
                    }
                    result.lease[key] = number
                }
            case "metadata": result.metadata = try map(&reader)
            case _ where strings.contains(key): result.fields[key] = try scalar(&reader, key)
            case _ where numbers.contains(key):
                let text = try scalar(&reader, key)
                guard Int64(text) != nil else { throw JavaFailure(description: "\(key) \(text)") }
                result.fields[key] = text
            default: throw JavaFailure(description: "an instance has \(key)")
            }
        }
        for key in ["instanceId", "hostName", "app", "ipAddr", "status"] where result.fields[key]?.isEmpty ?? true {
            throw JavaFailure(description: "no \(key)")
        }
        guard statuses.contains(result.fields["status"] ?? "") else { throw JavaFailure(description: "status") }
        guard result.fields["overriddenStatus"].map(statuses.contains) ?? true else {
            throw JavaFailure(description: "overriddenStatus")
        }
        guard result.fields["actionType"].map(actions.contains) ?? true else {
            throw JavaFailure(description: "actionType")
        }
        guard result.dataCenter != nil else { throw JavaFailure(description: "no dataCenterInfo") }
        return result
    }

    /// A bare number would swallow what follows, and a third key is a NullPointerException.
    private static func port(_ reader: inout JSONReader) throws -> (Int, Bool) {
        var number: Int?
        var isEnabled: Bool?
        try reader.enterObject()
        while let key = try reader.nextKey()?.string {
            let text = try scalar(&reader, key)
            switch key {
            case "$": number = Int(text)
            case "@enabled": isEnabled = Bool(text)
            default: throw JavaFailure(description: "a port has \(key)")
            }
        }
        guard let number, (0...65_535).contains(number), let isEnabled else { throw JavaFailure(description: "a port") }
        return (number, isEnabled)
    }

    private static func dataCenter(_ reader: inout JSONReader) throws -> String {
        var (className, name) = ("", "")
        try reader.enterObject()
        while let key = try reader.nextKey()?.string {
            switch key {
            case "@class": className = try scalar(&reader, key)
            case "name": name = try scalar(&reader, key)
            case "metadata": _ = try map(&reader)
            default: throw JavaFailure(description: "dataCenterInfo has \(key)")
            }
        }
        let classes = [
            "MyOwn": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
            "Netflix": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
            "Amazon": "com.netflix.appinfo.AmazonInfo",
        ]
        guard classes[name] == className else { throw JavaFailure(description: "dataCenterInfo \(name) \(className)") }
        return name
    }

    private static func map(_ reader: inout JSONReader) throws -> [String: String] {
        var result: [String: String] = [:]
        try reader.enterObject()
        while let key = try reader.nextKey()?.string {
            guard try reader.peekType() == .string else { throw JavaFailure(description: "metadata.\(key)") }
            let value = try reader.readString()
            if key == "@class" {
                guard value == "java.util.Collections$EmptyMap" else { throw JavaFailure(description: value) }
            } else if result.updateValue(value, forKey: key) != nil {
                throw JavaFailure(description: "metadata.\(key) comes twice")
            }
        }
        return result
    }

    private static func scalar(_ reader: inout JSONReader, _ key: String) throws -> String {
        switch try reader.peekType() {
        case .string: return try reader.readString()
        case .object, .array: throw JavaFailure(description: "\(key) nests")
        default: return String(decoding: reader.bytes[try reader.readRawValue()], as: UTF8.self)
        }
    }
}

extension String {
    var uppercasedASCII: String {
        String(decoding: utf8.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }, as: UTF8.self)
    }
}
