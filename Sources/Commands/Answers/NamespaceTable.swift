// The namespaces of a registry, as operators see them.

enum NamespaceTable {
    /// `GET /api/v1/namespaces`: a row a namespace, and how to go on where there are more.
    static func text(_ answer: JSONTree) -> String {
        let namespaces = answer["namespaces"].elements
        guard !namespaces.isEmpty else { return "No namespace has an instance.\n" }
        var table = Table([
            .text("NAMESPACE"), .number("SERVICES"), .number("INSTANCES"), .number("REQUESTS/S"),
            .number("HEARTBEATS/S"),
        ])
        for namespace in namespaces {
            table.add([
                namespace["namespace"].string, namespace["services"].integer.map { "\($0)" },
                namespace["instances"].integer.map { "\($0)" },
                namespace["requests_per_s"].approximation.map(hundredths),
                namespace["heartbeats_per_s"].approximation.map(hundredths),
            ])
        }
        guard let next = answer["next"].string else { return table.text }
        return table.text + TerminalText.escaped("There are more: --after \(next)") + "\n"
    }

    /// With two decimals, as the page has it.
    private static func hundredths(_ number: Double) -> String {
        let whole = Int(exactly: (number * 100).rounded()) ?? 0
        return "\(whole / 100).\("\(100 + whole % 100)".dropFirst())"
    }
}
