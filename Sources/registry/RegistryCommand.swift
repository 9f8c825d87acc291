// The command line. The options are not declared one by one: they are made from `Settings.rows`, so that a new row is a
// new flag with its help. ArgumentParser finds a type's options by reflection and hands their values over by decoding;
// both are public protocols (CustomReflectable, Decodable), and `SettingFlags` implements them from the table.
import ArgumentParser
import Commands
import Configuration
import Glibc
import RegistryServer
import System

/// `registry [--SETTING VALUE …]`: the server itself. Subcommands go into `configuration`; plain flags keep meaning
/// this command.
struct RegistryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "registry",
        abstract: "A service registry.",
        usage: "registry [--check_config] [--SETTING VALUE ...]",
        discussion:
            "A flag wins over the environment variable with the prefix \(SettingRow.environmentPrefix), which wins over the one without it.",
        version: "registry \(Release.current)",
        subcommands: RegistryCommands.all + [CheckCommand.self, DevelopmentCertificatesCommand.self])

    @OptionGroup(title: "Settings")
    var flags: SettingFlags

    @Flag(
        name: .customLong("check_config"),
        help: "Print the effective settings, with secrets masked, check the files that they name, and exit.")
    var checkConfig = false

    /// The command that the arguments ask for: this one or a subcommand.
    static func parse(commandLine arguments: [String]) throws -> any ParsableCommand {
        // What follows is another program's.
        let own = arguments.prefix { $0 != "--" }
        try refuseEmptyValues(Array(own))
        return try parseAsRoot(joiningDashedValues(Array(own)) + arguments.dropFirst(own.count))
    }

    /// ArgumentParser takes a word with a dash for the next option, and would say that a value is missing where a
    /// negative one was given. Joined to its flag such a value is read, and refused by name if it is not allowed. A
    /// word with two dashes is left: `--jwt_secret --auth_mode=jwt` is a forgotten secret, not a secret.
    private static func joiningDashedValues(_ arguments: [String]) -> [String] {
        let flags = Set(Settings.rows.filter { !$0.isBoolean }.flatMap(\.flagNames).map { "--\($0)" })
        var joined: [String] = []
        for word in arguments {
            if let flag = joined.last, flags.contains(flag), word.hasPrefix("-"), !word.hasPrefix("--"), word != "-h" {
                joined[joined.count - 1] = "\(flag)=\(word)"
            } else {
                joined.append(word)
            }
        }
        return joined
    }

    /// ArgumentParser reads `--name=` as `--name`, and takes the next word for its value. From a script with an unset
    /// variable that would silently mean something else, so it is refused here.
    private static func refuseEmptyValues(_ arguments: [String]) throws {
        for row in Settings.rows {
            for name in row.flagNames where arguments.contains("--\(name)=") {
                let error = SettingError.invalid(
                    setting: name, origin: .flag("--\(name)"), value: "", allowed: row.allowed)
                throw ValidationError(error.description)
            }
        }
    }

    /// The settings to serve with, and where they were read from; nil when they were only to be checked, and are now
    /// printed.
    ///
    /// Throws a `ValidationError`, which exits with EX_USAGE (64), when they do not hold.
    func resolve() throws -> (ResolvedSettings, SettingSources)? {
        var sources = SettingSources(flags: flags.values, environment: Self.environment())
        let resolved: ResolvedSettings
        do {
            resolved = try sources.resolve()
        } catch {
            throw ValidationError(error.description)
        }
        guard checkConfig else { return (resolved, sources) }
        for warning in resolved.warnings { Self.complain("warning: \(warning)\n") }
        print(resolved.listing, terminator: "")
        let problems = NamedFiles.problems(resolved.settings, now: WallClock.seconds())
        guard problems.isEmpty else {
            for problem in problems { Self.complain("Error: \(problem)\n") }
            throw ExitCode.validationFailure
        }
        return nil
    }

    /// The settings for a command that neither serves nor authenticates: files of secrets are not read, since only the
    /// registry itself may be allowed to.
    static func settingsWithoutSecrets(_ flags: SettingFlags) throws -> Settings {
        try Settings.resolve(
            flags: flags.values, environment: environment(),
            // Another for each file: two secrets of one value would be refused.
            readFile: { Array("\(String(repeating: "x", count: 32))\(UInt(bitPattern: $0.hashValue))".utf8) },
            readConfiguration: { try SecretFile.read($0, patience: .zero) }
        ).settings
    }

    /// What the environment says under the names that settings have or might have, and no other.
    static func environment() -> [String: String] { Environment.variables(where: Settings.isOfInterest) }

    /// Writes to standard error. There is no better place for the text, so failures are ignored.
    static func complain(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// One option per flag of `Settings.rows`. Values stay text here; `Settings.resolve` reads them.
struct SettingFlags: ParsableArguments {
    /// The values given for each flag, in order, by the flag's name; a flag that was not given is missing.
    private(set) var values: [String: [String]] = [:]

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: FlagKey.self)
        for row in Settings.rows {
            for name in row.flagNames {
                let key = FlagKey(name)
                let given: [String]
                if row.isBoolean {
                    given = try container.decode(Option<String?>.self, forKey: key).wrappedValue.map { [$0] } ?? []
                } else {
                    given = try container.decode(Option<[String]>.self, forKey: key).wrappedValue
                }
                if !given.isEmpty { values[name] = given }
            }
        }
    }

    private struct FlagKey: CodingKey {
        let stringValue: String
        let intValue: Int? = nil
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }
}

extension SettingFlags: CustomReflectable {
    /// The option definitions, which ArgumentParser reads as it would read stored property wrappers.
    var customMirror: Mirror {
        let children = Settings.rows.flatMap { row in
            row.flagNames.map { name in
                let isFile = name != row.name
                let help = ArgumentHelp(
                    "\(isFile ? row.fileHelp : row.help)", valueName: isFile ? "path" : row.placeholder)
                let definition: Any =
                    row.isBoolean
                    ? Option<String?>(name: .customLong(name), defaultAsFlag: "true", parsing: .next, help: help)
                    : Option<[String]>(wrappedValue: [], name: .customLong(name), parsing: .singleValue, help: help)
                return (label: Optional(name), value: definition)
            }
        }
        return Mirror(self, children: children, displayStyle: .struct)
    }
}
