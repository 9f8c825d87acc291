// What a cluster gives a pod of its own: where its API server is, and the files of the service account.

import Configuration
package import HTTPClient
import System

/// The cluster whose pod this process is in, if it is in one.
package struct PodEnvironment {
    private static let folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    private static let (host, port) = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")

    /// The API server; nil outside of a pod.
    package let url: HTTPURL?
    /// Where the token is; nil outside of a pod.
    package let tokenPath: String?
    package let authorityPath: String?

    package init() {
        let variables = Environment.variables { $0 == Self.host || $0 == Self.port }
        self.init(variables) { path in try? SecretFile.read(path, patience: .zero) }
    }

    /// - Parameter read: the contents of a file; nil when there is none.
    init(_ variables: [String: String], read: (String) -> [UInt8]?) {
        let server = variables[Self.host].flatMap { host in
            let name = host.contains(":") ? "[\(host)]" : host
            return try? HTTPURL("https://\(name):\(variables[Self.port] ?? "443")")
        }
        func contents(_ name: String) -> [UInt8]? { server == nil ? nil : read("\(Self.folder)/\(name)") }
        url = server
        tokenPath = contents("token") == nil ? nil : "\(Self.folder)/token"
        authorityPath = contents("ca.crt") == nil ? nil : "\(Self.folder)/ca.crt"
    }
}
