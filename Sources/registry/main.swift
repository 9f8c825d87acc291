// The process: reads the command line, then serves.
import ArgumentParser
import RegistryServer

/// Serves until told to stop, and returns the exit status.
func run(_ resolved: ResolvedSettings) -> Int32 {
    // The server starts here.
    for warning in resolved.warnings { RegistryCommand.complain("warning: \(warning)\n") }
    RegistryCommand.complain(resolved.listing)
    return 0
}

do {
    var command = try RegistryCommand.parse(commandLine: Array(CommandLine.arguments.dropFirst()))
    if let registry = command as? RegistryCommand {
        if let resolved = try registry.resolve() {
            let status = run(resolved)
            RegistryCommand.exit(withError: status == 0 ? nil : ExitCode(status))
        }
    } else {
        try command.run()
    }
} catch {
    RegistryCommand.exit(withError: error)
}
