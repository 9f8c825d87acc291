// What `--check_config` says about the files that the settings name: a path that is well written and leads nowhere
// stops the start as surely as a bad number.

import Authorization
package import Configuration
import Glibc
import HTTPClient
import Issuer
import RegistryCore
import System
import TLS

package enum NamedFiles {
    /// A sentence for each setting whose file or directory would stop the registry, or keep it from being ready, at
    /// `now`, in seconds since 1970.
    package static func problems(_ settings: Settings, now: Int64) -> [String] {
        var problems: [String] = []
        func look(_ setting: String, _ look: () throws -> Void) {
            do {
                try look()
            } catch {
                problems.append("\(setting): \(error).")
            }
        }
        if let tls = settings.tls {
            look("tls_cert") { _ = try TLSContext(tls, ticketKeys: nil, now: now) }
        }
        if let path = settings.jwtKeys { look("jwt_keys") { _ = try KeySet(file: path) } }
        if settings.fetchesKeys {
            look(settings.jwtJWKSURL == nil ? "jwt_issuer" : "jwt_jwks_url") { _ = try IssuerAddress(settings) }
        }
        if let authority = settings.jwtCA {
            look("jwt_ca") { _ = try TLSContext(trusting: ClientTLSConfiguration(authorityPath: authority), now: now) }
        }
        if settings.replication, let tls = settings.replicationSecurity {
            look("replication_tls_cert") {
                _ = try TLSContext(accepting: tls, now: now)
                _ = try TLSContext(connecting: tls, now: now)
            }
        }
        if settings.replication, let directory = settings.clusterDirectory {
            if let reason = obstacle(in: directory) {
                problems.append("cluster_dir: \(directory) cannot be used: \(reason).")
            }
        }
        if let directory = settings.fsCatalog, let reason = obstacle(in: directory, R_OK | X_OK) {
            problems.append("fs_catalog: \(directory) cannot be read: \(reason).")
        }
        for url in settings.eurekaURL { look("eureka_url") { _ = try HTTPURL(url) } }
        if let authority = settings.eurekaCA {
            look("eureka_ca") {
                _ = try TLSContext(trusting: ClientTLSConfiguration(authorityPath: authority), now: now)
            }
        }
        if let url = settings.k8sURL { look("k8s_url") { _ = try HTTPURL(url) } }
        if let authority = settings.k8sCA {
            look("k8s_ca") { _ = try TLSContext(trusting: ClientTLSConfiguration(authorityPath: authority), now: now) }
        }
        if let tls = settings.redisStore?.tls {
            look(tls.identity == nil ? "store_tls_ca" : "store_tls_cert") {
                _ = try TLSContext(trusting: tls, now: now)
            }
        }
        if let path = settings.quotasFile { look("quotas_file") { _ = try Quotas(file: path) } }
        if let file = settings.auditFile, let reason = obstacle(toAppendTo: file) {
            problems.append("audit_file: \(file) cannot be written: \(reason).")
        }
        if let path = settings.snapshotFile { look("snapshot_file") { try PrivateFile(path).checkReplaceable() } }
        if let file = settings.portFile, let reason = obstacle(toReplace: file) {
            problems.append("port_file: \(file) cannot be written: \(reason).")
        }
        return problems
    }

    /// Why no file can be made in the directory, or why it cannot be used in this way; nil when it can.
    private static func obstacle(in directory: String, _ mode: Int32 = R_OK | W_OK | X_OK) -> String? {
        var status = stat()
        guard unsafe stat(directory, &status) == 0 else { return unsafe String(cString: strerror(errno)) }
        guard status.st_mode & S_IFMT == S_IFDIR else { return "it is not a directory" }
        guard unsafe access(directory, mode) == 0 else { return unsafe String(cString: strerror(errno)) }
        return nil
    }

    private static func obstacle(toAppendTo path: String) -> String? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return obstacle(toReplace: path) }
        guard status.st_mode & S_IFMT == S_IFREG else { return "it is not a file" }
        return unsafe access(path, W_OK) == 0 ? nil : unsafe String(cString: strerror(errno))
    }

    private static func obstacle(toReplace path: String) -> String? {
        var status = stat()
        if unsafe lstat(path, &status) == 0, ![S_IFREG, S_IFLNK, S_IFIFO].contains(status.st_mode & S_IFMT) {
            return "it is not a file"
        }
        guard let slash = path.lastIndex(of: "/") else { return obstacle(in: ".") }
        return obstacle(in: slash == path.startIndex ? "/" : String(path[..<slash]))
    }
}

extension IssuerAddress {
    /// Where the settings say that keys are; nil when no issuer is asked.
    init?(_ settings: Settings) throws(IssuerAddressError) {
        guard settings.fetchesKeys else { return nil }
        if let url = settings.jwtJWKSURL {
            try self.init(keys: url)
        } else if let issuer = settings.jwtIssuer {
            try self.init(issuer: issuer)
        } else {
            return nil
        }
    }
}
