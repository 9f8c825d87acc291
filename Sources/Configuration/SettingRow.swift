// One setting as data: its name, its sentence, its default, and the closures that put its text into `Settings` and take
// it out again. Flags, environment names, `--help`, `--check_config` and docs/settings.md are all derived from it.

/// One row of the table `Settings.rows`.
package struct SettingRow: Sendable {
    /// Lower case with underscores; the flag is `--` and this.
    package let name: String
    /// What the setting does, by which formula, and what turning it up costs. Full sentences.
    package let sentence: String
    /// The placeholder of the value in `--help`.
    package let placeholder: String
    /// Completes the sentence "it must be …".
    package let allowed: String
    /// The text that is parsed when nothing is given; nil when the setting is then absent.
    package let defaultText: String?
    /// The default as people read it.
    package let defaultPhrase: String
    /// Whether the value is never shown, and may come from a file.
    package let isSecret: Bool
    /// Whether the bare flag means `true`.
    package let isBoolean: Bool
    /// Whether a repeated flag adds to the value.
    package let isList: Bool
    /// Whether a text may have a password in it.
    var mayHoldPassword = false

    /// Stores what the bytes say; false when they are not allowed. Bytes, since the file of a secret need not be UTF-8.
    let assign: @Sendable (inout Settings, [UInt8]) -> Bool
    /// The same for the contents of the file of a secret.
    var assignFile: @Sendable (inout Settings, [UInt8]) -> Bool = { _, _ in false }
    /// The effective value as text that `assign` would accept, or the phrase for absence, or the mask of a secret.
    package let show: @Sendable (Settings) -> String
    /// Whether both have the same value.
    let isSame: @Sendable (Settings, Settings) -> Bool
    /// Gives the second the first one's value.
    package let copy: @Sendable (Settings, inout Settings) -> Void
}

extension SettingRow {
    /// A setting that always has a value.
    init<Value: Equatable>(
        _ name: String, _ path: WritableKeyPath<Settings, Value> & Sendable, _ kind: SettingKind<Value>,
        default defaultText: String,
        _ sentence: String
    ) {
        self.init(
            name: name, sentence: sentence, placeholder: kind.placeholder, allowed: kind.allowed,
            defaultText: defaultText,
            defaultPhrase: defaultText, isSecret: false, isBoolean: kind.isBoolean, isList: kind.isList,
            mayHoldPassword: kind.mayHoldPassword,
            assign: { settings, bytes in
                guard let value = kind.parse(String(decoding: bytes, as: UTF8.self)) else { return false }
                settings[keyPath: path] = value
                return true
            },
            show: { kind.format($0[keyPath: path]) }, isSame: { $0[keyPath: path] == $1[keyPath: path] },
            copy: { $1[keyPath: path] = $0[keyPath: path] })
    }

    /// A setting that may be absent; `absent` says what happens then.
    init<Value: Equatable>(
        _ name: String, _ path: WritableKeyPath<Settings, Value?> & Sendable, _ kind: SettingKind<Value>,
        absent: String,
        _ sentence: String
    ) {
        self.init(
            name: name, sentence: sentence, placeholder: kind.placeholder, allowed: kind.allowed, defaultText: nil,
            defaultPhrase: absent, isSecret: false, isBoolean: kind.isBoolean, isList: kind.isList,
            mayHoldPassword: kind.mayHoldPassword,
            assign: { settings, bytes in
                let text = String(decoding: bytes, as: UTF8.self)
                let value = kind.parse(text)
                guard value != nil || text == kind.absence else { return false }
                settings[keyPath: path] = value
                return true
            },
            show: { $0[keyPath: path].map(kind.format) ?? absent }, isSame: { $0[keyPath: path] == $1[keyPath: path] },
            copy: { $1[keyPath: path] = $0[keyPath: path] })
    }

    /// A secret: absent unless given, and never shown.
    ///
    /// - Parameter isGood: what each of its values has to be besides.
    init(
        _ name: String, secret path: WritableKeyPath<Settings, Secret?> & Sendable,
        allowed: String = SecretLines.allowed, isGood: @escaping @Sendable ([UInt8]) -> Bool = { _ in true },
        _ sentence: String
    ) {
        self.init(
            name: name, sentence: sentence, placeholder: "secret", allowed: allowed, defaultText: nil,
            defaultPhrase: "none", isSecret: true, isBoolean: false, isList: false,
            assign: { settings, bytes in
                guard !bytes.isEmpty, bytes.count <= Settings.Limits.secretFileBytes, isGood(bytes) else {
                    return false
                }
                settings[keyPath: path] = Secret(bytes: bytes)
                return true
            },
            assignFile: { settings, bytes in
                guard let secret = SecretLines.read(bytes), secret.all.allSatisfy(isGood) else { return false }
                settings[keyPath: path] = secret
                return true
            },
            show: { $0[keyPath: path] == nil ? "none" : Secret.mask },
            isSame: { $0[keyPath: path] == $1[keyPath: path] },
            copy: { $1[keyPath: path] = $0[keyPath: path] })
    }

    /// What an error may repeat of a text that is not allowed; nil is nothing. Where a password may be, a text with a
    /// sign that may be next to one is not looked at any closer.
    func quotable(_ text: String) -> String? {
        isSecret || mayHoldPassword && (text.contains("@") || text.contains("//:")) ? nil : text
    }

    func applyDefault(to settings: inout Settings) {
        guard let defaultText else { return }
        let isAllowed = assign(&settings, Array(defaultText.utf8))
        assert(isAllowed, "the default of \(name) is not allowed by its own row")
    }
}

extension SettingRow {
    /// The prefix that gives an environment name its own space; a prefixed name wins over the bare one.
    package static let environmentPrefix = "A8_"

    /// The flag without its dashes, and for a secret the one that names a file: `jwt_secret`, `jwt_secret_file`.
    package var flagNames: [String] { isSecret ? [name, fileName] : [name] }

    /// Every environment name that is read for this row, the stronger first.
    package var environmentNames: [String] {
        [Self.environmentPrefix, ""].flatMap { prefix in flagNames.map { prefix + $0.uppercased() } }
    }

    /// The name under which a file holds the secret.
    var fileName: String { name + "_file" }
}
