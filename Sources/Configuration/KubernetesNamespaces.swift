// Which namespaces of Kubernetes are read, and as which of ours: `prod,shop=tenant-a`, or `*` for all.

/// The value of K8S_NAMESPACES.
package struct KubernetesNamespaces: Sendable, Equatable, CustomStringConvertible {
    /// Whether all namespaces are read; those that are named besides are shown as they say.
    package private(set) var isAll = false
    /// In the order in which they are named.
    package private(set) var names: [String] = []
    private var renamed: [String: String] = [:]

    /// Namespaces that may be named: each is a connection that stays open.
    private static let most = 64
    /// Bytes of one of our namespaces' names.
    private static let longestName = 253

    /// The namespace that is read, under its own name.
    package init(one name: String) { names = [name] }

    /// Reads names between commas, each `NAME`, `NAME=OURS` or `*`; nil when the text is none of these.
    package init?(_ text: String) {
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let entry = part.trimmingPrefix { $0 == " " }
            if entry == "*" {
                isAll = true
                continue
            }
            let sides = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard Self.isName(sides[0]), !names.contains(sides[0]), names.count < Self.most else { return nil }
            names.append(sides[0])
            guard sides.count == 2 else { continue }
            guard (1...Self.longestName).contains(sides[1].utf8.count),
                sides[1].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { return nil }
            renamed[sides[0]] = sides[1]
        }
    }

    /// Which of ours a namespace of the cluster is shown in; nil when it is not read.
    package func shown(_ name: String) -> String? {
        guard isAll || names.contains(name) else { return nil }
        return renamed[name] ?? name
    }

    package var description: String {
        ((isAll ? ["*"] : []) + names.map { name in renamed[name].map { "\(name)=\($0)" } ?? name }).joined(
            separator: ",")
    }

    /// A label of DNS, as the cluster's namespaces are named (RFC 1123).
    private static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count) && text.first != "-" && text.last != "-"
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
            }
    }
}
