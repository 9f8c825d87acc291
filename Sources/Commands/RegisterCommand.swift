// `registry register`: one instance, once or for as long as a program runs.

import ArgumentParser
import System

extension Registration.EndpointType: ExpressibleByArgument {}

struct RegisterCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "register", abstract: "Register an instance, and keep it registered while a program runs.",
        usage: "registry register SERVICE ENDPOINT [--ttl 30s] [--keep-alive] [-- PROGRAM [ARGUMENT ...]]",
        discussion: """
            With --keep-alive the lease is renewed at a third of its time, the instance is registered again when the registry has \
            forgotten it, and it is deregistered at the end: when the program ends, whose exit status is that of this command \
            then, or, without a program, on SIGTERM or SIGINT. Signals are passed on to the program. It is started when the \
            registry has taken the registration, and also when there is no answer; not when the registration is refused.
            """)

    @Argument(help: "The name of the service.")
    var service: String

    @Argument(help: "Where the instance is: 10.0.0.5:9080, or what its clients make something of.")
    var endpoint: String

    @Argument(parsing: .postTerminator, help: "A program to run, with its arguments, while the instance is registered.")
    var program: [String] = []

    @Option(help: "What kind of endpoint it is.")
    var type = Registration.EndpointType.tcp

    @Option(help: ArgumentHelp("How long the lease is, the registry's default if not given.", valueName: "duration"))
    var ttl: String?

    @Option(help: ArgumentHelp("UP, STARTING or OUT_OF_SERVICE; UP if not given.", valueName: "status"))
    var status: String?

    @Option(help: ArgumentHelp("A tag. It may be repeated.", valueName: "tag"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("Any JSON value of at most 1,024 bytes.", valueName: "json"))
    var metadata: String?

    @Flag(name: .customLong("keep-alive"), help: "Renew the lease until the program ends, or a signal comes.")
    var keepAlive = false

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func validate() throws {
        guard ttl.map({ Registration.seconds($0) != nil }) ?? true else {
            throw ValidationError("--ttl must be a duration of at least a second, such as 30s.")
        }
        guard metadata.map(Registration.isJSON) ?? true else { throw ValidationError("--metadata must be JSON.") }
    }

    private var registration: Registration {
        Registration(
            service: service, endpoint: endpoint, type: type, ttl: ttl.flatMap(Registration.seconds), status: status,
            tags: tag, metadata: metadata.map { Array($0.utf8) })
    }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        if keepAlive || !program.isEmpty {
            return try KeepAliveRun(client, registration, program: program).run()
        }
        let answer = try client.success(of: registration.request)
        guard let grant = Registration.Grant(answer.body) else { throw answer.notARegistry }
        try show(answer) { _ in
            var table = Table([.text("ID"), .text("SERVICE"), .text("ENDPOINT"), .number("TTL")])
            table.add([grant.id, service, endpoint, "\(grant.ttl.components.seconds)s"])
            return table.text
        }
        return 0
    }
}
