// What all loops share: the zone, who may ask, which namespaces are shown to whom, and how many long answers a network
// may get.

import Authorization
import Catalog
package import Configuration
import DNS
import RegistryCore
import Synchronization
package import Text
import Time

/// A namespace that is shown.
struct ShownNamespace: Sendable {
    let namespace: Namespace
    let principal: Principal
    /// To whom; nil: to everybody who may ask.
    let range: AddressRanges?

    init(_ namespace: Namespace, range: AddressRanges? = nil) {
        (self.namespace, self.range) = (namespace, range)
        principal = Principal(namespace, by: nil)
    }
}

/// The settings of DNS, as loops use them. Safe to use from any thread.
package final class DNSConfiguration: Sendable {
    let writer: ResponseWriter
    let ttl: UInt32
    let longestDatagram: Int
    let allowed: AddressRanges
    /// By alias, in lower case.
    let shown: [[UInt8]: ShownNamespace]
    private let limiter: Mutex<PrefixLimiter>
    private let zoneSerial = Mutex(ZoneSerial())

    /// - Parameter address: of this server, for the zone's own records; nil: it has none there.
    package init?(_ settings: Settings, address: IPAddress?) {
        guard let origin = DomainName(settings.dnsDomain.utf8) else { return nil }
        ttl = UInt32(settings.dnsTTL.wholeMilliseconds / 1_000)
        writer = ResponseWriter(Zone(origin), ttl: ttl, addresses: address.map { [$0] } ?? [])
        longestDatagram = settings.dnsUDPMax
        allowed = settings.dnsAllow
        var shown: [[UInt8]: ShownNamespace] = [:]
        // Where clients have no credential they share one namespace, which anybody may read by other ways too.
        if settings.authMode.isEmpty { shown[Zone.ownAlias] = ShownNamespace(Authorizer.defaultNamespace) }
        for entry in settings.dnsNamespaces?.entries ?? [] {
            shown[Array(entry.alias.utf8)] = ShownNamespace(Namespace(entry.namespace), range: entry.range)
        }
        self.shown = shown
        limiter = Mutex(PrefixLimiter(perSecond: settings.dnsRateLimit))
    }

    /// Whether a client's network may get one more long answer by UDP.
    func takeLongAnswer(_ client: IPAddress, at now: MonotonicTime) -> Bool {
        limiter.withLock { $0.take(client, at: now) }
    }

    /// The zone's serial: another one after each change in what is shown.
    func serial(_ lookup: Lookup) -> UInt32 {
        zoneSerial.withLock { serial in
            serial.value(shown.values.lazy.map { lookup.index(of: nil, in: $0.namespace) })
        }
    }
}
