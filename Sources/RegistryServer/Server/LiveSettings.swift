// The settings in force, and what follows when they are read again: settings that can change are passed on, and the log
// names the others.

import Configuration
import Logging
import TLS
import Telemetry

/// The settings of a process that runs. Belongs to the control loop.
final class LiveSettings {
    private(set) var settings: Settings
    private var sources: SettingSources
    private let logger: Logger

    init(_ settings: Settings, _ sources: SettingSources, _ logger: Logger) {
        self.settings = settings
        self.sources = sources
        self.logger = logger
    }

    /// Over the files that the settings were read from.
    var watch: FileWatch { sources.watch }

    /// Reads all sources again; returns the names of the settings that were taken over, and logs the outcome of each
    /// change.
    func reload() -> [String] {
        let resolved: ResolvedSettings
        do throws(SettingError) {
            resolved = try sources.resolve()
        } catch {
            logger.error("the settings cannot be read again; nothing is changed", metadata: ["error": "\(error)"])
            return []
        }
        let changes = SettingChanges(from: settings, to: resolved.settings)
        for row in changes.taken {
            logger.info(
                "setting changed",
                metadata: [
                    "setting": "\(row.name)", "value": "\(row.show(resolved.settings))",
                    "origin": "\(resolved.origins[row.name] ?? .builtIn)",
                ])
        }
        for row in changes.needRestart {
            logger.warning(
                "a changed setting needs a restart",
                metadata: [
                    "setting": "\(row.name)", "value": "\(row.show(resolved.settings))",
                    "in_force": "\(row.show(settings))",
                ])
        }
        settings = changes.settings
        return changes.taken.map(\.name)
    }
}
