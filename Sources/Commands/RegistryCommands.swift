// The subcommands that ask a registry, whichever it is and wherever it runs: a client's and an operator's. They read and
// write the same pages as any client does, so what they show is what clients see. docs/command-line.md has a session.

package import ArgumentParser

package enum RegistryCommands {
    /// In the order in which help lists them.
    package static let all: [any ParsableCommand.Type] = [
        ServicesCommand.self, InstancesCommand.self, WatchCommand.self, EventsCommand.self, RefusalsCommand.self,
        MembersCommand.self, CatalogsCommand.self, NamespacesCommand.self, TopCommand.self, RegisterCommand.self,
        HeartbeatCommand.self, DeregisterCommand.self, OverrideCommand.self, DrainCommand.self, StoreCommand.self,
        SnapshotCommand.self,
    ]
}
