// Why the server does not start: each case is one sentence that names the setting, where its value came from, the value
// and what would be allowed. The value of a secret never enters an error, so no caller can print it.

/// Where the value of a setting came from.
package enum SettingOrigin: Sendable, Equatable, CustomStringConvertible {
    /// With its dashes: `--api_port`.
    case flag(String)
    /// The name as it was found: `A8_API_PORT`.
    case environment(String)
    /// A line of the file of settings.
    case file(path: String, line: Int, name: String)
    /// No value was given.
    case builtIn

    package var description: String {
        switch self {
        case .flag(let name): "flag \(name)"
        case .environment(let name): "environment \(name)"
        case .file(let path, let line, let name): "\(name) in line \(line) of \(path)"
        case .builtIn: "default"
        }
    }
}

/// The first thing wrong with the settings.
package enum SettingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The text is not allowed; `value` is nil for a secret.
    case invalid(setting: String, origin: SettingOrigin, value: String?, allowed: String)
    /// A secret was given both outright and as a file, at the same level of precedence.
    case givenTwice(setting: String, SettingOrigin, SettingOrigin)
    /// The file of a secret cannot be read.
    case unreadable(setting: String, origin: SettingOrigin, path: String, reason: String)
    /// A line of the file of settings, or all of it, cannot be understood.
    case badLine(path: String, line: Int?, reason: String)
    /// Two settings that cannot both hold; the sentence names both and their origins.
    case contradiction(String)

    package var description: String {
        switch self {
        case .invalid(let setting, let origin, .some(let value), let allowed):
            "\(setting): \(Self.quoted(value)) from \(origin) is not allowed; it must be \(allowed)."
        case .invalid(let setting, let origin, .none, let allowed):
            "\(setting): the value from \(origin) is not allowed; it must be \(allowed)."
        case .givenTwice(let setting, let first, let second):
            "\(setting): \(first) and \(second) both set it; keep one of them."
        case .unreadable(let setting, let origin, let path, let reason):
            "\(setting): the file \(Self.quoted(path)) from \(origin) cannot be read: \(reason)."
        case .badLine(let path, let line, let reason):
            "\(ConfigurationFile.setting): \(line.map { "line \($0) of " } ?? "")\(Self.quoted(path)): \(reason)."
        case .contradiction(let sentence):
            sentence
        }
    }

    /// How many characters of a wrong value are repeated.
    package static let shownCharacters = 120

    /// The value in quotes on one line: escaped, so that a stray newline shows, and cut.
    private static func quoted(_ value: String) -> String {
        let head = value.prefix(shownCharacters)
        return String(head).debugDescription + (head.endIndex < value.endIndex ? "…" : "")
    }
}
