// Variables of the environment that look as if they were meant for the registry and are no settings of it: a name with
// a slip in it, which would silently be passed over, and a name that another program has too.

/// Environment variables that look like settings and are none.
enum ForeignVariables {
    /// The setting whose bare name is so plain that other programs have it too.
    private static let shared = "STORE"
    /// Of the original's sidecar, which may share a file of variables with the registry.
    private static let sidecar: Set<String> = [
        "A8_CONFIG", "A8_CONTROLLER_POLL", "A8_CONTROLLER_TOKEN", "A8_CONTROLLER_URL", "A8_DEBUG", "A8_DISCOVERY_PORT",
        "A8_DNS",
        "A8_DNS_DOMAIN", "A8_DNS_PORT", "A8_HEALTHCHECKS", "A8_LOG", "A8_PROXY", "A8_PROXY_ADAPTER", "A8_REGISTER",
        "A8_REGISTRY_POLL",
        "A8_REGISTRY_TOKEN", "A8_REGISTRY_URL", "A8_RULES_PORT", "A8_SERVICE", "A8_SUPERVISE", "A8_TENANT_TOKEN",
    ]
    private static let sidecarPrefix = "A8_ENDPOINT_"
    /// What Kubernetes' service links end with, of which each has one.
    private static let link = "_SERVICE_HOST"
    /// How many letters may differ for a name to be taken for another misspelled.
    private static let slips = 2

    /// Whether a variable has to be passed here, in addition to those of the rows.
    static func areSuch(_ name: String) -> Bool { name.hasPrefix(SettingRow.environmentPrefix) }

    /// The environment without what is another program's: a bare STORE that is none of our words.
    static func without(others environment: [String: String]) -> [String: String] {
        guard let value = environment[shared], SettingKind<Settings.Store>.store.parse(value) == nil else {
            return environment
        }
        return environment.filter { $0.key != shared }
    }

    /// Sentences about names with our prefix that are no settings, in alphabetical order.
    static func warnings(_ environment: [String: String]) -> [String] {
        let known = Set(Settings.rows.flatMap(\.environmentNames))
        let prefix = SettingRow.environmentPrefix
        let names = environment.filter { !$0.value.isEmpty && !known.contains($0.key) }.keys.sorted()
        let links = names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(link) }.map { $0.dropLast(link.count) + "_" }
        var warnings: [String] = []
        for name in names {
            if name.hasPrefix(prefix), !sidecar.contains(name), !name.hasPrefix(sidecarPrefix),
                !links.contains(where: { name.hasPrefix($0) })
            {
                let near = nearest(name, known).map { ": did you mean \($0)?" } ?? "."
                warnings.append("\(name) is set and is not a setting of the registry\(near)")
            }
        }
        return warnings
    }

    /// The setting whose name is most like this one; nil when none is.
    private static func nearest(_ name: String, _ known: Set<String>) -> String? {
        known.filter { $0.hasPrefix(SettingRow.environmentPrefix) }.map { (distance($0, name), $0) }.filter {
            $0.0 <= slips
        }.min {
            $0 < $1
        }?.1
    }

    /// How many letters have to be added, dropped or changed to make one of the other.
    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard abs(left.count - right.count) <= slips else { return .max }
        var row = Array(0...right.count)
        for (i, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let changed = diagonal + (letter == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(changed, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}

extension Settings {
    /// Whether a variable of the environment has to be handed to `resolve`: those of the rows, and those that it warns
    /// of or stops at.
    package static func isOfInterest(variable name: String) -> Bool {
        variables.contains(name) || ForeignVariables.areSuch(name)
    }

    private static let variables = Set(rows.flatMap(\.environmentNames))
}
