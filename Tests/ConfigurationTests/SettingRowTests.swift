// Each row on its own: which texts it takes, what they come to, and that its default is one of them.
import Testing

@testable import Configuration

struct SettingRowTests {
    /// What the row shows after being given the text by its flag, or the error's sentence.
    private func outcome(_ name: String, _ text: String) -> Result<String, SettingError> {
        // Wide bounds, so that one TTL can be tested without the others getting in its way.
        var flags = [
            "min_ttl": ["1ms"], "max_ttl": ["1193046h28m15s"], "jwt_secret": [String(repeating: "k", count: 32)],
        ]
        // A certificate has its key, and a policy for clients its authorities.
        if name.hasPrefix("tls_") {
            flags["tls_cert"] = ["cert.pem"]
            flags["tls_key"] = ["key.pem"]
            flags["tls_client_ca"] = ["ca.pem"]
            flags["tls_client_auth"] = ["require"]
        }
        if name == "tls_client_auth", text == "none" { flags["tls_client_ca"] = nil }
        if name == "auth_mode", text.contains("mtls") {
            flags.merge(["tls_cert": ["c"], "tls_key": ["k"], "tls_client_ca": ["a"], "tls_client_auth": ["optional"]])
            { $1 }
        }
        if name == "operations_auth" { flags["operator_token"] = [String(repeating: "t", count: 32)] }
        if name == "jwt_operator_claim" { flags["jwt_keys"] = ["keys.pem"] }
        if name == "operator_cert_name" {
            flags.merge(["tls_cert": ["c"], "tls_key": ["k"], "tls_client_ca": ["a"], "tls_client_auth": ["optional"]])
            { $1 }
        }
        // Several members replicate.
        if name == "cluster_size" { flags["replication"] = ["true"] }
        if name.hasPrefix("replication_tls"), !Self.booleans.contains(where: { $0 == (text, "false") }) {
            flags.merge([
                "replication_tls": ["true"], "replication_tls_cert": ["c"], "replication_tls_key": ["k"],
                "replication_tls_ca": ["a"],
            ]) { $1 }
        }
        // The two ports differ.
        if name == "dns_port" { flags["api_port"] = ["0"] }
        if Settings.tokenRows.contains(where: { $0.name == name }) { flags["auth_mode"] = ["jwt"] }
        if name == "jwt_ca" { flags["jwt_jwks_url"] = ["https://id.example/keys"] }
        if name == "forwarded" { flags["trusted_proxies"] = ["10.0.0.1"] }
        // Without the one port there is the other.
        if name == "api_port", text == "off" { flags.merge(["tls_cert": ["c"], "tls_key": ["k"]]) { $1 } }
        if name.hasPrefix("store_") {
            flags["store"] = ["redis"]
            if name == "store_user" { flags["store_password"] = ["p"] }
            if name == "store_sentinel_password" { flags["store_sentinel"] = ["m@a"] }
            if name.hasPrefix("store_tls") {
                flags.merge(["store_address": ["rediss://a"], "store_tls_cert": ["c"], "store_tls_key": ["k"]]) { $1 }
            }
        }
        flags[name] = [text]
        return Result { () throws(SettingError) in
            let resolved = try Settings.resolve(flags: flags, environment: [:], readFile: { _ in [] })
            return Settings.rows.first { $0.name == name }?.show(resolved.settings) ?? "no such row"
        }
    }

    private static let ports = [("0", "0"), ("1", "1"), ("8080", "8080"), ("65535", "65535"), ("off", "off")]
    private static let notPorts = ["65536", "80800", "-1", "http", "OFF", "", " 80", "80 ", "0x50"]
    private static let booleans = [
        ("1", "true"), ("t", "true"), ("T", "true"), ("TRUE", "true"), ("true", "true"), ("True", "true"),
        ("0", "false"), ("f", "false"), ("F", "false"), ("FALSE", "false"), ("false", "false"), ("False", "false"),
    ]
    private static let notBooleans = ["", "yes", "on", "2", "tRUE"]

    private static let deadlines = [("1s", "1s"), ("1m30s", "1m30s"), ("12h", "12h0m0s")]
    private static let notDeadlines = ["", "0s", "999ms", "12h0m1s", "10", "never"]
    private static let rates = [("1", "1"), ("1000000", "1000000")]
    private static let notRates = ["", "0", "-1", "1000001", "0.5"]

    static let valid: [(name: String, texts: [(String, String)])] = [
        ("config_file", [("/etc/registry.conf", "/etc/registry.conf")]),
        ("api_port", ports),
        ("https_port", ports),
        (
            "listen_address",
            [("0.0.0.0", "0.0.0.0"), ("127.0.0.1", "127.0.0.1"), ("::", "::"), ("2001:db8::1", "2001:db8::1")]
        ),
        ("port_file", [("/run/registry.ports", "/run/registry.ports"), ("ports", "ports")]),
        ("loops", [("1", "1"), ("256", "256")]),
        ("drain_time", [("0", "0s"), ("5s", "5s"), ("1h", "1h0m0s")]),
        ("tls_cert", [("/etc/tls/server.pem", "/etc/tls/server.pem")]),
        ("tls_key", [("/etc/tls/key.pem", "/etc/tls/key.pem")]),
        ("tls_client_ca", [("/etc/tls/ca.pem", "/etc/tls/ca.pem")]),
        ("tls_client_auth", ["none", "optional", "require"].map { ($0, $0) }),
        ("tls_client_crl", [("/etc/tls/revoked.pem", "/etc/tls/revoked.pem")]),
        (
            "trusted_proxies",
            [
                ("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.0/8, ::1", "10.0.0.0/8,::1"), ("192.0.2.1", "192.0.2.1"),
                ("0.0.0.0/0", "0.0.0.0/0"), ("2001:db8::/32", "2001:db8::/32"), ("::/0", "::/0"), ("any", "any"),
            ]
        ),
        ("forwarded", [("x-forwarded", "x-forwarded"), ("rfc7239", "rfc7239")]),
        (
            "cors_origins",
            [
                ("none", "none"), ("*", "*"), ("https://console.example", "https://console.example"),
                ("http://localhost:3000, https://a-b.example:8443", "http://localhost:3000,https://a-b.example:8443"),
                ("http://[::1]:3000,http://[::1]", "http://[::1]:3000,http://[::1]"),
                ("chrome-extension://abc", "chrome-extension://abc"),
            ]
        ),
        (
            "log_level",
            ["debug", "info", "warn", "error", "fatal", "panic"].map { ($0, $0) } + [
                ("warning", "warn"), ("WARNING", "warn"), ("Debug", "debug"),
            ]
        ),
        ("log_format", ["text", "json", "logstash"].map { ($0, $0) }),
        ("access_log", ["all", "errors", "off"].map { ($0, $0) }),
        ("access_log_probes", booleans),
        ("event_log", ["local", "all", "off"].map { ($0, $0) }),
        ("change_log", [("0", "0"), ("1099511627776", "1099511627776")]),
        ("eureka", booleans),
        ("eureka_peers", [("none", "none"), ("http://u:p@a:8761/eureka", "http://u:***@a:8761/eureka")]),
        ("envoy_xds", booleans), ("xds_body_limit", [("65536", "65536"), ("16777216", "16777216")]),
        ("consul_api", booleans), ("consul_datacenter", [("dc1", "dc1"), ("Eu_West-1", "Eu_West-1")]),
        ("namespace_capacity", [("-1", "-1"), ("0", "0"), ("50", "50"), ("1000000000", "1000000000")]),
        ("default_ttl", [("30s", "30s"), ("1m30s", "1m30s"), ("500ms", "500ms"), ("1h", "1h0m0s")]),
        ("min_ttl", [("1ms", "1ms"), ("30s", "30s")]),
        ("max_ttl", [("30s", "30s"), ("1193046h28m15s", "1193046h28m15s")]),
        ("max_tags", [("0", "0"), ("65536", "65536")]),
        ("max_tags_bytes", [("0", "0"), ("65536", "65536")]),
        (
            "auth_mode",
            [
                ("none", "none"), ("trusted", "trusted"), ("jwt", "jwt"), ("jwt,trusted", "jwt,trusted"),
                ("trusted, jwt", "trusted,jwt"),
                ("mtls", "mtls"), ("mtls,jwt", "mtls,jwt"),
            ]
        ),
        ("jwt_secret", [("s", "***"), ("with space", "***")]),
        ("require_https", booleans),
        ("max_connections", [("1", "1"), ("1000000", "1000000")]),
        ("max_connections_per_client", [("1", "1"), ("1000000", "1000000")]),
        ("max_watches", [("1", "1"), ("1000000", "1000000")]),
        ("header_timeout", deadlines),
        ("request_timeout", deadlines),
        ("idle_timeout", deadlines),
        ("answer_timeout", deadlines),
        ("max_buffered_input", [("98304", "98304"), ("16777216", "16777216")]),
        ("max_buffered_output", [("65536", "65536"), ("1073741824", "1073741824")]),
        ("max_buffered_total", [("1048576", "1048576"), ("1099511627776", "1099511627776")]),
        ("rendered_cache", [("0", "0"), ("1099511627776", "1099511627776")]),
        ("render_bytes", [("67108864", "67108864"), ("1099511627776", "1099511627776")]),
        ("render_bytes_namespace", [("2097152", "2097152"), ("268435456", "268435456")]),
        ("rate_limit_namespace", rates),
        ("rate_limit_client", rates),
        ("rate_limit_namespace_heartbeats", rates),
        ("rate_limit_client_heartbeats", rates),
        ("rate_limit_burst", [("1s", "1s"), ("1h", "1h0m0s")]),
        ("fs_catalog", [("/etc/registry/catalog", "/etc/registry/catalog")]),
        (
            "eureka_url",
            [
                ("none", "none"),
                ("http://a:8761/eureka/v2,https://u:p@b/eureka", "http://a:8761/eureka/v2,https://u:***@b/eureka"),
            ]
        ),
        ("eureka_namespace", [("default", "default"), ("tenant-a", "tenant-a")]),
        ("eureka_ca", [("/ca.pem", "/ca.pem")]),
        ("k8s_url", [("https://10.0.0.1:6443", "https://10.0.0.1:6443"), ("http://[::1]/k8s", "http://[::1]/k8s")]),
        ("k8s_token", [("t", "***")]),
        ("k8s_ca", [("/etc/ca.pem", "/etc/ca.pem")]),
        (
            "k8s_namespaces",
            [("*", "*"), ("prod,shop=tenant-a", "prod,shop=tenant-a"), ("team=default, *", "*,team=default")]
        ),
        ("k8s_pod_labels", booleans),
        ("catalog_max_age", [("2m", "2m0s"), ("1h", "1h0m0s")]),
        ("cluster_size", [("0", "1"), ("1", "1"), ("1000", "1000")]),
        ("cluster_size_required", booleans),
        ("on_isolation", [("hold", "hold"), ("expire", "expire")]),
        ("cluster_dir", [("/var/cluster", "/var/cluster")]),
        (
            "cluster_peers",
            [("none", "none"), ("a", "a"), ("a:1, 10.0.0.2,[fd00::3]:6100", "a:1,10.0.0.2,[fd00::3]:6100")]
        ),
        ("cluster_dns", [("registry.default.svc", "registry.default.svc"), ("registry:6100", "registry:6100")]),
        (
            "advertise_address",
            [
                ("10.0.0.1", "10.0.0.1"), ("10.0.0.1:1", "10.0.0.1:1"), ("[FD00::1]:1", "[fd00::1]:1"),
                ("fd00::1", "fd00::1"),
            ]
        ),
        ("member_name", [("registry-1", "registry-1")]),
        ("cluster_secret", [("0123456789abcdef", "***")]),
        ("replication", booleans),
        ("replication_port", ports),
        ("replication_tls", booleans),
        ("replication_tls_cert", [("/cert.pem", "/cert.pem")]),
        ("replication_tls_key", [("/key.pem", "/key.pem")]),
        ("replication_tls_ca", [("/ca.pem", "/ca.pem")]),
        ("replication_tls_name", [("registry.cluster", "registry.cluster")]),
        ("replication_plain", booleans),
        ("replication_queue_bytes", [("1048576", "1048576"), ("1073741824", "1073741824")]),
        ("replication_queue_changes", [("1000", "1000"), ("10000000", "10000000")]),
        ("tombstone_time", [("10m", "10m0s"), ("720h", "720h0m0s")]),
        ("tombstone_bytes", [("1048576", "1048576"), ("1099511627776", "1099511627776")]),
        ("sync_timeout", [("0", "0s"), ("30s", "30s"), ("1h", "1h0m0s")]),
        ("acknowledge", ["all", "local"].map { ($0, $0) }),
        ("acknowledge_timeout", [("10ms", "10ms"), ("100ms", "100ms"), ("5s", "5s")]),
        ("expiry_hold", [("1s", "1s"), ("24h", "24h0m0s")]),
        ("expiry_budget", [("off", "off"), ("0", "off"), ("1%", "1%"), ("20%", "20%"), ("100%", "100%")]),
        ("snapshot_file", [("/var/lib/registry/state", "/var/lib/registry/state")]),
        ("snapshot_interval", [("1s", "1s"), ("24h", "24h0m0s")]),
        ("store", [("inmem", "inmem"), ("MEMORY", "inmem"), ("redis", "redis"), ("Redis", "redis")]),
        (
            "store_address",
            [
                ("redis", "redis:6379"), ("a:1, 10.0.0.2,[FD00::3]:3,::1", "a:1,10.0.0.2:6379,[fd00::3]:3,[::1]:6379"),
                ("redis://a", "redis://a:6379"), ("rediss://a:1,b/3", "rediss://a:1,b:6379/3"),
                ("redis://u:p%40%3a/@[::1]:2/", "redis://u:***@[::1]:2"), ("redis://:p@a/0", "redis://:***@a:6379/0"),
                ("redis://:@a", "redis://a:6379"),
            ]
        ),
        ("store_user", [("registry", "registry")]),
        ("store_password", [("s", "***"), ("with space", "***")]),
        ("store_db", [("0", "0"), ("65535", "65535")]),
        ("store_prefix", [("a8", "a8"), ("Eu-1_b.c:d", "Eu-1_b.c:d")]),
        (
            "store_sentinel",
            [
                ("mymaster@a", "mymaster@a:26379"), ("m@a:1,[::1]", "m@a:1,[::1]:26379"),
                ("rediss://m@a", "rediss://m@a:26379"),
            ]
        ),
        ("store_sentinel_password", [("s", "***")]),
        ("store_cluster", booleans),
        ("store_tls_ca", [("/ca.pem", "/ca.pem")]),
        ("store_tls_cert", [("/cert.pem", "/cert.pem")]),
        ("store_tls_key", [("/key.pem", "/key.pem")]),
        ("store_wait", [("0", "0"), ("10", "10")]),
        ("store_timeout", [("100ms", "100ms"), ("1s", "1s"), ("30s", "30s")]),
        (
            "operator_token",
            [(String(repeating: "t", count: 32), "***"), (String(repeating: "~", count: 1_024), "***")]
        ),
        ("operator_cert_name", [("spiffe://mesh/ops", "spiffe://mesh/ops"), ("ops.example", "ops.example")]),
        ("operations_auth", ["none", "operator"].map { ($0, $0) }),
        ("quotas_file", [("/quotas.json", "/quotas.json")]), ("audit_file", [("audit", "audit")]),
        ("audit_log", booleans), ("dns_port", ports),
        ("dns_domain", [("a8", "a8"), ("A8.Example.Com.", "a8.example.com"), ("1-a", "1-a")]),
        ("dns_ttl", [("0s", "0s"), ("1s", "1s"), ("12h", "12h0m0s")]),
        ("dns_udp_max", [("512", "512"), ("65507", "65507")]),
        (
            "dns_namespaces",
            [
                ("none", "none"), ("shop=tenant-a", "shop=tenant-a"),
                ("a=b, ops=team/x@10.1.0.0/16", "a=b,ops=team/x@10.1.0.0/16"),
            ]
        ),
        ("dns_allow", [("10.0.0.0/8, ::1", "10.0.0.0/8,::1"), ("any", "0.0.0.0/0,::/0")]),
        ("dns_rate_limit", [("-1", "-1"), ("1", "1"), ("1000000", "1000000")]),
        ("jwt_keys", [("/etc/keys.json", "/etc/keys.json")]),
        ("jwt_issuer", [("https://id.example/realm", "https://id.example/realm"), ("joe", "joe")]),
        ("jwt_jwks_url", [("https://id.example/keys", "https://id.example/keys")]),
        ("jwt_ca", [("/ca.pem", "/ca.pem")]),
        ("jwt_audience", [("registry", "registry"), ("https://registry.example/", "https://registry.example/")]),
        (
            "jwt_namespace_claim",
            [
                ("tenant", "tenant"), ("realm_access.tenant", "realm_access.tenant"),
                ("https://example.com/tenant", "https://example.com/tenant"), ("urn:a..b", "urn:a..b"),
            ]
        ),
        (
            "jwt_operator_claim",
            [
                "registry_operator", "realm_access.roles=registry-operator", "groups=Registry Admins",
                "groups=CN=ops,OU=x", "cognito:groups=ops", "https://example.com/roles=é",
            ].map { ($0, $0) }
        ),
    ]

    static let invalid: [(name: String, texts: [String])] = [
        ("config_file", [""]),
        ("api_port", notPorts),
        ("https_port", notPorts),
        ("listen_address", ["", "localhost", "256.0.0.1", "127.1", "[::]", "0.0.0.0:80", "::1%lo"]),
        ("port_file", [""]),
        ("loops", ["0", "257", "-1", "auto", "1.5", ""]),
        ("drain_time", ["", "-1s", "1h1ns", "5"]),
        ("tls_cert", [""]),
        ("tls_key", [""]),
        ("tls_client_ca", [""]),
        ("tls_client_auth", ["", "required", "yes", "NONE"]),
        ("tls_client_crl", [""]),
        (
            "trusted_proxies",
            [
                "", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/", "10.0.0.0/-1", "localhost", "10.0.0.0/8,",
                "10/8", "::1/0",
                "any,10.0.0.1",
            ]
        ),
        ("forwarded", ["", "none", "X-Forwarded", "rfc7239,x-forwarded", "true"]),
        (
            "cors_origins",
            [
                "", "*,https://a", "none,https://a", "https://a,", "a.example", "https://A", "HTTPS://a", "https://a/",
                "https://a:443",
                "http://a:80",
                "http://a:",
                "http://a:x", "http://a:070", "http://", "null", "https://*.example", "http://[]", "http://a:65536",
            ]
        ),
        ("log_level", ["", "trace", "warnings", "5"]),
        ("log_format", ["", "xml", "JSON"]),
        ("access_log", ["", "none", "true", "ALL"]),
        ("access_log_probes", notBooleans),
        ("event_log", ["", "none", "true", "ALL"]),
        ("change_log", ["", "-1", "1099511627777", "64M"]),
        ("eureka", notBooleans),
        ("eureka_peers", ["", "a:8761", "ftp://a", "http://a,,http://b"]),
        ("envoy_xds", notBooleans), ("xds_body_limit", ["", "65535", "16777217", "1m"]),
        ("consul_api", notBooleans), ("consul_datacenter", ["", "a b", "a.b", String(repeating: "a", count: 65)]),
        ("namespace_capacity", ["", "-2", "1000000001", "99999999999999999999", "many", "1e3"]),
        ("default_ttl", ["", "0", "0s", "-1s", "30", "999us", "1193046h28m16s", "soon"]),
        ("min_ttl", ["", "0s", "-10s", "10"]),
        ("max_ttl", ["", "0s", "-10s", "10"]),
        ("max_tags", ["", "-1", "65537", "many"]),
        ("max_tags_bytes", ["", "-1", "65537", "8k"]),
        ("auth_mode", ["", "basic", "none,trusted", "trusted,none", "jwt,jwt", "trusted,", ",", "JWT"]),
        ("jwt_secret", ["", String(repeating: "x", count: 65_537)]),
        ("require_https", notBooleans),
        ("max_connections", ["", "0", "-1", "1000001", "many"]),
        ("max_connections_per_client", ["", "0", "-1", "1000001"]),
        ("max_watches", ["", "0", "-1", "1000001"]),
        ("header_timeout", notDeadlines),
        ("request_timeout", notDeadlines),
        ("idle_timeout", notDeadlines),
        ("answer_timeout", notDeadlines),
        ("max_buffered_input", ["", "98303", "16777217", "128k"]),
        ("max_buffered_output", ["", "65535", "1073741825"]),
        ("max_buffered_total", ["", "1048575", "1099511627777"]),
        ("rendered_cache", ["", "-1", "1099511627777", "64M"]),
        ("render_bytes", ["", "2097151", "1099511627777", "64M"]),
        ("render_bytes_namespace", ["", "2097151", "1099511627777"]),
        ("rate_limit_namespace", notRates),
        ("rate_limit_client", notRates),
        ("rate_limit_namespace_heartbeats", notRates),
        ("rate_limit_client_heartbeats", notRates),
        ("rate_limit_burst", ["", "0s", "999ms", "1h1ns", "2"]),
        ("fs_catalog", [""]), ("eureka_url", ["", "host", "ftp://a", "http://", "http://a b", "http://a,,http://b"]),
        ("eureka_namespace", [""]), ("eureka_ca", [""]),
        ("k8s_url", ["", "10.0.0.1:6443", "ftp://a", "https://u:p@a"]),
        ("k8s_token", ["", String(repeating: "x", count: 65_537)]), ("k8s_ca", [""]),
        ("k8s_namespaces", ["", "Prod", "a,,b", "a=", "a,a", "-a", "a=b c"]), ("k8s_pod_labels", notBooleans),
        ("catalog_max_age", ["", "0s", "119s", "9000h"]),
        ("cluster_size", ["", "-1", "1001", "three"]),
        ("cluster_size_required", notBooleans),
        ("on_isolation", ["", "Hold", "none"]),
        ("cluster_dir", [""]),
        ("cluster_peers", ["", ",", "a,,b", "a:0", "a:65536", "a:x", "10.0.0.256", "a b:"]),
        ("cluster_dns", ["", "a,b", "a:0", "-:"]),
        ("advertise_address", ["", "registry", "0.0.0.0", "::", "10.0.0.1:0", "10.0.0.1:"]),
        ("member_name", ["", "a b", "ä", String(repeating: "x", count: 256)]),
        ("cluster_secret", ["", String(repeating: "x", count: 65_537)]),
        ("replication", notBooleans),
        ("replication_port", notPorts),
        ("replication_tls", notBooleans),
        ("replication_tls_cert", [""]),
        ("replication_tls_key", [""]),
        ("replication_tls_ca", [""]),
        ("replication_tls_name", ["", "a b"]),
        ("replication_plain", notBooleans),
        ("replication_queue_bytes", ["", "1048575", "1073741825", "-1"]),
        ("replication_queue_changes", ["", "999", "10000001"]),
        ("tombstone_time", ["", "9m59s", "721h"]),
        ("tombstone_bytes", ["", "1048575", "1099511627777", "-1"]),
        ("sync_timeout", ["", "-1s", "1h1ns", "30"]),
        ("acknowledge", ["", "none", "ALL", "quorum"]),
        ("acknowledge_timeout", ["", "9ms", "5001ms", "100"]),
        ("expiry_hold", ["", "0", "999ms", "24h1s"]),
        ("expiry_budget", ["", "%", "0%", "20", "101%", "-1%", "+5%", "2.5%", "20 %", "99999999999999999999%"]),
        ("snapshot_file", [""]), ("snapshot_interval", ["", "0", "999ms", "24h1s"]),
        ("store", ["", "etcd", "redis ", "none"]),
        (
            "store_address",
            [
                "", ",", "a,,b", "a:0", "a:65536", "http://a", "redis://", "redis:///0", "redis://a/x",
                "redis://a/65536", "redis://a/-1", "redis://a/0/1", "redis://a?db=1", "redis://u:p@", "redis://u:%4@a",
                "redis://%ff:p@a", "redis:/u:p@a", "u:p@a", "redis://u:p@a/x",
            ]
        ),
        ("store_user", ["", "a b"]),
        ("store_password", ["", String(repeating: "x", count: 65_537)]),
        ("store_db", ["", "-1", "65536", "a"]),
        ("store_prefix", ["", "a b", "{a}", "a/b", "ä", String(repeating: "a", count: 65)]),
        ("store_sentinel", ["", "a", "@a", "m@", "m@a,,b", "m@a:0", "m@u@a", "redis://m@a", "a/b@c"]),
        ("store_sentinel_password", ["", String(repeating: "x", count: 65_537)]),
        ("store_cluster", notBooleans),
        ("store_tls_ca", [""]), ("store_tls_cert", [""]), ("store_tls_key", [""]),
        ("store_wait", ["", "-1", "11", "all"]),
        ("store_timeout", ["", "99ms", "30001ms", "1"]),
        (
            "operator_token",
            [
                "", String(repeating: "t", count: 31), String(repeating: "t", count: 1_025),
                String(repeating: "t", count: 40) + " x", String(repeating: "t", count: 40) + "\n",
                String(repeating: "é", count: 40),
            ]
        ),
        ("operator_cert_name", ["", "a b", "ä", String(repeating: "x", count: 256)]),
        ("operations_auth", ["", "open", "Operator", "true"]),
        ("quotas_file", [""]), ("audit_file", [""]), ("audit_log", notBooleans),
        ("dns_port", notPorts),
        (
            "dns_domain",
            [
                "", ".", "a..b", "-a", "a b", "a_b", String(repeating: "a", count: 64), "a.b.c..",
                String(repeating: "a.", count: 33),
            ]
        ),
        ("dns_ttl", ["", "-1s", "12h0m1s", "1"]),
        ("dns_udp_max", ["", "511", "65508", "8k"]),
        (
            "dns_namespaces",
            [
                "", "a", "=b", "a=", "A=b", "a_b=c", "a=b,a=c", "a=b@", "a=b@10.0.0.1/8", "a=b@c", "-a=b", "a=b,",
                "a=b@::1@::2",
            ]
        ),
        ("dns_allow", ["", "10.0.0.1/8", "all", "10.0.0.0/8,any"]),
        ("dns_rate_limit", ["", "0", "-2", "1000001"]),
        ("jwt_keys", [""]), ("jwt_issuer", ["", "a b", String(repeating: "x", count: 1_025)]),
        ("jwt_jwks_url", ["", "id.example", "https://u:p@a"]), ("jwt_ca", [""]),
        ("jwt_audience", ["", "ä"]), ("jwt_namespace_claim", ["", ".", "a..b", "a.", ".a", "a b"]),
        (
            "jwt_operator_claim",
            [
                "", ".", "a..b", "a b", "=", "=x", "a=", "a= x", "a=x ", "a=x\u{7}", "a=x\u{85}", ".=x",
                "a=" + String(repeating: "x", count: 1_023),
            ]
        ),
    ]

    @Test(arguments: valid.map(\.name))
    func `a row takes what it allows and shows its canonical spelling`(name: String) throws {
        for (text, shown) in try #require(Self.valid.first { $0.name == name }).texts {
            #expect(outcome(name, text) == .success(shown), "\(name)=\(text)")
        }
    }

    @Test(arguments: invalid.map(\.name))
    func `a row refuses the rest, naming itself, the source, the value and what is allowed`(name: String) throws {
        // R903 An invalid value stops the start with a sentence that names the setting, the value and what is allowed.
        let row = try #require(Settings.rows.first { $0.name == name })
        for text in try #require(Self.invalid.first { $0.name == name }).texts {
            let shown = row.isSecret || name.hasPrefix("store_address") && text.contains("@") ? nil : text
            let expected = SettingError.invalid(
                setting: name, origin: .flag("--\(name)"), value: shown, allowed: row.allowed)
            #expect(outcome(name, text) == .failure(expected), "\(name)=\(text)")
        }
    }

    @Test func `both tables cover every row`() {
        #expect(Self.valid.map(\.name) == Settings.rows.map(\.name))
        #expect(Self.invalid.map(\.name) == Settings.rows.map(\.name))
    }

    @Test(arguments: Settings.rows.filter { $0.defaultText != nil }.map(\.name))
    func `a default is a value that its own row takes`(name: String) throws {
        let row = try #require(Settings.rows.first { $0.name == name })
        var settings = Settings.defaults
        #expect(row.assign(&settings, Array(row.defaultPhrase.utf8)))
        #expect(settings == .defaults)
    }

    @Test func `the defaults are those that clients of the original rely on`() {
        let settings = Settings.defaults
        #expect(settings.apiPort == .number(8080))
        #expect(settings.logLevel == .debug)
        #expect(settings.logFormat == .text)
        #expect(settings.namespaceCapacity == nil)
        #expect(settings.defaultTTL == .seconds(30))
        #expect(settings.minTTL == .seconds(10))
        #expect(settings.maxTTL == .seconds(600))
        #expect(settings.authMode == [])
        #expect(settings.jwtSecret == nil)
        #expect(!settings.requireHTTPS)
        #expect(settings.clusterSize == 1)
        #expect(settings.clusterDirectory == nil)
        #expect(!settings.replication)
        #expect(settings.replicationPort == .number(6100))
        #expect(settings.syncTimeout == .seconds(30))
        #expect(settings.listenAddress == "0.0.0.0")
        #expect(settings.loops == nil)
        #expect(settings.portFile == nil)
    }

    @Test func `no two rows share a flag, and a row reads only its own names`() {
        let flags = Settings.rows.flatMap(\.flagNames)
        #expect(Set(flags).count == flags.count)
        #expect(Settings.rows.first?.environmentNames == ["A8_CONFIG_FILE", "CONFIG_FILE"])
        let secret = Settings.rows.first { $0.isSecret }
        #expect(secret?.environmentNames == ["A8_JWT_SECRET", "A8_JWT_SECRET_FILE", "JWT_SECRET", "JWT_SECRET_FILE"])
    }
}
