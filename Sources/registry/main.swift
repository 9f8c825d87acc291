// The process: reads the command line, then serves.
import ArgumentParser
import RegistryServer

do {
    var command = try RegistryCommand.parse(commandLine: Array(CommandLine.arguments.dropFirst()))
    if let registry = command as? RegistryCommand {
        if let (resolved, sources) = try registry.resolve() {
            Allocator.giveBackInBackground()
            let status = RegistryProcess.run(resolved, sources)
            RegistryCommand.exit(withError: status == 0 ? nil : ExitCode(status))
        }
    } else {
        try command.run()
    }
} catch {
    RegistryCommand.exit(withError: error)
}
