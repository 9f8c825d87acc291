// Where the settings of this process come from, kept so that they can be read again while it runs.

import Glibc
package import TLS

/// Flags, environment and files.
package struct SettingSources: Sendable {
    private let flags: [String: [String]]
    private let environment: [String: String]
    /// What was read from what is no file, such as a pipe of a shell's: it can be read once.
    private var kept: [String: [UInt8]] = [:]
    /// Over the files that were read last, as they were before.
    package private(set) var watch = FileWatch([])

    package init(flags: [String: [String]], environment: [String: String]) {
        self.flags = flags
        self.environment = environment
    }

    /// Reads everything. Blocks for as long as `SecretFile` has patience with pipes, and only the first time.
    package mutating func resolve() throws(SettingError) -> ResolvedSettings {
        var kept = kept
        var watch = FileWatch([])
        defer {
            self.kept = kept
            self.watch = watch
        }
        return try Settings.resolve(flags: flags, environment: environment) { path in
            if let bytes = kept[path] { return bytes }
            guard Self.isFile(path) else {
                let bytes = try SecretFile.read(path)
                kept[path] = bytes
                return bytes
            }
            watch.add(path)
            return try SecretFile.read(path, patience: .zero)
        }
    }

    /// Whether it is a file, or nothing yet.
    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
    }
}
