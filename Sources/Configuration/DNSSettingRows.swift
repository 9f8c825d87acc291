// The rows of the settings of DNS.

extension Settings {
    static let dnsRows: [SettingRow] = [
        SettingRow(
            "dns_port", \.dnsPort, .port, default: "off",
            "The port on which services are found by DNS, by UDP and TCP (docs/dns.md). Port 53 needs the right to bind "
                + "it. With 0 the system chooses one."),
        SettingRow(
            "dns_domain", \.dnsDomain, .domain(Limits.dnsDomainBytes), default: "a8",
            "The zone that is answered: services are `NAME.service.` and this."),
        SettingRow(
            "dns_ttl", \.dnsTTL, .duration(Limits.dnsTTL), default: "1s",
            "How long resolvers may keep an answer, in whole seconds. It is how long they may know too little or too "
                + "much; 0 forbids keeping."),
        SettingRow(
            "dns_udp_max", \.dnsUDPMax, .number(Limits.dnsUDPMax), default: "8192",
            "The longest answer by UDP, in bytes, for clients that take as much (EDNS). A longer one is cut, and "
                + "asked for again by TCP."),
        SettingRow(
            "dns_namespaces", \.dnsNamespaces, .dnsNamespaces, absent: "none",
            "The namespaces that DNS shows, each as `alias=NAMESPACE`, or `alias=NAMESPACE@RANGE` to show it to an "
                + "address range only. Queries have no credential: anyone who may ask sees them. The alias is a part of "
                + "names, `NAME.service.alias.ns.`; the alias `default` is what names without one mean. With "
                + "`auth_mode` none, `default` is shown in any case."),
        SettingRow(
            "dns_allow", \.dnsAllow, .clientRanges,
            default: "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7,fe80::/10",
            "The addresses whose queries are answered; others are refused. `any` is everybody."),
        SettingRow(
            "dns_rate_limit", \.dnsRateLimit, .limit(Limits.rate), default: "1000",
            "Answers of more than 512 bytes that the clients of one network, a /24 or an IPv6 /56, get by UDP a second. "
                + "Beyond it they are told to ask by TCP, since the source of a datagram can be forged. Loopback has "
                + "no limit."),
    ]
}
