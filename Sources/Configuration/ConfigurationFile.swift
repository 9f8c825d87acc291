// The file of settings: lines `NAME=value` with the names of the environment. Unlike an environment it is ours alone,
// so whatever is in it and is no setting is an error, and every error names its line.

/// The settings of one file.
struct ConfigurationFile {
    /// A value and the line that it is in, counted from 1.
    struct Entry: Equatable {
        let line: Int
        let value: String
    }

    /// Where its name comes from, which it cannot give itself.
    static let setting = "config_file"

    let path: String
    private var entries: [String: Entry] = [:]

    /// No file.
    init() { path = "" }

    /// Reads its contents. White space around names and values, empty lines, and lines that begin with `#` do not
    /// count.
    init(_ bytes: [UInt8], path: String) throws(SettingError) {
        self.path = path
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .badLine(path: path, line: nil, reason: "it is not UTF-8 text")
        }
        let names = Set(Settings.rows.flatMap(\.environmentNames))
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.trimmingWhiteSpace()
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            func refuse(_ reason: String) -> SettingError { .badLine(path: path, line: index + 1, reason: reason) }
            guard let equals = line.firstIndex(of: "=") else { throw refuse("it is not NAME=value") }
            let name = String(line[..<equals].trimmingWhiteSpace())
            guard names.contains(name) else {
                throw refuse("\(name.prefix(SettingError.shownCharacters)) is not a setting")
            }
            guard !name.hasSuffix(Self.setting.uppercased()) else {
                throw refuse(
                    "a file of settings cannot name "
                        + "another")
            }
            if let other = entries[name] { throw refuse("\(name) is in line \(other.line) already") }
            entries[name] = Entry(
                line: index + 1, value: String(line[line.index(after: equals)...].trimmingWhiteSpace()))
        }
    }

    /// The value under a name of the environment, with its origin; nil when there is none, or an empty one.
    func value(_ name: String) -> (SettingOrigin, String)? {
        guard let entry = entries[name], !entry.value.isEmpty else { return nil }
        return (.file(path: path, line: entry.line, name: name), entry.value)
    }
}

extension Substring {
    fileprivate func trimmingWhiteSpace() -> Substring {
        var trimmed = drop { $0.isWhitespace }
        while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
        return trimmed
    }
}
