// `registry check`: the health check of the process that was started with the same settings.

import ArgumentParser
import Configuration
import Glibc
import RegistryServer
import System
import Time

/// Asks the registry on this machine whether it is ready or alive.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Ask the registry on this machine whether it is ready.",
        usage: "registry check [--live] [--timeout DURATION] [--SETTING VALUE ...]",
        discussion: """
            Finds the registry by its own settings, from environment variables and flags: the port file, else api_port, else \
            https_port. Exits with 0 when the answer is 200, with 1 when it is another or does not come, and with 64 when the \
            settings cannot be read.
            """)

    private static let failed: Int32 = 1
    private static let timeouts = GoDuration.milliseconds(1)...GoDuration.seconds(60)

    @Flag(
        help: "Ask whether the process is alive: 200 also while it starts, waits for its cluster or drains.")
    var live = false

    @Option(help: ArgumentHelp("How long the answer may take, 60s at most.", valueName: "duration"))
    var timeout = "2s"

    @Option(
        name: .customLong("client_cert"),
        help: ArgumentHelp("A client certificate in PEM, for an https port that asks for one.", valueName: "path"))
    var clientCertificate: String?

    @Option(
        name: .customLong("client_key"),
        help: ArgumentHelp("The private key of client_cert, in PEM.", valueName: "path"))
    var clientKey: String?

    @OptionGroup(title: "Settings of the registry", visibility: .hidden)
    var flags: SettingFlags

    func validate() throws {
        guard duration != nil else {
            throw ValidationError(
                "--timeout must be a duration such as 2s, from \(Self.timeouts.lowerBound) to \(Self.timeouts.upperBound)."
            )
        }
        guard (clientCertificate == nil) == (clientKey == nil) else {
            throw ValidationError(
                "--client_cert and --client_key must be given together.")
        }
    }

    private var duration: GoDuration? { GoDuration(parsing: timeout).flatMap { Self.timeouts.contains($0) ? $0 : nil } }

    func run() throws {
        guard let duration else { return }
        // Before anything is read: a file may hang.
        let deadline = MonotonicClock.now() + duration.interval
        let settings: Settings
        do {
            settings = try RegistryCommand.settingsWithoutSecrets(flags)
        } catch {
            throw ValidationError("\(error)")
        }
        do throws(HealthCheck.Failure) {
            let check = try HealthCheck(settings) { path in
                (try? SecretFile.read(path, patience: .zero)).map { String(decoding: $0, as: UTF8.self) }
            }
            let certificate = clientCertificate.flatMap { path in clientKey.map { (path: path, key: $0) } }
            try check.ask(live ? .live : .ready, certificate: certificate, deadline: deadline)
        } catch {
            RegistryCommand.complain("not \(live ? "live" : "ready"): \(error)\n")
            throw ExitCode(Self.failed)
        }
        print(live ? "live" : "ready")
    }
}
