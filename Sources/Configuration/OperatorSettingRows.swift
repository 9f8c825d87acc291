// The rows of the settings by which operators are known, who see and act in every namespace, of what they allow each, and
// of the audit of what is changed.

extension Settings {
    static let operatorRows: [SettingRow] = [
        SettingRow(
            "operator_token", secret: \.operatorToken, allowed: OperatorTokens.allowed, isGood: OperatorTokens.isGood,
            "The bearer token by which an operator is known, whatever `auth_mode` says; an operator sees and acts in "
                + "every namespace, by `?namespace=` (docs/rest-api.md). It must not be a tenant's. Every user of the "
                + "machine can see a flag, so prefer the file, which may hold several tokens, one a line. A changed "
                + "file is noticed within seconds."),
        SettingRow(
            "operator_cert_name", \.operatorCertificateName, .name(Limits.memberNameBytes), absent: "none",
            "The name by which an operator's client certificate is known, whatever `auth_mode` says: a URI or DNS name "
                + "among its alternative names, or, where it has no alternative name, its subject's CN; spelled as in the "
                + "certificate. It needs `tls_client_auth`, and authorities in `tls_client_ca` that give this name to "
                + "operators only."),
        SettingRow(
            "operations_auth", \.operationsAuth, .operationsAuth, default: "none",
            "What `/metrics`, `/swagger.json` and `/api/v1/cluster` need. `none`: they are open. `operator`: an operator's "
                + "credential, also of a scraper; then they count in the client's allowance, and need TLS with "
                + "`require_https`. `/`, `/livez`, `/readyz` and `/uptime` are open in any case, for load balancers."),
        SettingRow(
            "quotas_file", \.quotasFile, .path, absent: "none",
            "A file of JSON, 64 KiB at most, with what each namespace may have: instances, services, requests and heartbeats a "
                + "second, and watches (docs/rest-api.md). What it gives replaces `namespace_capacity` and the rate limits "
                + "of namespaces. A changed file is noticed within seconds, and at once on SIGHUP; one that cannot be used "
                + "changes nothing."),
        SettingRow(
            "audit_file", \.auditFile, .path, absent: "none",
            "The file to which a line is appended for each change that a client or an operator made at this member, as "
                + "a JSON object (docs/rest-api.md, R690). It is made with the mode 0600, and opened again on SIGHUP and when "
                + "another file, or none, is at its path."),
        SettingRow(
            "audit_log", \.auditLog, .boolean, default: "false",
            "Whether the same lines go into the log, in `log_format` and under the logger `audit`, whatever `log_level` "
                + "is."),
    ]
}
