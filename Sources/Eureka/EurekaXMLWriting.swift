// Writes an instance as XML, in the order of Netflix's answers, for readers that take text as numbers and attributes as
// they come: Prometheus and py-eureka-client. No document is ever broken by what a client has registered.

import JSON

extension EurekaInstance {
    /// Appends `<instance>…</instance>`.
    func appendXML(isCompact: Bool, to output: inout [UInt8]) {
        output.append(literal: "<instance>")
        for field in [Field.instanceID, .hostName, .app, .ipAddress, .sid, .status, .overriddenStatus] {
            append(field, isCompact, to: &output)
        }
        if let port { port.appendXML("port", to: &output) }
        if let securePort { securePort.appendXML("securePort", to: &output) }
        append(.countryID, isCompact, to: &output)
        if let dataCenter { dataCenter.appendXML(to: &output) }
        if !isCompact {
            lease.appendXML(to: &output)
            Self.appendXML(metadata, to: &output)
        }
        for field in [
            Field.appGroupName, .homePage, .statusPage, .healthCheck, .secureHealthCheck, .vip, .secureVIP,
            .isCoordinating, .lastUpdated, .lastDirty, .actionType, .asgName,
        ] { append(field, isCompact, to: &output) }
        output.append(literal: "</instance>")
    }

    private func append(_ field: Field, _ isCompact: Bool, to output: inout [UInt8]) {
        guard let value = self[field], !(isCompact && field.isLeftOutOfCompact) else { return }
        output.appendXML(field == .overriddenStatus ? "overriddenstatus" : field.name, value)
    }

    /// Appends metadata. A key without a character has no element.
    fileprivate static func appendXML(_ pairs: [Pair], to output: inout [UInt8]) {
        let pairs = pairs.filter { !$0.key.isEmpty }
        guard !pairs.isEmpty else {
            return output.append(literal: "<metadata class=\"java.util.Collections$EmptyMap\"/>")
        }
        output.append(literal: "<metadata>")
        for pair in pairs {
            output.append(literal: "<")
            EurekaXMLNames.append(pair.key, to: &output)
            output.append(literal: ">")
            output.appendXML(text: pair.value)
            output.append(literal: "</")
            EurekaXMLNames.append(pair.key, to: &output)
            output.append(literal: ">")
        }
        output.append(literal: "</metadata>")
    }
}

extension EurekaInstance.Port {
    fileprivate func appendXML(_ name: StaticString, to output: inout [UInt8]) {
        output.append(literal: "<")
        output.append(literal: name)
        output.append(literal: isEnabled ? " enabled=\"true\">" : " enabled=\"false\">")
        output.append(number: Int64(number))
        output.append(literal: "</")
        output.append(literal: name)
        output.append(literal: ">")
    }
}

extension EurekaInstance.DataCenter {
    fileprivate func appendXML(to output: inout [UInt8]) {
        output.append(literal: "<dataCenterInfo class=\"")
        output.appendXML(text: className)
        output.append(literal: "\">")
        output.appendXML("name", name)
        if !metadata.isEmpty { EurekaInstance.appendXML(metadata, to: &output) }
        output.append(literal: "</dataCenterInfo>")
    }
}

extension EurekaInstance.Lease {
    fileprivate func appendXML(to output: inout [UInt8]) {
        output.append(literal: "<leaseInfo>")
        let fields: [(StaticString, Int64)] = [
            ("renewalIntervalInSecs", renewalInterval), ("durationInSecs", duration ?? 0),
            ("registrationTimestamp", registered), ("lastRenewalTimestamp", renewed), ("evictionTimestamp", 0),
            ("serviceUpTimestamp", served),
        ]
        for (name, number) in fields {
            output.append(literal: "<")
            output.append(literal: name)
            output.append(literal: ">")
            output.append(number: number)
            output.append(literal: "</")
            output.append(literal: name)
            output.append(literal: ">")
        }
        output.append(literal: "</leaseInfo>")
    }
}

extension [UInt8] {
    /// Appends an element with a text.
    mutating func appendXML(_ name: StaticString, _ text: Bytes) {
        append(literal: "<")
        append(literal: name)
        append(literal: ">")
        appendXML(text: text)
        append(literal: "</")
        append(literal: name)
        append(literal: ">")
    }

    /// Appends text, for an element or an attribute in double quotes. What no XML document can have becomes U+FFFD.
    mutating func appendXML(text: Bytes) {
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "&"): append(literal: "&amp;")
            case UInt8(ascii: "<"): append(literal: "&lt;")
            case UInt8(ascii: ">"): append(literal: "&gt;")
            case UInt8(ascii: "\""): append(literal: "&quot;")
            // As they are, a reader would take them for another kind of white space.
            case 0x0D: append(literal: "&#13;")
            case 0x0A: append(literal: "&#10;")
            case 0x09: append(literal: "&#9;")
            case 0x00..<0x20: append(literal: "\u{FFFD}")
            // U+FFFE and U+FFFF are no characters of XML.
            case 0xEF
            where text[index...].starts(with: [0xEF, 0xBF, 0xBE]) || text[index...].starts(with: [0xEF, 0xBF, 0xBF]):
                append(literal: "\u{FFFD}")
                index += 2
            default: append(byte)
            }
            index += 1
        }
    }
}
