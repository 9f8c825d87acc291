// The table of settings. To add a setting, add its field to `Settings` and its row here; the flag, both environment names,
// the help and the documentation follow (run the tests with UPDATE_DOCS=1 to rewrite docs/settings.md).

extension Settings {
    /// Every setting, in the order of the help and the documentation. Names are unique.
    package static let rows: [SettingRow] = [
        SettingRow(
            "config_file", \.configurationFile, .path, absent: "none",
            "A file of settings, one a line as `NAME=value` with the names of the environment, weaker than environment and flags. It is read again on "
                + "SIGHUP and when it changes."),
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
            "drain_time", \.drainTime, .duration(Limits.drainTime), default: "0s",
            "How long the registry serves on after SIGTERM or SIGINT while `/readyz` says `draining`, so that balancers stop sending before "
                + "connections are closed: longer than they take to notice. What stops the process has to wait for so long and 9 s more."),

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
            "The proxies that are believed when they say who their client is and what it asked for. By default everybody is believed, but only "
                + "that a client used https (`X-Forwarded-Proto`); the client's address, host, port and path prefix count where addresses are named."
        ),
        SettingRow(
            "forwarded", \.forwarded, .forwardedFamily, default: "x-forwarded",
            "Which fields the proxies in `trusted_proxies` write: `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `-Prefix`, or `Forwarded` "
                + "(RFC 7239). The others are not read; the proxies must delete those of clients that they do not write themselves."),
        SettingRow(
            "cors_origins", \.corsOrigins, .origins, absent: "none",
            "The origins whose pages may read answers in a browser (CORS), as browsers send them, or `*` for all. Cookies never count: a "
                + "page sends its token in `Authorization`."),

        SettingRow(
            "log_level", \.logLevel, .logLevel, default: "debug",
            "The least severe line that is logged; the letter case does not matter, and `warning` is `warn`. Of requests `access_log` decides."
        ),
        SettingRow("log_format", \.logFormat, .logFormat, default: "text", "The shape of a log line."),
        SettingRow(
            "access_log", \.accessLog, .accessLogMode, default: "all",
            "Which requests write a line, whatever `log_level` is: `all`, those answered with `errors` (400 and more), or none. A line a request "
                + "costs throughput."),
        SettingRow(
            "access_log_probes", \.accessLogProbes, .boolean, default: "false",
            "Whether `/`, `/livez`, `/readyz`, `/uptime`, `/metrics` and `OPTIONS` that succeed are among them. Balancers, orchestrators and "
                + "scrapers ask every few seconds."),
        SettingRow(
            "event_log", \.eventLog, .eventLogMode, default: "local",
            "Which changes write a line of the logger `events`, whatever `log_level` is: what clients registered and deregistered at this member and "
                + "what expired here (`local`), what other members told of as well (`all`), or none (`off`). Each change is in `change_log` besides."
        ),
        SettingRow(
            "change_log", \.changeLog, .number(Limits.changeLog), default: "67108864",
            "How many bytes of what was registered, changed, deregistered and expired are kept for `GET /api/v1/events` and `event_log`, of all "
                + "namespaces together; of one 1 MiB and 10,000 changes at most. Over it the namespace with the most loses its oldest. 0 keeps none."
        ),

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
            "max_tags", \.maxTags, .number(Limits.tags), default: "256",
            "How many tags a client may register an instance with; more are answered 400. What peers replicate is taken."),
        SettingRow(
            "max_tags_bytes", \.maxTagsBytes, .number(Limits.tagsBytes), default: "8192",
            "How many bytes the tags of an instance may take together; more are answered 400. Every list of it carries them."),

        SettingRow(
            "auth_mode", \.authMode, .authSchemes, default: "none",
            "How a bearer token becomes a namespace. `none`: everyone shares the namespace `default`. `trusted`: the token is the "
                + "namespace. `jwt`: the claim `namespace` of an HS256 token. `mtls`: the client's certificate names it, by a URI "
                + "`spiffe://…/ns/NAME` or by its subject's OU. Several are asked in the order given, as a comma "
                + "separated list or by repeating the flag; `none` stands alone."),
        SettingRow(
            "jwt_secret", secret: \.jwtSecret,
            "The key that tokens are signed with; required with `jwt`. One under \(Limits.soundSecretBytes) bytes is warned of. A flag "
                + "is visible to every user of the machine; prefer the file, which may hold several: one a line, of which each is good for a token."
        ),
        SettingRow(
            "require_https", \.requireHTTPS, .boolean, default: "false",
            "Answer a plain request with 301 (GET and HEAD) or 308 (the others) to the same URL under https, unless a proxy says that it had TLS, and tell clients over TLS to "
                + "stay there. Liveness, health and metrics pages stay plain."),

        SettingRow(
            "max_connections", \.maxConnections, .number(Limits.connections), default: "50000",
            "How many connections all listeners together may have. One more is answered 503 or closed. It is lowered at start to what "
                + "the limit on open files leaves room for; the start line tells. An idle connection costs about 5 KB."),
        SettingRow(
            "max_connections_per_client", \.maxConnectionsPerClient, .number(Limits.connections), absent: "no limit",
            "How many connections one client address may have (of IPv6, one /64 network). One more is answered 503 or closed. Clients "
                + "behind one NAT or proxy share an address."),
        SettingRow(
            "header_timeout", \.headerTimeout, .duration(Limits.deadline), default: "10s",
            "How long a request line and headers may take, from the first byte to the last. Then 408, and the connection is closed."),
        SettingRow(
            "request_timeout", \.requestTimeout, .duration(Limits.deadline), default: "30s",
            "How long a whole request may take to arrive, from the first byte to the last. Then 408, and the connection is closed."),
        SettingRow(
            "idle_timeout", \.idleTimeout, .duration(Limits.deadline), default: "75s",
            "How long a connection may stay between requests, or before its first. Then it is closed. The longer, the more idle "
                + "connections are kept."),
        SettingRow(
            "answer_timeout", \.answerTimeout, .duration(Limits.deadline), default: "30s",
            "How long a client may take to read `max_buffered_output` bytes of an answer, or what is left of it. Then the connection is "
                + "closed and what waited is freed."),
        SettingRow(
            "max_buffered_input", \.maxBufferedInput, .number(Limits.bufferedInput), default: "131072",
            "How many bytes of one connection are read ahead of what is being answered. The rest waits in the kernel. Over TLS it is "
                + "what the limits on a request come to, and a record."),
        SettingRow(
            "max_buffered_output", \.maxBufferedOutput, .number(Limits.bufferedOutput), default: "1000000",
            "How many bytes of an answer a client has to read within each `answer_timeout`. The smaller, the slower a client may be "
                + "that reads a large answer."),
        SettingRow(
            "max_buffered_total", \.maxBufferedTotal, .number(Limits.bufferedTotal), default: "268435456",
            "How many bytes of answers may wait for all clients together. Over it, the clients that take nothing are closed, those with "
                + "the most waiting first, and answers that would take 16 kB of memory more are 503 instead. It bounds what clients that "
                + "read slowly or never cost in memory, to within one answer for each loop, and should exceed the largest answer."),

        SettingRow(
            "rendered_cache", \.renderedCache, .number(Limits.renderedCache), default: "134217728",
            "How many bytes of rendered lists are kept for whoever asks again, divided among the loops and those who make long lists. Those not asked for the longest go "
                + "first; with 0 every list is rendered for its request. A list of a namespace takes about twice its length."),
        SettingRow(
            "render_bytes", \.renderBytes, .number(Limits.renderBytes), default: "268435456",
            "How many bytes the long lists may have that are being made at a time, those of all namespaces together: lists of more than "
                + "\(Limits.loopListInstances) instances or \(Limits.loopListBytes >> 20) MiB, which are made beside the loops. A list that "
                + "would exceed it is 503. More lets more tenants have long lists at a time, and costs up to three times as much memory while they "
                + "are made."),
        SettingRow(
            "render_bytes_namespace", \.renderBytesNamespace, .number(Limits.renderBytes), default: "67108864",
            "The same for one namespace, which has one list made at a time: it bounds the longest list that can be had. At most `render_bytes`."
        ),

        SettingRow(
            "rate_limit_namespace", \.rateLimitNamespace, .number(Limits.rate), absent: "no limit",
            "Requests a second that a namespace may make, heartbeats apart. More are answered 429 with `Retry-After`."),
        SettingRow(
            "rate_limit_client", \.rateLimitClient, .number(Limits.rate), absent: "no limit",
            "Requests a second that a client address (of IPv6, a /64 network) may make, heartbeats apart. More are answered 429 with "
                + "`Retry-After`. Clients behind one NAT or proxy share an address."),
        SettingRow(
            "rate_limit_namespace_heartbeats", \.rateLimitNamespaceHeartbeats, .number(Limits.rate), absent: "no limit",
            "Heartbeats a second that a namespace may send; no other request uses this allowance up. Too low a limit makes leases run "
                + "out: it should be a multiple of instances ÷ (TTL ÷ 3)."),
        SettingRow(
            "rate_limit_client_heartbeats", \.rateLimitClientHeartbeats, .number(Limits.rate), absent: "no limit",
            "Heartbeats a second that a client address may send; no other request uses this allowance up."),
        SettingRow(
            "rate_limit_burst", \.rateLimitBurst, .duration(Limits.burst), default: "2s",
            "How much unused allowance is kept: after a pause a client may make the requests of so long a time at once."),

        SettingRow(
            "cluster_size", \.clusterSize, .members(Limits.clusterSize), default: "1",
            "How many members, this one included, make a healthy cluster; 0 counts as 1, two and more need `replication`. Fewer are logged as an "
                + "error and shown as unhealthy. A member that "
                + "is told 1 and finds nobody is ready at once; else it waits for `sync_timeout`."),
        SettingRow(
            "cluster_size_required", \.clusterSizeRequired, .boolean, default: "false",
            "Whether `/readyz` also answers 503 while there are fewer members than `cluster_size`. It keeps the smaller side of a cut cluster from "
                + "being asked, and with too few members left, everybody."),
        SettingRow(
            "on_isolation", \.onIsolation, .isolation, default: "hold",
            "What a member that hears fewer than half of the others does with instances that sent their last heartbeat to another member: `hold` keeps "
                + "them, marked as overdue, for `expiry_hold` at most; `expire` lets them run out, so that its list shrinks to nothing."),
        SettingRow(
            "expiry_hold", \.expiryHold, .duration(Limits.expiryHold), default: "10m",
            "How long leases are held at most while their heartbeats cannot arrive, and how long a member counts as one after it was last heard. "
                + "A longer one serves the dead for longer where most of a cluster is gone for good."),
        SettingRow(
            "cluster_dir", \.clusterDirectory, .path, absent: "none",
            "The directory, shared by all members, in which each announces itself. A member is not ready until it has once been read and "
                + "written."),
        SettingRow(
            "cluster_peers", \.clusterPeers, .peerNames, default: "none",
            "Members as host or host:port, separated by commas, this one perhaps among them; without a port, `replication_port`. A host name "
                + "stands for all its addresses and is looked up again every few seconds."),
        SettingRow(
            "cluster_dns", \.clusterDNS, .peerName, absent: "none",
            "A name, with or without a port, whose addresses are the members, such as that of a headless service; looked up again every few "
                + "seconds. Without a port, `replication_port`."),
        SettingRow(
            "advertise_address", \.advertiseAddress, .advertisedAddress, absent: "the listen address, or the machine's first",
            "The numeric address, with or without a port, at which the other members reach this one. Without it: `listen_address` where that "
                + "is one address, else the machine's first that is not the loopback; and the port that was taken."),
        SettingRow(
            "member_name", \.memberName, .name(Limits.memberNameBytes), absent: "the host name",
            "What this member is called: `member_name` in each of its log lines, and `name` in the others' and in `/api/v1/cluster`. A certificate "
                + "may be bound to it. Without replication it stands in the log only where it is given."),
        SettingRow(
            "cluster_secret", secret: \.clusterSecret,
            "What every member knows and nobody else does: each proves it to the other before a byte is replicated, and "
                + "seals all it says then. One under \(Limits.soundClusterSecretBytes) bytes is warned of. It proves who speaks and hides "
                + "nothing: in a network that others can listen to, use `replication_tls` as well. Its file may hold several, one a line: the first is proven, "
                + "and each is accepted."),
        SettingRow(
            "replication", \.replication, .boolean, default: "false",
            "Whether the members copy each other's instances."),
        SettingRow(
            "replication_port", \.replicationPort, .port, default: "6100",
            "The port on which peers fetch changes."),
        SettingRow(
            "replication_tls", \.replicationTLS, .boolean, default: "false",
            "Whether members speak TLS with each other, each side with a certificate; it needs `replication_tls_cert`, `replication_tls_key` and "
                + "`replication_tls_ca`. Changed files are noticed within seconds, and at once on SIGHUP."),
        SettingRow(
            "replication_tls_cert", \.replicationTLSCertificate, .path, absent: "none",
            "This member's certificate and those that lead to its authority, in PEM. It is shown to those who connect and to those connected to, "
                + "so it must be good for both servers and clients."),
        SettingRow(
            "replication_tls_key", \.replicationTLSKey, .path, absent: "none",
            "The private key of `replication_tls_cert`, in PEM and not encrypted."),
        SettingRow(
            "replication_tls_ca", \.replicationTLSCA, .path, absent: "none",
            "The authorities, in PEM, that issue the members' certificates."),
        SettingRow(
            "replication_tls_name", \.replicationTLSName, .name(Limits.memberNameBytes), absent: "each member's own",
            "A DNS name, address or URI that the certificate of every member carries and no other. Without it, a member's certificate must carry "
                + "that member's advertised address or its `member_name`."),
        SettingRow(
            "replication_plain", \.replicationPlain, .boolean, default: "false",
            "Whether members that run the original Amalgam8 registry, which can prove nothing, are served and read beside `cluster_secret` and "
                + "`replication_tls`; without these two they always are. For the time of a rolling upgrade: whoever reaches the port can then read and "
                + "change everything. With an `auth_mode` it is also what allows replication without those two."
        ),
        SettingRow(
            "replication_queue_bytes", \.replicationQueueBytes, .number(Limits.replicationQueueBytes), default: "8388608",
            "How many bytes may wait for one peer. Over it they are dropped, and the peer gets a copy of everything once it reads again. More "
                + "spares copies and costs memory for each peer."),
        SettingRow(
            "replication_queue_changes", \.replicationQueueChanges, .number(Limits.replicationQueueChanges), default: "200000",
            "How many changes one peer may leave unacknowledged. Over it as with `replication_queue_bytes`."),
        SettingRow(
            "tombstone_time", \.tombstoneTime, .duration(Limits.tombstoneTime), default: "24h",
            "How long a deregistration is remembered, so that a member that has not heard of it cannot undo it. It should exceed `max_ttl` and "
                + "the longest time that members are cut off from each other."),
        SettingRow(
            "tombstone_bytes", \.tombstoneBytes, .number(Limits.tombstoneBytes), default: "268435456",
            "How many bytes the deregistrations that are remembered may take, of all namespaces together, about 100 each and 300 for each namespace; "
                + "a sixteenth of it of one namespace. A namespace over its part forgets its own oldest; when all together are over it, those with the "
                + "most do."),
        SettingRow(
            "sync_timeout", \.syncTimeout, .duration(Limits.syncTimeout), default: "30s",
            "How long a starting member looks for a peer to copy from before it serves what it has; as long as one answers, it goes on. Also how "
                + "long the cluster may be amiss before `/uptime` shows it. A longer one delays the first member of a cluster by as much."),
        SettingRow(
            "acknowledge", \.acknowledge, .acknowledge, default: "all",
            "When a registration or deregistration is answered: when `all` members that are linked and keep up have it, so that its client finds it at "
                + "any of them and it survives the member that took it; or when this member alone has it, `local`, for members that are far apart."
        ),
        SettingRow(
            "acknowledge_timeout", \.acknowledgeTimeout, .duration(Limits.acknowledgeTimeout), default: "100ms",
            "How long a member is waited for. One that takes longer is left out, and told so, until it keeps up again; its clients may find less "
                + "meanwhile (`X-Registry-Stale`). Above the time of a round between members, below what clients wait for."),
    ]
}
