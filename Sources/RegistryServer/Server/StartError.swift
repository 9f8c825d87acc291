// Why a registry cannot start for something outside of it: a port or a file. The parts that find out know neither the
// setting that led them there nor where its value came from; here both are named, since that is what the operator can
// change.

import Authorization
import Configuration
import Issuer
import Libevent
import RegistryCore
import System
import TLS

/// A port or certificate that cannot be had, with the settings that ask for it.
struct StartError: Error, CustomStringConvertible {
    /// The settings to blame, each with its value and where that came from: `api_port 8080 (default)`.
    let settings: [String]
    let reason: any Error

    /// Whether the files that the settings name are at fault.
    var isOfFiles: Bool { Self.isOfFiles(reason) || reason is QuotaFileError || reason is SystemFailure }

    private static func isOfFiles(_ error: any Error) -> Bool {
        error is TLSError || error is KeyFileError || error is IssuerAddressError || error is PrivateFileFault
    }

    var description: String { "\(settings.joined(separator: ", ")): \(reason)" }

    /// Opens the port that a setting names, on the address that another one does.
    static func opening<Value>(_ port: String, of resolved: ResolvedSettings, _ open: () throws -> Value) throws
        -> Value
    {
        do {
            return try open()
        } catch let error as PortError {
            throw StartError(settings: [resolved.shown(error.isOfAddress ? "listen_address" : port)], reason: error)
        }
    }

    /// Reads the file that one setting names.
    static func readingQuotas<Value>(_ resolved: ResolvedSettings, _ read: () throws(QuotaFileError) -> Value) throws
        -> Value
    {
        do throws(QuotaFileError) {
            return try read()
        } catch {
            throw StartError(settings: [resolved.shown("quotas_file")], reason: error)
        }
    }

    /// Opens a file that a setting names, to write to it.
    static func writing<Value>(_ file: String, of resolved: ResolvedSettings, _ open: () throws -> Value) throws
        -> Value
    {
        do {
            return try open()
        } catch let error as SystemFailure {
            throw StartError(settings: [resolved.shown(file)], reason: error)
        }
    }

    /// Reads the files that settings name.
    static func reading<Value>(_ files: [String], of resolved: ResolvedSettings, _ read: () throws -> Value) throws
        -> Value
    {
        do {
            return try read()
        } catch  where isOfFiles(error) {
            // The error names the file, and the settings have its path.
            let sentence = "\(error)"
            let blamed = files.filter { name in
                guard resolved.origins[name] != .builtIn, let row = Settings.rows.first(where: { $0.name == name })
                else { return false }
                return sentence.contains(row.show(resolved.settings))
            }
            throw StartError(
                settings: (blamed.isEmpty ? Array(files.prefix(1)) : blamed).map(resolved.shown), reason: error)
        }
    }
}

extension ListeningPort {
    /// Opens the port of a setting, with a socket for each loop; nil when it is off.
    static func open(_ port: Settings.Port, _ settings: Settings, _ loops: Int) throws(PortError) -> ListeningPort? {
        guard case .number(let number) = port else { return nil }
        return try ListeningPort(address: settings.listenAddress, port: number, count: loops)
    }
}
