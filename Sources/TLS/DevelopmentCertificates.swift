// Everything that trying HTTPS, and TLS between members, on one machine takes: an authority and the certificates of a
// server, a client and a member of a cluster. `registry dev-cert` writes them as files.

import Glibc

/// The development certificates and the files they go to.
package struct DevelopmentCertificates: Sendable {
    /// How long they last, in seconds: the authority two years, the others one. Clients refuse servers' certificates
    /// that last much longer.
    private static let authorityLifetime: Int64 = 730 * 86_400
    private static let leafLifetime: Int64 = 365 * 86_400
    /// The clock of another machine or container may be a little slow.
    private static let clockTolerance: Int64 = 300

    /// A name inside the directory, and what belongs there.
    package struct File: Sendable {
        package let name: String
        package let bytes: [UInt8]
        /// For its owner's eyes only.
        package let isSecret: Bool
    }

    package let files: [File]

    /// Makes new ones.
    /// - Parameters:
    ///   - hosts: what the server and the member are called besides localhost; numeric addresses too.
    ///   - namespace: the namespace that the client's certificate names.
    ///   - now: seconds since 1970.
    package init(hosts: [String], namespace: String, now: Int64) throws(TLSError) {
        let start = now - Self.clockTolerance
        let authority = try CertificateAuthority(
            "Registry development authority", validity: start..<now + Self.authorityLifetime)
        let validity = start..<start + Self.leafLifetime

        func local(_ purpose: CertificateRequest.Purpose) throws(TLSError) -> IssuedCertificate {
            var request = CertificateRequest("localhost", for: purpose, validity: validity)
            request.addresses = ["127.0.0.1", "::1"] + hosts.filter(Self.isAddress)
            request.hosts = ["localhost"] + hosts.filter { !Self.isAddress($0) }
            return try authority.issue(request)
        }
        let server = try local(.server)
        let member = try local(.peer)

        var request = CertificateRequest("development client", for: .client, validity: validity)
        request.organizationalUnit = namespace
        request.uris = ["spiffe://registry.localhost/ns/\(namespace)"]
        let client = try authority.issue(request)

        files = [
            File(name: "ca.pem", bytes: authority.issued.certificate, isSecret: false),
            File(name: "ca-key.pem", bytes: authority.issued.key, isSecret: true),
            File(name: "server.pem", bytes: server.certificate, isSecret: false),
            File(name: "server-key.pem", bytes: server.key, isSecret: true),
            File(name: "client.pem", bytes: client.certificate, isSecret: false),
            File(name: "client-key.pem", bytes: client.key, isSecret: true),
            File(name: "member.pem", bytes: member.certificate, isSecret: false),
            File(name: "member-key.pem", bytes: member.key, isSecret: true),
        ]
    }

    /// Writes the files into `directory`, which is made when it is not there. A file that exists is never overwritten:
    /// then none is written.
    package func write(to directory: String) throws(TLSError) {
        guard unsafe mkdir(directory, 0o755) == 0 || errno == EEXIST else {
            throw unsafe .unwritable(path: directory, reason: String(cString: strerror(errno)))
        }
        for file in files where unsafe access("\(directory)/\(file.name)", F_OK) == 0 {
            throw .unwritable(path: "\(directory)/\(file.name)", reason: "it exists already")
        }
        for file in files { try Self.write(file, to: "\(directory)/\(file.name)") }
    }

    private static func write(_ file: File, to path: String) throws(TLSError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file.isSecret ? 0o600 : 0o644)
        guard descriptor >= 0 else { throw unsafe .unwritable(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        guard unsafe Glibc.write(descriptor, file.bytes, file.bytes.count) == file.bytes.count else {
            throw unsafe .unwritable(path: path, reason: String(cString: strerror(errno)))
        }
    }

    private static func isAddress(_ name: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return unsafe inet_pton(AF_INET, name, &four) == 1 || inet_pton(AF_INET6, name, &six) == 1
    }
}
