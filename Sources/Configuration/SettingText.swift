// The settings for people: the line in `--help`, the listing of `--check_config` and docs/settings.md. All are written
// from the rows, so none can fall behind.

extension SettingRow {
    /// The sentences for `--help`, with the default and the environment names.
    package var help: String {
        let sentence = sentence.withoutBackticks
        return "\(sentence) Default: \(defaultPhrase). Environment: \(environmentNames.joined(separator: ", "))."
    }

    /// The help of `fileName`, for a secret.
    package var fileHelp: String {
        "A file that holds \(name), in place of the flag \(name)."
    }
}

extension ResolvedSettings {
    /// One line per row, `name = value (origin)`, secrets masked; ends with a newline.
    package var listing: String {
        Settings.rows.map { row in
            "\(row.name) = \(row.show(settings)) (\(origins[row.name] ?? .builtIn))\n"
        }.joined()
    }
}

extension Settings {
    /// The whole of docs/settings.md.
    package static var markdown: String {
        """
        # Settings

        <!-- Written from the table of settings in the code. Rewrite it with: UPDATE_DOCS=1 swift test --filter SettingsDocument -->

        Each setting is a flag and an environment variable. The flag wins; then the variable with the prefix `\(SettingRow.environmentPrefix)`
        (`A8_API_PORT`); then the bare one (`API_PORT`); then the default. An empty variable counts as not set. A flag given twice counts
        once, the last time, except where a list is allowed. `--name value` and `--name=value` are the same; a true-or-false setting is also
        turned on by its bare flag.

        With `config_file` the same names stand in a file, one a line as `NAME=value`; lines that begin with `#` do not count. It is weaker than
        flags and environment. On SIGHUP, and when it or the file of a secret changes, all are read again. A change of
        \(rows.filter(\.isLive).map { "`\($0.name)`" }.joined(separator: ", ")) takes effect at once; a change
        of another setting is logged as one that needs a restart. A file with a bad line changes nothing; the log names the line. A secret is
        exchanged for another at once; setting the first one or removing the last one needs a restart.

        A secret may instead be read from a file: `--jwt_secret_file`, `A8_JWT_SECRET_FILE` or `JWT_SECRET_FILE` name it. The file may hold up to \(SecretLines.most),
        one a line: the first is what this process proves or signs with, and all are accepted. Giving
        both the secret and the file in the same way (two flags, say) stops the start.

        A value that is not allowed stops the start with exit status 64 and a sentence that names the setting, where the value came from
        and what is allowed. `registry --check_config` prints the effective settings, without starting.

        Durations are written as Go writes them: a sequence of numbers with units, such as `500ms`, `30s`, `1m30s` or `1.5h`. The units are
        `ns`, `us` (or `µs`), `ms`, `s`, `m` and `h`.

        \(table)
        """
    }

    /// The table alone, one line per row; ends with a newline.
    package static var table: String {
        "| flag | environment | default | allowed | what it does |\n|---|---|---|---|---|\n"
            + rows.map { row in
                let flags = row.flagNames.map { "`--\($0)`" }.joined(separator: ", ")
                let variables = row.flagNames.map { "`\($0.uppercased())`" }.joined(separator: ", ")
                return "| \(flags) | \(variables) | \(row.defaultPhrase) | \(row.allowed) | \(row.sentence) |\n"
            }.joined()
    }
}

extension Settings {
    /// The README's table: names and defaults only.
    package static var overview: String {
        "| environment | flag | default |\n|---|---|---|\n"
            + rows.map { row in
                let variables = row.flagNames.map { "`\($0.uppercased())`" }.joined(separator: ", ")
                let flags = row.flagNames.map { "`--\($0)`" }.joined(separator: ", ")
                return "| \(variables) | \(flags) | \(row.defaultPhrase) |\n"
            }.joined()
    }
}

extension String {
    /// Markdown's marks for code are noise in a terminal.
    fileprivate var withoutBackticks: String { filter { $0 != "`" } }
}
