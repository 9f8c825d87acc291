// The table of settings. To add a setting, add its field to `Settings` and its row here; the flag, both environment names,
// the help and the documentation follow (run the tests with UPDATE_DOCS=1 to rewrite docs/settings.md).

extension Settings {
    /// Every setting, in the order of the help and the documentation. Names are unique.
    public static let rows: [SettingRow] = [
        SettingRow(
            "api_port", \.apiPort, .port, default: "8080",
            "The port of the REST API. The start line of the log and `port_file` tell which one was taken."),
        SettingRow(
            "https_port", \.httpsPort, .port, default: "8443",
            "The port of the REST API over TLS. It is opened when `tls_cert` and `tls_key` are given, beside `api_port`; either can be off."
        ),
        SettingRow(
            "listen_address", \.listenAddress, .address, default: "0.0.0.0",
            "The address that every listener binds. The default takes IPv4 on all interfaces; `::` takes IPv6 as well where the "
                + "system allows both on one socket."),
        SettingRow(
            "port_file", \.portFile, .path, absent: "none",
            "A file to write the ports taken to, once the server answers on them. For tests and supervisors that let the system choose."
        ),
        SettingRow(
            "loops", \.loops, .number(Limits.loops), absent: "one per core",
            "How many event loops share the connections. Each is a thread; more than there are cores costs memory and gains nothing."),

        SettingRow(
            "tls_cert", \.tlsCertificate, .path, absent: "none",
            "The server's certificate and those that lead to its authority, in PEM; turns TLS on. Changed files are noticed within seconds, "
                + "and at once on SIGHUP; files that cannot be used leave the old ones in service."),
        SettingRow(
            "tls_key", \.tlsKey, .path, absent: "none",
            "The private key of `tls_cert`, in PEM and not encrypted."),
        SettingRow(
            "tls_client_ca", \.tlsClientCA, .path, absent: "none",
            "The authorities, in PEM, whose client certificates are accepted."),
        SettingRow(
            "tls_client_auth", \.tlsClientAuthentication, .clientAuthentication, default: "none",
            "Whether clients show a certificate. `none`: they are not asked. `optional`: they may, and a bad one is refused. `require`: "
                + "without one there is no connection."),
        SettingRow(
            "tls_client_crl", \.tlsClientCRL, .path, absent: "none",
            "Revoked client certificates, as certificate revocation lists in PEM: one of each authority that issues to clients. It must be "
                + "renewed before it runs out, or no client is accepted."),
        SettingRow(
            "trusted_proxies", \.trustedProxies, .addressRanges, absent: "any",
            "The proxies that are believed when they say with `X-Forwarded-Proto` that their client used https."),

        SettingRow(
            "log_level", \.logLevel, .logLevel, default: "debug",
            "The least severe line that is logged. At debug every request writes a line, which costs throughput."),
        SettingRow("log_format", \.logFormat, .logFormat, default: "text", "The shape of a log line."),

        SettingRow(
            "namespace_capacity", \.namespaceCapacity, .limit(Limits.namespaceCapacity), default: "-1",
            "How many instances a namespace may hold. Registering one more is refused with 403; registering the same one again and "
                + "instances that peers replicate are never refused."),
        SettingRow(
            "default_ttl", \.defaultTTL, .duration(Limits.ttl), default: "30s",
            "The time to live of an instance that asks for none. It may not be under `min_ttl` nor above `max_ttl`."),
        SettingRow(
            "min_ttl", \.minTTL, .duration(Limits.ttl), default: "10s",
            "A shorter time to live is raised to this. The shorter it is, the more heartbeats arrive per instance."),
        SettingRow(
            "max_ttl", \.maxTTL, .duration(Limits.ttl), default: "10m",
            "A longer time to live is lowered to this. It bounds how long a dead instance can stay listed."),

        SettingRow(
            "auth_mode", \.authMode, .authSchemes, default: "none",
            "How a bearer token becomes a namespace. `none`: everyone shares the namespace `default`. `trusted`: the token is the "
                + "namespace. `jwt`: the claim `namespace` of an HS256 token. `mtls`: the client's certificate names it, by a URI "
                + "`spiffe://…/ns/NAME` or by its subject's OU. Several are asked in the order given, as a comma "
                + "separated list or by repeating the flag; `none` stands alone."),
        SettingRow(
            "jwt_secret", secret: \.jwtSecret,
            "The key that tokens are signed with; required with `jwt`. One under \(Limits.soundSecretBytes) bytes is warned of. A flag "
                + "is visible to every user of the machine; prefer the file, whose last line ending is not part of the secret."),
        SettingRow(
            "require_https", \.requireHTTPS, .boolean, default: "false",
            "Answer a plain request with 301 to the same URL under https, unless a proxy says that it had TLS, and tell clients over TLS to "
                + "stay there. Liveness, health and metrics pages stay plain."),

        SettingRow(
            "cluster_size", \.clusterSize, .number(Limits.clusterSize), default: "1",
            "How many members, this one included, make a healthy cluster. Fewer are logged as an error and shown as unhealthy."),
        SettingRow(
            "cluster_dir", \.clusterDirectory, .path, absent: "none",
            "The directory, shared by all members, in which each announces itself."),
        SettingRow(
            "replication", \.replication, .boolean, default: "false",
            "Whether the members copy each other's instances."),
        SettingRow(
            "replication_port", \.replicationPort, .port, default: "6100",
            "The port on which peers fetch changes."),
        SettingRow(
            "sync_timeout", \.syncTimeout, .duration(Limits.syncTimeout), default: "30s",
            "How long a starting member looks for a peer to copy from before it serves what it has. A longer one delays the first "
                + "member of a cluster by as much."),
    ]
}
