// Reads an instance from XML, as Netflix's clients send it where they are set to.

import XML

extension EurekaInstance {
    /// Reads `<instance>…</instance>`.
    init(xml bytes: [UInt8]) throws(EurekaReadError) {
        let root: XMLElement
        do throws(XMLError) {
            root = try XMLReader.read(bytes)
        } catch { throw EurekaReadError(sentence: error.sentence) }
        guard root.name == "instance" || root.name == "com.netflix.appinfo.InstanceInfo" else {
            throw EurekaReadError(sentence: "the XML must have an instance element at its root")
        }
        self.init(root)
        try check()
    }

    private init(_ root: XMLElement) {
        self.init()
        for child in root.children {
            let text = Array(child.text.utf8)[...]
            if let field = Field(Array(child.name.utf8)[...]) {
                self[field] = text
                continue
            }
            switch child.name {
            case "port": port = Port(child)
            case "securePort": securePort = Port(child)
            case "dataCenterInfo":
                dataCenter = DataCenter(
                    className: Array((child.attributes["class"] ?? "").utf8)[...],
                    name: Array((child.child("name")?.text ?? "").utf8)[...],
                    metadata: Self.pairs(child.child("metadata")))
            case "leaseInfo": for pair in Self.pairs(child) { set(lease: pair.key, pair.value) }
            case "metadata": setMetadata(Self.pairs(child))
            default: break
            }
        }
    }

    private static func pairs(_ element: XMLElement?) -> [Pair] {
        (element?.children ?? []).map {
            Pair(key: EurekaXMLNames.key($0.name), value: Array($0.text.utf8)[...])
        }
    }
}

extension EurekaInstance.Port {
    fileprivate init(_ element: XMLElement) {
        self.init(
            number: Self.number(Array(element.text.utf8)[...]) ?? 0,
            isEnabled: (element.attributes["enabled"] ?? "true").lowercased() == "true")
    }
}
