// The table of settings. To add a setting, add its field to `Settings` and its row here; the flag, both environment
// names, the help and the documentation follow (run the tests with UPDATE_DOCS=1 to rewrite docs/settings.md).

extension Settings {
    /// Every setting, in the order of the help and the documentation. Names are unique.
    package static let rows: [SettingRow] =
        mainRows + expiryRows + snapshotRows + storeRows + operatorRows + dnsRows + tokenRows

    private static let mainRows: [SettingRow] = [
        SettingRow(
            "config_file", \.configurationFile, .path, absent: "none",
            "A file of settings, one `NAME=value` a line, under the names of the environment variables. Environment "
                + "variables and flags win over it. It is read again on SIGHUP and when it changes."),
        SettingRow(
            "api_port", \.apiPort, .port, default: "8080",
            "The port of the REST API. With 0 the system chooses one; the log line `serving` and `port_file` name it."),
        SettingRow(
            "https_port", \.httpsPort, .port, default: "8443",
            "The port of the REST API over TLS. It opens when `tls_cert` and `tls_key` are set, beside `api_port`; "
                + "either port can be off."
        ),
        SettingRow(
            "listen_address", \.listenAddress, .address, default: "0.0.0.0",
            "The address that every listener binds to. The default takes IPv4 on all interfaces; `::` takes IPv6 too, "
                + "where the system allows both on one socket."),
        SettingRow(
            "port_file", \.portFile, .path, absent: "none",
            "The file that gets the names and numbers of the open ports, once the server answers on them. It is for "
                + "tests and supervisors that let the system choose ports."
        ),
        SettingRow(
            "loops", \.loops, .number(Limits.loops), absent: "one per core",
            "The number of event loops that share the connections. Each loop is a thread; more loops than cores cost "
                + "memory and gain nothing."),
        SettingRow(
            "drain_time", \.drainTime, .duration(Limits.drainTime), default: "0s",
            "How long the registry goes on serving after SIGTERM or SIGINT, while `/readyz` answers `draining`, so "
                + "that load balancers stop sending requests before connections close. Make it longer than a "
                + "balancer needs to notice, and have the supervisor wait 9 s more before it kills the process."),

        SettingRow(
            "tls_cert", \.tlsCertificate, .path, absent: "none",
            "The server's certificate and its chain, in PEM; it turns TLS on. Changed files are noticed within "
                + "seconds, and at once on SIGHUP; files that cannot be used leave the old ones in service."),
        SettingRow(
            "tls_key", \.tlsKey, .path, absent: "none",
            "The private key of `tls_cert`, in PEM and not encrypted."),
        SettingRow(
            "tls_client_ca", \.tlsClientCA, .path, absent: "none",
            "The certificate authorities, in PEM, whose client certificates are accepted."),
        SettingRow(
            "tls_client_auth", \.tlsClientAuthentication, .clientAuthentication, default: "none",
            "Whether clients show a certificate. `none`: they are not asked. `optional`: they may show one, and an "
                + "invalid one is refused. `require`: a connection without a valid one is refused."),
        SettingRow(
            "tls_client_crl", \.tlsClientCRL, .path, absent: "none",
            "Revoked client certificates, as certificate revocation lists in PEM: one list of each authority that "
                + "issues client certificates. Renew each list before it expires; after that no client is accepted."),
        SettingRow(
            "trusted_proxies", \.trustedProxies, .addressRanges, absent: "any",
            "The proxies that may say who their client is and what it asked for. By default any sender may say that a "
                + "client used https (`X-Forwarded-Proto`), and nothing else; the client's address, host, port and "
                + "path prefix are taken only from the addresses named here."
        ),
        SettingRow(
            "forwarded", \.forwarded, .forwardedFamily, default: "x-forwarded",
            "The header fields that the proxies in `trusted_proxies` write: `X-Forwarded-For`, `-Proto`, `-Host`, "
                + "`-Port` and `-Prefix`, or `Forwarded` (RFC 7239). The other family is not read. A proxy must "
                + "delete the fields of this family that a client sends and that it does not write itself."),
        SettingRow(
            "cors_origins", \.corsOrigins, .origins, absent: "none",
            "The origins whose pages may read answers in a browser (CORS), as browsers send them, or `*` for all. "
                + "Cookies never count: a page sends its token in `Authorization`."),

        SettingRow(
            "log_level", \.logLevel, .logLevel, default: "debug",
            "The least severe level that is logged. The letter case does not matter, and `warning` is `warn`. Lines "
                + "about requests are governed by `access_log` instead."
        ),
        SettingRow("log_format", \.logFormat, .logFormat, default: "text", "The format of log lines."),
        SettingRow(
            "access_log", \.accessLog, .accessLogMode, default: "all",
            "The requests that get a log line, whatever `log_level` is. `all`: every request. `errors`: those answered "
                + "with status 400 or above. `off`: none. A line for each request costs throughput."),
        SettingRow(
            "access_log_probes", \.accessLogProbes, .boolean, default: "false",
            "Whether the access log includes `OPTIONS` and the pages `/`, `/livez`, `/readyz`, `/uptime` and "
                + "`/metrics` when they succeed. Load balancers, orchestrators and scrapers ask for these every few "
                + "seconds."),
        SettingRow(
            "event_log", \.eventLog, .eventLogMode, default: "local",
            "The changes that get a line of the logger `events`, whatever `log_level` is. `local`: registrations and "
                + "deregistrations by this member's clients, and expiries on this member. `all`: also changes that "
                + "were received from other members or made by catalogs. `off`: none. Each change is also in `change_log`."
        ),
        SettingRow(
            "change_log", \.changeLog, .number(Limits.changeLog), default: "67108864",
            "The memory, in bytes, for the log of changes that `GET /api/v1/events` and `event_log` read, all "
                + "namespaces together. One namespace keeps at most 1 MiB and 10,000 changes. Over the limit, the "
                + "namespace with the most loses its oldest. 0 keeps none."
        ),

        SettingRow(
            "eureka", \.eureka, .boolean, default: "true",
            "Whether Eureka's API is served, beside the REST API and on the same ports (docs/eureka.md). Where it is off, "
                + "its paths are answered 404."),
        SettingRow(
            "eureka_peers", \.eurekaPeers, .urls, default: "none",
            "The base URLs of Netflix's servers to which what clients do in `eureka_namespace` is published, as by one of "
                + "their peers: `http://user:password@eureka-1:8761/eureka` (docs/from-eureka.md)."),
        SettingRow(
            "envoy_xds", \.envoyXDS, .boolean, default: "true",
            "Whether Envoy finds endpoints at `/v3/discovery:endpoints`, on the same ports as the REST API "
                + "(docs/envoy.md). Where it is off, the path is answered 404."),
        SettingRow(
            "xds_body_limit", \.xdsBodyLimit, .number(Limits.xdsBody), default: "1048576",
            "The bytes that the body of a request of Envoy's may have. Envoy 1.40 sends 77,400 of them, and more with "
                + "much metadata in its node. Bodies over 65,536 bytes take 64 MiB together at most."),

        SettingRow(
            "consul_api", \.consulAPI, .boolean, default: "true",
            "Whether the read half of Consul's HTTP API is served, beside the REST API and on the same ports "
                + "(docs/consul.md). Where it is off, its paths are answered 404."),
        SettingRow(
            "consul_datacenter", \.consulDatacenter, .label(Limits.consulDatacenterBytes), default: "dc1",
            "The datacenter that the read half of Consul's API names, and the only one that it answers for. It should be "
                + "the same on every member."),

        SettingRow(
            "namespace_capacity", \.namespaceCapacity, .limit(Limits.namespaceCapacity), default: "-1",
            "The most instances that a namespace may hold. A new registration over it is refused with 403; a repeated "
                + "registration and instances replicated by peers never are."),
        SettingRow(
            "default_ttl", \.defaultTTL, .duration(Limits.ttl), default: "30s",
            "The time to live of an instance that asks for none. It must lie between `min_ttl` and `max_ttl`."),
        SettingRow(
            "min_ttl", \.minTTL, .duration(Limits.ttl), default: "10s",
            "The shortest time to live; a shorter one is raised to it. The shorter it is, the more heartbeats arrive "
                + "for each instance."),
        SettingRow(
            "max_ttl", \.maxTTL, .duration(Limits.ttl), default: "10m",
            "The longest time to live; a longer one is lowered to it. It bounds how long a dead instance stays "
                + "listed."),

        SettingRow(
            "max_tags", \.maxTags, .number(Limits.tags), default: "256",
            "The most tags that a client may register an instance with; more are answered 400. Instances replicated "
                + "by peers are taken with more."),
        SettingRow(
            "max_tags_bytes", \.maxTagsBytes, .number(Limits.tagsBytes), default: "8192",
            "The most bytes that the tags of an instance may take together; more are answered 400. Every list with "
                + "the instance carries them."),

        SettingRow(
            "auth_mode", \.authMode, .authSchemes, default: "none",
            "How a credential becomes a namespace. `none`: all clients share the namespace `default`. `trusted`: the "
                + "bearer token is the namespace. `jwt`: a claim of a signed token names it. `mtls`: the client "
                + "certificate names it, by a URI `spiffe://…/ns/NAME` or by its subject's OU. Several schemes are "
                + "tried in the order given, as a comma separated list or by repeating the flag; `none` stands "
                + "alone."),
        SettingRow(
            "jwt_secret", secret: \.jwtSecret,
            "The secret that tokens are signed with by HS256; `jwt` needs this or `jwt_keys`. One shorter than "
                + "\(Limits.soundSecretBytes) bytes gets a warning. Every user of the machine can see a flag, so prefer "
                + "the file, which may hold several, one a line; a token signed with any of them is valid."
        ),
        SettingRow(
            "require_https", \.requireHTTPS, .boolean, default: "false",
            "Whether plain requests are redirected to the same URL under https, with 301 (GET and HEAD) or 308 (other "
                + "methods), unless a proxy says that the client used TLS. Clients over TLS are told to stay there "
                + "(HSTS). Liveness, health and metrics pages stay plain."),

        SettingRow(
            "max_connections", \.maxConnections, .number(Limits.connections), default: "50000",
            "The most open connections, all listeners together. One more is answered 503 or closed. At start it is "
                + "lowered to what the limit on open files allows, as the log line `serving` says. An idle "
                + "connection costs about 5 KB."),
        SettingRow(
            "max_connections_per_client", \.maxConnectionsPerClient, .number(Limits.connections), absent: "no limit",
            "The most open connections of one client address (of IPv6, one /64 network). One more is answered 503 or "
                + "closed. Clients behind one NAT or proxy share an address."),
        SettingRow(
            "max_watches", \.maxWatches, .number(Limits.connections), absent: "three quarters of the connections",
            "The most answers that are held until something changes, long polls and streams together (docs/watch.md). "
                + "One more is answered 429. The log line `serving` says what the default comes to. Each holds a "
                + "connection, and costs about 3 KB besides."),
        SettingRow(
            "header_timeout", \.headerTimeout, .duration(Limits.deadline), default: "10s",
            "How long a request line and headers may take, from the first byte to the last. Then the answer is 408, "
                + "and the connection is closed."),
        SettingRow(
            "request_timeout", \.requestTimeout, .duration(Limits.deadline), default: "30s",
            "How long a whole request may take to arrive, from the first byte to the last. Then the answer is 408, "
                + "and the connection is closed."),
        SettingRow(
            "idle_timeout", \.idleTimeout, .duration(Limits.deadline), default: "75s",
            "How long a connection may stay idle between requests, or before its first. Then it is closed. The "
                + "longer, the more idle connections are kept."),
        SettingRow(
            "answer_timeout", \.answerTimeout, .duration(Limits.deadline), default: "30s",
            "How long a client may take to read `max_buffered_output` bytes of an answer, or the rest of it. Then the "
                + "connection is closed and the rest of the answer is freed."),
        SettingRow(
            "max_buffered_input", \.maxBufferedInput, .number(Limits.bufferedInput), default: "131072",
            "The most bytes of one connection that are read ahead of the request being answered. The rest waits in "
                + "the kernel. Over TLS one record comes on top."),
        SettingRow(
            "max_buffered_output", \.maxBufferedOutput, .number(Limits.bufferedOutput), default: "1000000",
            "The bytes of an answer that a client must read within each `answer_timeout`. A smaller value tolerates "
                + "slower clients."),
        SettingRow(
            "max_buffered_total", \.maxBufferedTotal, .number(Limits.bufferedTotal), default: "268435456",
            "The most bytes of answers that may wait for all clients together. Over it, clients that read nothing are "
                + "closed, those with the most bytes waiting first, and answers that need 16 kB of memory or more "
                + "are refused with 503. It bounds the memory that slow clients cost, to within one answer for each "
                + "loop. Make it larger than the largest answer."),

        SettingRow(
            "rendered_cache", \.renderedCache, .number(Limits.renderedCache), default: "134217728",
            "The memory, in bytes, for rendered lists that are kept for the next client that asks, divided among the "
                + "loops and the threads that render long lists. The least recently used list goes first. With 0 "
                + "every list is rendered for its request. A list of a namespace takes about twice its length."),
        SettingRow(
            "render_bytes", \.renderBytes, .number(Limits.renderBytes), default: "268435456",
            "The most bytes of long lists that are being rendered at a time, all namespaces together. A list of more "
                + "than \(Limits.loopListInstances) instances or \(Limits.loopListBytes >> 20) MiB is long and "
                + "is rendered on a thread of its own. A list that would exceed the limit is answered 503. A higher "
                + "limit lets more tenants have long lists at a time; rendering takes up to three times as much "
                + "memory."),
        SettingRow(
            "render_bytes_namespace", \.renderBytesNamespace, .number(Limits.renderBytes), default: "67108864",
            "The most bytes of a long list that is being rendered for one namespace. A namespace has one long list "
                + "rendered at a time, so this bounds the longest list. At most `render_bytes`."
        ),

        SettingRow(
            "rate_limit_namespace", \.rateLimitNamespace, .number(Limits.rate), absent: "no limit",
            "The requests a second that a namespace may make, not counting heartbeats. More are answered 429 with "
                + "`Retry-After`."),
        SettingRow(
            "rate_limit_client", \.rateLimitClient, .number(Limits.rate), absent: "no limit",
            "The requests a second that a client address (of IPv6, a /64 network) may make, not counting heartbeats. "
                + "More are answered 429 with `Retry-After`. Clients behind one NAT or proxy share an address."),
        SettingRow(
            "rate_limit_namespace_heartbeats", \.rateLimitNamespaceHeartbeats, .number(Limits.rate), absent: "no limit",
            "The heartbeats a second that a namespace may send; other requests have their own limit. Too low a limit "
                + "makes leases expire: choose a multiple of instances ÷ (TTL ÷ 3)."),
        SettingRow(
            "rate_limit_client_heartbeats", \.rateLimitClientHeartbeats, .number(Limits.rate), absent: "no limit",
            "The heartbeats a second that a client address may send; other requests have their own limit."),
        SettingRow(
            "rate_limit_burst", \.rateLimitBurst, .duration(Limits.burst), default: "2s",
            "How much unused allowance is saved: after a pause, a client may make as many requests at once as the "
                + "rate allows in this time."),

        SettingRow(
            "fs_catalog", \.fsCatalog, .path, absent: "none",
            "A directory of files with instances, `NAMESPACE.json` each, which look-ups show beside those that are "
                + "registered. Changes are noticed at once where the file system reports them, and within 30 s "
                + "anywhere. With `auth_mode` none, all files are shown in the namespace `default`."),
        SettingRow(
            "eureka_url", \.eurekaURL, .urls, default: "none",
            "The servers of another Eureka, as its clients have them (`http://user:password@host:8761/eureka/v2`), "
                + "separated by commas or by repeating the flag. Look-ups show what it has beside what is registered. "
                + "The next server is asked when one does not answer. Certificates are verified."),
        SettingRow(
            "eureka_namespace", \.eurekaNamespace, .name(Limits.eurekaNamespaceBytes), default: "default",
            "The namespace in which the instances of `eureka_url` are shown, and whose changes are published to "
                + "`eureka_peers`. With `auth_mode` none it is `default`."),
        SettingRow(
            "eureka_ca", \.eurekaCA, .path, absent: "the system's",
            "The certificate authorities, in PEM, that issue the certificates of the servers in `eureka_url`. "
                + "A changed file is noticed within 30 s."),
        SettingRow(
            "k8s_url", \.k8sURL, .url, absent: "none",
            "The API server of a Kubernetes cluster, whose services are shown beside those that are registered. In a "
                + "pod it is not needed: `k8s_namespaces` alone asks the pod's own cluster, with its service account."
        ),
        SettingRow(
            "k8s_token", secret: \.k8sToken,
            "The token that the API server is shown; it must be allowed to list and watch EndpointSlices, and pods "
                + "with `k8s_pod_labels`. A changed file is noticed within seconds. Without `k8s_url` the default is "
                + "the token of the pod's service account, which is read again every minute."),
        SettingRow(
            "k8s_ca", \.k8sCA, .path, absent: "none",
            "The certificate authorities, in PEM, that the API server is believed by. Without it those of the "
                + "system are used; without `k8s_url` those of the pod's service account. A changed file is noticed "
                + "within seconds."),
        SettingRow(
            "k8s_namespaces", \.k8sNamespaces, .kubernetesNamespaces, absent: "default",
            "The namespaces of Kubernetes that are shown, `NAME` under its own name or `NAME=OURS` in another of "
                + "this registry; `*` is all of the cluster. Each named one costs a connection, `*` one for all. With "
                + "`auth_mode` none, all are shown in the namespace `default`. Set without `k8s_url`, in a pod, it has "
                + "the pod's own cluster read."),
        SettingRow(
            "k8s_pod_labels", \.k8sPodLabels, .boolean, default: "false",
            "Whether the labels of pods are tags of their instances, `key=value`, by which clients route to versions. "
                + "It watches the metadata of all pods of `k8s_namespaces`, which costs the API server and memory here."
        ),
        SettingRow(
            "catalog_max_age", \.catalogMaxAge, .duration(Limits.catalogMaxAge), default: "1h",
            "How long instances of a source (`fs_catalog`, `eureka_url`, `k8s_url`) are shown after it was read "
                + "last. While a source cannot be read, what it had is shown for so long, and then no more. A longer "
                + "time lists dead instances for longer; a shorter one makes clients depend on the source's own health."
        ),

        SettingRow(
            "cluster_size", \.clusterSize, .members(Limits.clusterSize), default: "1",
            "The number of members, this one included, that make a healthy cluster. 0 counts as 1; two and more need "
                + "`replication`. With fewer members the log has an error and the cluster is shown as unhealthy. "
                + "With 1, a member that finds no other is ready at once; with more, it waits for `sync_timeout`."),
        SettingRow(
            "cluster_size_required", \.clusterSizeRequired, .boolean, default: "false",
            "Whether `/readyz` also answers 503 while there are fewer members than `cluster_size`. Then the smaller "
                + "side of a partitioned cluster gets no traffic; with too few members left, no side does."),
        SettingRow(
            "on_isolation", \.onIsolation, .isolation, default: "hold",
            "What a member that is cut off (connected to fewer than half of the other members) does with instances "
                + "that sent their last heartbeat to another member. `hold` keeps them, marked as overdue, for at "
                + "most `expiry_hold`. `expire` lets them expire, although they may be alive."),
        SettingRow(
            "cluster_dir", \.clusterDirectory, .path, absent: "none",
            "The directory, shared by all members, in which each member announces itself by a file. A member is not "
                + "ready until it has once read the directory and written its file."),
        SettingRow(
            "cluster_peers", \.clusterPeers, .peerNames, default: "none",
            "The members as host or host:port, separated by commas; this member may be among them. Without a port, "
                + "`replication_port` is used. A host name stands for all its addresses and is looked up again every "
                + "few seconds."),
        SettingRow(
            "cluster_dns", \.clusterDNS, .peerName, absent: "none",
            "A DNS name, with or without a port, whose addresses are the members, such as that of a headless service. "
                + "It is looked up again every few seconds. Without a port, `replication_port` is used."),
        SettingRow(
            "advertise_address", \.advertiseAddress, .advertisedAddress,
            absent: "the listen address, or the machine's first",
            "The numeric address, with or without a port, at which the other members connect to this one. By default "
                + "it is `listen_address` where that is one address, else the machine's first address that is not "
                + "the loopback; the port is the open replication port."),
        SettingRow(
            "member_name", \.memberName, .name(Limits.memberNameBytes), absent: "the host name",
            "The name of this member: `member_name` in each of its log lines, and `name` in the other members' log "
                + "lines and in `/api/v1/cluster`. A certificate may be bound to it. Without replication it is in "
                + "the log only when it is set."),
        SettingRow(
            "cluster_secret", secret: \.clusterSecret,
            "The secret that all members share. Each member proves to the other that it knows the secret before "
                + "anything is replicated, and authenticates every frame after that. A secret shorter than "
                + "\(Limits.soundClusterSecretBytes) bytes gets a warning. It authenticates and does not encrypt: "
                + "where others can read the network, use `replication_tls` as well. The file may hold several "
                + "secrets, one a line: this member proves the first, and accepts each."),
        SettingRow(
            "replication", \.replication, .boolean, default: "false",
            "Whether the members replicate each other's instances."),
        SettingRow(
            "replication_port", \.replicationPort, .port, default: "6100",
            "The port to which peers connect for replication."),
        SettingRow(
            "replication_tls", \.replicationTLS, .boolean, default: "false",
            "Whether members speak TLS with each other, each side with a certificate. It needs "
                + "`replication_tls_cert`, `replication_tls_key` and `replication_tls_ca`. Changed files are noticed "
                + "within seconds, and at once on SIGHUP."),
        SettingRow(
            "replication_tls_cert", \.replicationTLSCertificate, .path, absent: "none",
            "This member's certificate and its chain, in PEM. The member shows it both as a server and as a client, "
                + "so it must be valid for both."),
        SettingRow(
            "replication_tls_key", \.replicationTLSKey, .path, absent: "none",
            "The private key of `replication_tls_cert`, in PEM and not encrypted."),
        SettingRow(
            "replication_tls_ca", \.replicationTLSCA, .path, absent: "none",
            "The certificate authorities, in PEM, that issue the members' certificates."),
        SettingRow(
            "replication_tls_name", \.replicationTLSName, .name(Limits.memberNameBytes), absent: "each member's own",
            "A DNS name, address or URI that the certificate of every member carries, and no other certificate. By "
                + "default a member's certificate must carry that member's advertised address or its `member_name`."),
        SettingRow(
            "replication_plain", \.replicationPlain, .boolean, default: "false",
            "Whether legacy peers (members that run the original Amalgam8 registry and cannot authenticate) are "
                + "accepted and read although `cluster_secret` or `replication_tls` is set; without both they always "
                + "are. It is for the time of a rolling upgrade: while it is on, anyone who reaches the port can "
                + "read and change everything. With an `auth_mode` it is also what allows replication without "
                + "`cluster_secret` and `replication_tls`."
        ),
        SettingRow(
            "replication_queue_bytes", \.replicationQueueBytes, .number(Limits.replicationQueueBytes),
            default: "8388608",
            "The most bytes that may wait for one peer. Over it they are dropped, and the peer gets a full copy once "
                + "it reads again. A higher limit avoids copies and costs memory for each peer."),
        SettingRow(
            "replication_queue_changes", \.replicationQueueChanges, .number(Limits.replicationQueueChanges),
            default: "200000",
            "The most changes that one peer may leave unacknowledged. Over it the peer gets a full copy, as with "
                + "`replication_queue_bytes`."),
        SettingRow(
            "tombstone_time", \.tombstoneTime, .duration(Limits.tombstoneTime), default: "24h",
            "How long the tombstone of a deregistration is kept, so that a member that has not received the "
                + "deregistration cannot undo it. Make it longer than `max_ttl` and than the longest time that "
                + "members are disconnected from each other."),
        SettingRow(
            "tombstone_bytes", \.tombstoneBytes, .number(Limits.tombstoneBytes), default: "268435456",
            "The memory, in bytes, for tombstones of all namespaces together, about 100 bytes each and 300 for each "
                + "namespace; one namespace may use a sixteenth of it. A namespace over its part loses its oldest "
                + "tombstones; when all together are over the limit, the namespaces with the most do."),
        SettingRow(
            "sync_timeout", \.syncTimeout, .duration(Limits.syncTimeout), default: "30s",
            "How long a starting member looks for a peer to copy from before it serves what it has. As long as a "
                + "peer answers, it waits for the copy instead. Also how long the cluster may be unhealthy before "
                + "`/uptime` shows it. A longer time delays the first member of a cluster by as much."),
        SettingRow(
            "acknowledge", \.acknowledge, .acknowledge, default: "all",
            "When a registration or deregistration is answered. `all`: when all members that are connected and keep "
                + "up have it, so that its client finds it at each of them and it survives the loss of the member "
                + "that took it. `local`: when this member alone has it, for members that are far apart."
        ),
        SettingRow(
            "acknowledge_timeout", \.acknowledgeTimeout, .duration(Limits.acknowledgeTimeout), default: "100ms",
            "How long a change waits for a member's acknowledgment. A member that takes longer is left out, and "
                + "notified, until it keeps up again; meanwhile its answers may lack changes (`X-Registry-Stale`). "
                + "Choose more than the round-trip time between members, and less than clients wait."),
    ]
}
