// From flags, environment and file to settings. For each row the strongest source that says anything wins: the flag,
// then the prefixed environment name, then the bare one, then these two names in the file of settings, then the
// default. Pure: the caller brings flags, environment and the reading of files.

import TLS

/// What the sources came to.
package struct ResolvedSettings: Sendable, Equatable {
    package var settings: Settings
    /// Sentences to log at start: legal, but surely not what was meant.
    package var warnings: [String]
    /// Where each row's value came from, by the row's name. Invariant: has every name in `Settings.rows`.
    package var origins: [String: SettingOrigin]
}

extension Settings {
    /// Resolves every row, then checks the rows against each other.
    ///
    /// - Parameters:
    ///   - flags: the values of each flag given, in order, by its name without dashes; names as in
    ///   `SettingRow.flagNames`.
    ///   - environment: by name. An empty value counts as not set.
    ///   - readFile: gives the contents of the file of a secret; any error it throws becomes `SettingError.unreadable`.
    ///   - readConfiguration: the same for the file of settings; nil is the same function.
    /// - Throws: the first thing wrong, in the order of the rows.
    package static func resolve(
        flags: [String: [String]], environment: [String: String], readFile: (String) throws -> [UInt8],
        readConfiguration: ((String) throws -> [UInt8])? = nil
    ) throws(SettingError) -> ResolvedSettings {
        let environment = ForeignVariables.without(others: environment)
        var resolved = ResolvedSettings(
            settings: .defaults, warnings: ForeignVariables.warnings(environment), origins: [:])
        let file = try configurationFile(flags, environment, readFile, readConfiguration)
        for row in rows {
            guard let given = try given(row, flags, environment, file, readFile) else {
                resolved.origins[row.name] = .builtIn
                continue
            }
            guard (given.isFile ? row.assignFile : row.assign)(&resolved.settings, given.bytes) else {
                let shown = row.quotable(String(decoding: given.bytes, as: UTF8.self))
                throw .invalid(
                    setting: row.name, origin: given.origin, value: shown,
                    allowed: row.allowed + serviceLinkHint(row, given.origin, shown))
            }
            resolved.origins[row.name] = given.origin
        }
        try resolved.checkTLS()
        try resolved.checkPorts()
        try resolved.checkProxies()
        try resolved.checkLifetimes()
        try resolved.checkRenderBytes()
        try resolved.checkTokens()
        try resolved.checkAudit()
        try resolved.checkReplicationTLS()
        try resolved.checkStore()
        try resolved.checkCluster()
        try resolved.checkOperator()
        return resolved
    }
}

// MARK: - One row

extension Settings {
    /// Kubernetes puts the address of a Service named `api` into every container of its namespace as
    /// `API_PORT=tcp://10.0.0.1:80`.
    private static func serviceLinkHint(_ row: SettingRow, _ origin: SettingOrigin, _ value: String?) -> String {
        guard case .environment(let name) = origin, row.name.hasSuffix("_port"), let value,
            ["tcp://", "udp://", "sctp://"].contains(where: value.hasPrefix)
        else { return "" }
        return ". Kubernetes sets \(name) to this for a Service named "
            + "\"\(name.dropLast("_PORT".count).lowercased())\": turn that off with enableServiceLinks: false, or "
            + "set \(SettingRow.environmentPrefix)\(row.name.uppercased()), which wins"
    }

    private struct GivenValue {
        var origin: SettingOrigin
        var bytes: [UInt8]
        /// Whether the bytes are those of a file.
        var isFile = false
    }

    /// The file of settings that flags or environment name.
    private static func configurationFile(
        _ flags: [String: [String]], _ environment: [String: String], _ readFile: (String) throws -> [UInt8],
        _ readConfiguration: ((String) throws -> [UInt8])?
    ) throws(SettingError) -> ConfigurationFile {
        guard let row = rows.first(where: { $0.name == ConfigurationFile.setting }),
            let given = try given(row, flags, environment, ConfigurationFile(), readFile)
        else { return ConfigurationFile() }
        let path = String(decoding: given.bytes, as: UTF8.self)
        let bytes =
            if let readConfiguration {
                try contents(of: path, row, given.origin, readConfiguration)
            } else {
                try contents(of: path, row, given.origin, readFile)
            }
        return try ConfigurationFile(bytes, path: path)
    }

    /// The strongest value given for the row, nil when there is none.
    private static func given(
        _ row: SettingRow, _ flags: [String: [String]], _ environment: [String: String], _ file: ConfigurationFile,
        _ readFile: (String) throws -> [UInt8]
    ) throws(SettingError) -> GivenValue? {
        func fromFlag(_ name: String) -> (SettingOrigin, String)? {
            guard let values = flags[name], let last = values.last else { return nil }
            return (.flag("--" + name), row.isList ? values.joined(separator: ",") : last)
        }
        func fromEnvironment(_ name: String) -> (SettingOrigin, String)? {
            guard let value = environment[name], !value.isEmpty else { return nil }
            return (.environment(name), value)
        }
        let prefix = SettingRow.environmentPrefix
        let sources: [(String) -> (SettingOrigin, String)?] = [
            fromFlag,
            { fromEnvironment(prefix + $0.uppercased()) },
            { fromEnvironment($0.uppercased()) },
            { file.value(prefix + $0.uppercased()) },
            { file.value($0.uppercased()) },
        ]
        for source in sources {
            let outright = source(row.name)
            let inFile = row.isSecret ? source(row.fileName) : nil
            switch (outright, inFile) {
            case (.none, .none):
                continue
            case (.some(let (origin, text)), .none):
                return GivenValue(origin: origin, bytes: Array(text.utf8))
            case (.none, .some(let (origin, path))):
                return GivenValue(origin: origin, bytes: try contents(of: path, row, origin, readFile), isFile: true)
            case (.some(let (first, _)), .some(let (second, _))):
                throw .givenTwice(setting: row.name, first, second)
            }
        }
        return nil
    }

    private static func contents(
        of path: String, _ row: SettingRow, _ origin: SettingOrigin, _ readFile: (String) throws -> [UInt8]
    ) throws(SettingError) -> [UInt8] {
        do {
            return try readFile(path)
        } catch {
            throw .unreadable(setting: row.name, origin: origin, path: path, reason: "\(error)")
        }
    }
}

// MARK: - Rows against each other

extension ResolvedSettings {
    fileprivate mutating func checkTLS() throws(SettingError) {
        let authentication = settings.tlsClientAuthentication
        switch (settings.tlsCertificate, settings.tlsKey) {
        case (.some, .none):
            throw .contradiction("\(shown("tls_cert")): a certificate needs its key, and tls_key is not set.")
        case (.none, .some):
            throw .contradiction("\(shown("tls_key")): a key needs its certificate, and tls_cert is not set.")
        case (.none, .none) where authentication != .none:
            throw .contradiction(
                "\(shown("tls_client_auth")): clients can show certificates over TLS only, and tls_cert and tls_key "
                    + "are not set.")
        default: break
        }
        if authentication != .none, settings.tlsClientCA == nil {
            throw .contradiction("\(shown("tls_client_auth")): it needs tls_client_ca, which is not set.")
        }
        if authentication == .none {
            for name in ["tls_client_ca", "tls_client_crl"] where origins[name] != .builtIn {
                throw .contradiction(
                    "\(shown(name)): it has no effect with \(shown("tls_client_auth")); set that to "
                        + "optional or require.")
            }
            if settings.authMode.contains(.mtls) {
                throw .contradiction("\(shown("auth_mode")): mtls needs tls_client_auth to be optional or require.")
            }
        }
    }

    fileprivate func checkPorts() throws(SettingError) {
        if settings.apiPort == .off, settings.tls == nil {
            throw .contradiction(
                "\(shown("api_port")): no other port is open; set tls_cert, tls_key and an https_port that is not off.")
        }
        var ports = [("api_port", settings.apiPort)]
        if settings.tls != nil { ports.append(("https_port", settings.httpsPort)) }
        if settings.replication { ports.append(("replication_port", settings.replicationPort)) }
        ports.append(("dns_port", settings.dnsPort))
        for (index, (name, port)) in ports.enumerated() {
            guard case .number(let number) = port, number != 0 else { continue }
            if let (other, _) = ports[..<index].first(where: { $0.1 == port }) {
                throw .contradiction("\(shown(other)), \(shown(name)): they must differ.")
            }
        }
    }

    fileprivate func checkProxies() throws(SettingError) {
        guard settings.forwarded != .xForwarded, settings.trustedProxies == nil else { return }
        throw .contradiction(
            "\(shown("forwarded")): it needs trusted_proxies, which is not set: "
                + "the fields are taken from trusted proxies only.")
    }

    fileprivate func checkLifetimes() throws(SettingError) {
        let isOrdered = settings.minTTL <= settings.defaultTTL && settings.defaultTTL <= settings.maxTTL
        guard !isOrdered else { return }
        let values = ["min_ttl", "default_ttl", "max_ttl"].map(shown).joined(separator: ", ")
        throw .contradiction("\(values): it must be min_ttl ≤ default_ttl ≤ max_ttl.")
    }

    fileprivate func checkAudit() throws(SettingError) {
        guard settings.isAudited, settings.changeLog == 0 else { return }
        let name = settings.auditFile == nil ? "audit_log" : "audit_file"
        throw .contradiction("\(shown(name)), \(shown("change_log")): an audit needs change_log above 0.")
    }

    fileprivate func checkRenderBytes() throws(SettingError) {
        guard settings.renderBytesNamespace > settings.renderBytes else { return }
        throw .contradiction(
            "\(shown("render_bytes_namespace")), \(shown("render_bytes")): it must be render_bytes_namespace ≤ render_bytes."
        )
    }

    fileprivate func checkReplicationTLS() throws(SettingError) {
        let files = ["replication_tls_cert", "replication_tls_key", "replication_tls_ca"]
        if settings.replicationTLS {
            if settings.replicationSecurity == nil {
                throw .contradiction(
                    "\(shown("replication_tls")): it needs \(files.joined(separator: ", ")), and not all are set.")
            }
        } else {
            for name in files + ["replication_tls_name"] where origins[name] != .builtIn {
                throw .contradiction("\(shown(name)): it has no effect without replication_tls.")
            }
        }
    }

    fileprivate mutating func checkCluster() throws(SettingError) {
        guard settings.replication else {
            guard settings.clusterSize < 2 else {
                throw .contradiction(
                    "\(shown("cluster_size")): members find and copy each other by replication, and "
                        + "\(shown("replication")); set replication to true, or cluster_size to 1.")
            }
            if settings.clusterDirectory != nil || !settings.clusterPeers.isEmpty || settings.clusterDNS != nil {
                warnings.append(
                    "cluster_dir, cluster_peers or cluster_dns is set, but replication is off, so this member serves "
                        + "alone.")
            }
            return
        }
        if settings.replicationPort == .off {
            throw .contradiction("\(shown("replication_port")): replication needs a port.")
        }
        if settings.clusterDirectory == nil, settings.clusterPeers.isEmpty, settings.clusterDNS == nil {
            warnings.append(
                "replication is on without cluster_dir, cluster_peers or cluster_dns, so this member will "
                    + "find no peer.")
        }
        if let secret = settings.clusterSecret {
            warnOfOuterWhiteSpace("cluster_secret", secret)
            if secret.all.contains(where: { $0.count < Settings.Limits.soundClusterSecretBytes }) {
                warnings.append(
                    "cluster_secret is shorter than \(Settings.Limits.soundClusterSecretBytes) bytes, so anyone who "
                        + "reads the network can guess it: choose a longer one."
                )
            }
        } else if !settings.replicationTLS {
            try checkOpenReplication()
        }
        if settings.replicationPlain, settings.clusterSecret != nil || settings.replicationTLS {
            warnings.append(
                "replication_plain is on: anyone who reaches the replication port can read and change everything, "
                    + "although members authenticate."
            )
        }
    }

    /// Tenants are separated by their credentials at the other ports; this port takes none. Where there are tenants,
    /// that is to be the operator's word.
    private mutating func checkOpenReplication() throws(SettingError) {
        guard settings.authMode.isEmpty || settings.replicationPlain else {
            throw .contradiction(
                "\(shown("auth_mode")): replication is on with neither cluster_secret nor replication_tls, so anyone "
                    + "who reaches the replication port can read and change the instances of all tenants; set one of "
                    + "the two, or set replication_plain to allow that.")
        }
        warnings.append(
            "replication is on without cluster_secret and without replication_tls: anyone who reaches its port can read and "
                + "change everything.")
    }

    /// White space around a secret is a part of it, and most often a slip: a second line ending in a file, a space
    /// before a quote.
    mutating func warnOfOuterWhiteSpace(_ name: String, _ secret: Secret) {
        let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        let ends = secret.all.flatMap { [$0.first, $0.last].compactMap(\.self) }
        guard ends.contains(where: blanks.contains) else { return }
        warnings.append(
            "\(name) begins or ends with white space, which is part of it: every other user of the secret "
                + "must have it too.")
    }

    /// `min_ttl 10s (default)`.
    package func shown(_ name: String) -> String {
        guard let row = Settings.rows.first(where: { $0.name == name }) else { return name }
        return "\(name) \(row.show(settings)) (\(origins[name] ?? .builtIn))"
    }
}
