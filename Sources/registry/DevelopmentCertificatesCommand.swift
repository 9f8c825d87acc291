// `registry dev-cert DIR`: what it takes to try HTTPS, in one command.

import ArgumentParser
import System
import TLS
import Text

/// Writes a development authority and the certificates of a server, a client and a member of a cluster.
struct DevelopmentCertificatesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev-cert",
        abstract: "Write certificates for trying HTTPS on this machine.",
        discussion: """
            Writes ca.pem, server.pem, client.pem and member.pem with their keys into DIR; member.pem is for replication_tls. They
            are not for production: the key of the authority lies beside them.
            """)

    /// EX_CANTCREAT of sysexits.h.
    private static let cannotCreate: Int32 = 73

    @Argument(
        help: ArgumentHelp(
            "The directory; it is created if it does not exist. No file in it is overwritten.", valueName: "dir"))
    var directory: String

    @Option(
        help: ArgumentHelp(
            "A name or address of the server and the member, besides localhost, 127.0.0.1 and ::1. It may be repeated.",
            valueName: "host"))
    var host: [String] = []

    @Option(help: ArgumentHelp("The namespace in the client certificate.", valueName: "name"))
    var namespace = "default"

    func validate() throws {
        guard !namespace.isEmpty, namespace.utf8.allSatisfy(ByteSet.name.contains) else {
            throw ValidationError("--namespace must consist of letters, digits, dots, dashes and underscores.")
        }
        guard
            host.allSatisfy({
                !$0.isEmpty && $0.utf8.allSatisfy { ByteSet.name.contains($0) || $0 == UInt8(ascii: ":") }
            })
        else {
            throw ValidationError("--host must be a host name or a numeric address.")
        }
    }

    func run() throws {
        do throws(TLSError) {
            let certificates = try DevelopmentCertificates(hosts: host, namespace: namespace, now: WallClock.seconds())
            try certificates.write(to: directory)
        } catch {
            RegistryCommand.complain("Error: \(error).\n")
            throw ExitCode(Self.cannotCreate)
        }
        print(
            """
            Wrote a development authority and the certificates of a server, a client and a cluster's member to \(directory). Try:

              \(CommandLine.arguments.first ?? "registry") --api_port off --tls_cert \(directory)/server.pem --tls_key \(directory)/server-key.pem
              curl --cacert \(directory)/ca.pem https://localhost:8443/uptime
            """)
    }
}
