// Writes an instance as JSON, for clients whose readers are strict: Netflix's Java client walks the tokens by hand, so
// that a nested value where it expects a scalar ends the object it is in. What is written here it can read.

import JSON

extension EurekaInstance {
    /// How much of an instance is written.
    enum Extent {
        case full
        /// What clients leave out that ask for `X-Eureka-Accept: compact`.
        case compact
        /// What is kept with a registration: without what the registry itself knows of the lease. It begins with the
        /// time that heartbeats are compared with.
        case kept
    }

    /// Appends `{…}`.
    func appendJSON(_ extent: Extent, to output: inout [UInt8]) {
        var separator: StaticString = "{"
        func begin(_ name: StaticString, _ output: inout [UInt8]) {
            output.append(literal: separator)
            output.append(literal: "\"")
            output.append(literal: name)
            output.append(literal: "\":")
            separator = ","
        }
        if extent == .kept, let dirty = self[.lastDirty] {
            begin(Field.lastDirty.name, &output)
            output.appendJSON(string: dirty)
        }
        for field in Field.allCases {
            guard let value = self[field], !(extent == .compact && field.isLeftOutOfCompact),
                !(extent == .kept && field == .lastDirty)
            else { continue }
            begin(field.name, &output)
            // The only number: the others are strings in Netflix's answers.
            if field == .countryID {
                output.append(number: value.integer ?? 1)
            } else {
                output.appendJSON(string: value)
            }
        }
        if let port {
            begin("port", &output)
            port.appendJSON(to: &output)
        }
        if let securePort {
            begin("securePort", &output)
            securePort.appendJSON(to: &output)
        }
        if let dataCenter {
            begin("dataCenterInfo", &output)
            dataCenter.appendJSON(to: &output)
        }
        if extent != .compact {
            begin("leaseInfo", &output)
            lease.appendJSON(extent, to: &output)
            begin("metadata", &output)
            Self.appendJSON(metadata, to: &output)
        }
        // Never nothing: the object has been opened with its first field.
        output.append(literal: "}")
    }

    /// Appends metadata. An empty map names its class, as Netflix has it.
    static func appendJSON(_ pairs: [Pair], to output: inout [UInt8]) {
        guard !pairs.isEmpty else { return output.append(literal: "{\"@class\":\"java.util.Collections$EmptyMap\"}") }
        output.append(literal: "{")
        for (index, pair) in pairs.enumerated() {
            if index > 0 { output.append(literal: ",") }
            output.appendJSON(string: pair.key)
            output.append(literal: ":")
            output.appendJSON(string: pair.value)
        }
        output.append(literal: "}")
    }
}

extension EurekaInstance.Port {
    fileprivate func appendJSON(to output: inout [UInt8]) {
        output.append(literal: "{\"$\":")
        output.append(number: Int64(number))
        output.append(literal: isEnabled ? ",\"@enabled\":\"true\"}" : ",\"@enabled\":\"false\"}")
    }
}

extension EurekaInstance.DataCenter {
    fileprivate func appendJSON(to output: inout [UInt8]) {
        output.append(literal: "{\"@class\":")
        output.appendJSON(string: className)
        output.append(literal: ",\"name\":")
        output.appendJSON(string: name)
        if !metadata.isEmpty {
            output.append(literal: ",\"metadata\":")
            EurekaInstance.appendJSON(metadata, to: &output)
        }
        output.append(literal: "}")
    }
}

extension EurekaInstance.Lease {
    fileprivate func appendJSON(_ extent: EurekaInstance.Extent, to output: inout [UInt8]) {
        output.append(literal: "{\"renewalIntervalInSecs\":")
        output.append(number: renewalInterval)
        if let duration {
            output.append(literal: ",\"durationInSecs\":")
            output.append(number: duration)
        }
        if extent != .kept {
            output.append(literal: ",\"registrationTimestamp\":")
            output.append(number: registered)
            output.append(literal: ",\"lastRenewalTimestamp\":")
            output.append(number: renewed)
            output.append(literal: ",\"evictionTimestamp\":0")
        }
        output.append(literal: ",\"serviceUpTimestamp\":")
        output.append(number: served)
        output.append(literal: "}")
    }
}
