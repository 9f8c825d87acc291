// What all subcommands that ask a registry have in common: where it is, how the answer is shown, how they end.

import ArgumentParser
import Configuration
import System

/// How an answer is shown.
enum OutputForm: String, ExpressibleByArgument, CaseIterable {
    case table, json
}

/// Which registry is asked, and as whom.
struct ConnectionOptions: ParsableArguments {
    private static let patience = GoDuration.milliseconds(1)...GoDuration.seconds(3_600)

    @Option(
        help: ArgumentHelp(
            "The registry, or several members of one with commas between. Variable: REGISTRY_URL. Default: http://localhost:8080.",
            valueName: "url"))
    var url: String?

    @Option(
        name: .customLong("token-file"),
        help: ArgumentHelp(
            "A file with the bearer token. Variables: REGISTRY_TOKEN_FILE, or REGISTRY_TOKEN with the token itself.",
            valueName: "path"), completion: .file())
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "The authorities in PEM that the registry is trusted by, the system's if not given. Variable: REGISTRY_CA.",
            valueName: "path"), completion: .file())
    var ca: String?

    @Option(
        help: ArgumentHelp("A client certificate in PEM. Variable: REGISTRY_CERT.", valueName: "path"),
        completion: .file())
    var cert: String?

    @Option(
        help: ArgumentHelp("The private key of --cert in PEM. Variable: REGISTRY_KEY.", valueName: "path"),
        completion: .file())
    var key: String?

    @Option(
        help: ArgumentHelp(
            "The namespace to act in, for operators; others act in that of their credential. Variable: REGISTRY_NAMESPACE.",
            valueName: "name"))
    var namespace: String?

    @Option(help: ArgumentHelp("How long a member may take to answer.", valueName: "duration"))
    var timeout = "10s"

    @Option(name: .shortAndLong, help: "What to print: a table, or JSON for programs.")
    var output = OutputForm.table

    func validate() throws {
        guard patience != nil else {
            throw ValidationError(
                "--timeout must be a duration such as 10s, from \(Self.patience.lowerBound) to \(Self.patience.upperBound)."
            )
        }
    }

    private var patience: GoDuration? {
        GoDuration(parsing: timeout).flatMap { Self.patience.contains($0) ? $0 : nil }
    }

    /// A client for what the flags and the environment say.
    ///
    /// - Parameters:
    ///   - other: another registry than that which they name.
    ///   - otherTokenFile: the file of its token, if it has one of its own.
    func client(for other: String? = nil, _ otherTokenFile: String? = nil) throws(CommandFailure) -> RegistryClient {
        let flags = RegistryTarget.Flags(
            url: other ?? url, tokenFile: otherTokenFile ?? tokenFile, authority: ca, certificate: cert, key: key,
            namespace: namespace)
        let target = try RegistryTarget(
            flags, environment: Environment.variables { $0.hasPrefix("REGISTRY_") })
        return try RegistryClient(target, patience: Int(patience?.wholeMilliseconds ?? 0))
    }
}

/// A subcommand that asks a registry.
protocol AskingCommand: ParsableCommand {
    var connection: ConnectionOptions { get }

    /// Does it; returns the exit status.
    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32
}

extension AskingCommand {
    func run() throws {
        let status: Int32
        do throws(CommandFailure) {
            status = try run(try connection.client())
        } catch {
            StandardStream.error.write("Error: \(error.sentence)\n")
            throw ExitCode(error.status.rawValue)
        }
        if status != 0 { throw ExitCode(status) }
    }

    /// Prints a table, or the answer as it came.
    func show(_ answer: RegistryAnswer, table: (JSONTree) -> String) throws(CommandFailure) {
        switch connection.output {
        case .json:
            _ = try answer.tree
            StandardStream.output.write(TerminalText.escaped(json: answer.body) + [0x0A])
        case .table: StandardStream.output.write(table(try answer.tree))
        }
    }
}
