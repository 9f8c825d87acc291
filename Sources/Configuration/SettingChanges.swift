// What becomes of settings that have changed while the registry runs: some are taken over at once, the others need a
// restart, and which is which is known from their rows.

/// The difference between the settings in force and those that were just read.
package struct SettingChanges {
    /// Those that are taken over, and those that are not, in the order of the rows.
    package private(set) var taken: [SettingRow] = []
    package private(set) var needRestart: [SettingRow] = []
    /// The settings in force with what is taken over.
    package private(set) var settings: Settings

    package init(from running: Settings, to new: Settings) {
        settings = running
        for row in Settings.rows where !row.isSame(running, new) {
            if Self.isLive(row, running, new) {
                row.copy(new, &settings)
                taken.append(row)
            } else {
                needRestart.append(row)
            }
        }
    }

    /// A secret is exchanged for another; to begin or to end with one is to trust others than before.
    private static func isLive(_ row: SettingRow, _ running: Settings, _ new: Settings) -> Bool {
        guard row.isLive else { return false }
        return !row.isSecret || row.show(running) == row.show(new)
    }
}

extension SettingRow {
    /// Names of those that are taken over while the registry runs: what may be asked for in the middle of trouble, and
    /// what has to be changed in turn.
    private static let liveNames: Set<String> = [
        "drain_time", "log_level", "access_log", "access_log_probes", "namespace_capacity", "max_tags",
        "max_tags_bytes", "jwt_secret", "operator_token",
        "max_connections", "max_connections_per_client", "max_watches", "header_timeout", "request_timeout",
        "idle_timeout", "answer_timeout",
        "max_buffered_input",
        "max_buffered_output", "max_buffered_total", "rate_limit_namespace", "rate_limit_client",
        "rate_limit_namespace_heartbeats",
        "rate_limit_client_heartbeats", "rate_limit_burst", "cluster_secret",
        "k8s_token", "expiry_budget", "store_password", "store_sentinel_password",
    ]

    /// Whether a change is taken over while the registry runs.
    var isLive: Bool { Self.liveNames.contains(name) }
}
