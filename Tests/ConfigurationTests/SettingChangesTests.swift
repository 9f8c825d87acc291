// Which settings are taken over while the registry runs, and which need a restart.

import Testing

@testable import Configuration

struct SettingChangesTests {
    private func settings(_ change: (inout Settings) -> Void) -> Settings {
        var settings = Settings.defaults
        change(&settings)
        return settings
    }

    @Test func `what can change is taken over, what cannot stays, and both are told`() {
        // R915 … a change of anything else is logged as one that needs a restart.
        let running = settings { $0.jwtSecret = Secret(bytes: [1]) }
        let new = settings {
            $0.jwtSecret = Secret(bytes: [2], others: [[1]])
            $0.logLevel = .error
            $0.namespaceCapacity = 5
            $0.apiPort = .number(9)
            $0.requireHTTPS = true
        }
        let changes = SettingChanges(from: running, to: new)
        #expect(changes.taken.map(\.name) == ["log_level", "namespace_capacity", "jwt_secret"])
        #expect(changes.needRestart.map(\.name) == ["api_port", "require_https"])
        #expect(
            changes.settings.jwtSecret == new.jwtSecret && changes.settings.logLevel == .error
                && changes.settings.namespaceCapacity == 5)
        #expect(changes.settings.apiPort == running.apiPort && !changes.settings.requireHTTPS)
        // Read again, nothing is new but what still waits for its restart.
        let again = SettingChanges(from: changes.settings, to: new)
        #expect(again.taken.isEmpty && again.needRestart.map(\.name) == ["api_port", "require_https"])
    }

    @Test func `nobody is trusted who was not, and no secret dropped, without a restart`() {
        let with = settings { $0.clusterSecret = Secret(bytes: [1]) }
        for (running, new) in [(with, Settings.defaults), (Settings.defaults, with)] {
            let changes = SettingChanges(from: running, to: new)
            #expect(changes.taken.isEmpty && changes.needRestart.map(\.name) == ["cluster_secret"])
            #expect(changes.settings == running)
        }
    }

    @Test func `every row can be compared and copied`() throws {
        for row in Settings.rows {
            #expect(row.isSame(.defaults, .defaults), "\(row.name)")
            var copy = Settings.defaults
            row.copy(.defaults, &copy)
            #expect(copy == .defaults, "\(row.name)")
        }
    }
}
