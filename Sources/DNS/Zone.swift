// What a name within the zone stands for, as far as the name alone says. Whether there is such a service is another
// question (`ServiceChoice`). The zone has no table of names: they are read from the right, label by label.
//
//   ZONE ┬ ns1                                   this server's address
//        ├ addr ── HEX                           an address, by its digits
//        ├ service ┬ SERVICE [── TAG]            SERVICE may be several labels
//        │         └ _tcp, _udp, _TAG ── _SERVICE
//        └ ns ── ALIAS ── service ── …           the same in another namespace

package import Catalog
package import Text

/// Which instances of a service are asked for by `_tcp` and `_udp`.
package enum Transport: Hashable, Sendable {
    case tcp, udp
}

/// One way to read a name: the service, and the tag that its instances are to have.
package struct ServiceReading: Hashable, Sendable {
    package let service: Spelling
    package var tag: Spelling?
    package var transport: Transport?
}

/// What a name stands for.
package enum ZonePlace: Equatable, Sendable {
    /// Nothing of this zone.
    case outside
    /// The zone's own name.
    case apex
    /// This server.
    case nameServer
    /// Nothing, but there are names below it.
    case empty
    /// Nothing, and there is nothing below it.
    case missing
    case address(IPAddress)
    /// An instance's service, in the namespace with this alias. The first reading that there is counts.
    ///
    /// - labels: the service's name as it is asked for, for what is only a part of other names.
    case service(alias: [UInt8], [ServiceReading], labels: Name?)
}

/// A zone by its name.
package struct Zone: Sendable {
    package let origin: DomainName
    /// The namespace that names without an alias mean.
    package static let ownAlias = Array("default".utf8)

    private let originLabels: [ArraySlice<UInt8>]

    package init(_ origin: DomainName) {
        self.origin = origin
        originLabels = origin.labels
    }

    /// What the labels of names begin with that are no service's.
    private static let (service, namespace, address, server) = (
        Array("service".utf8)[...], Array("ns".utf8)[...], Array("addr".utf8)[...], Array("ns1".utf8)[...]
    )
    private static let (tcp, udp) = (Array("_tcp".utf8)[...], Array("_udp".utf8)[...])
    private static let underscore = UInt8(ascii: "_")

    package func place(of name: DomainName) -> ZonePlace {
        var labels = name.labels[...]
        guard labels.count >= originLabels.count, labels.suffix(originLabels.count).elementsEqual(originLabels) else {
            return .outside
        }
        labels.removeLast(originLabels.count)
        guard let kind = labels.popLast() else { return .apex }
        switch kind {
        case Self.server: return labels.isEmpty ? .nameServer : .missing
        case Self.address: return address(labels)
        case Self.service: return service(labels, alias: Self.ownAlias)
        case Self.namespace:
            guard let alias = labels.popLast() else { return .empty }
            guard let kind = labels.popLast() else { return service([], alias: Array(alias)) }
            return kind == Self.service ? service(labels, alias: Array(alias)) : .missing
        default: return .missing
        }
    }

    private func address(_ labels: ArraySlice<ArraySlice<UInt8>>) -> ZonePlace {
        guard let digits = labels.last else { return .empty }
        guard labels.count == 1, digits.count == 8 || digits.count == 32 else { return .missing }
        var number: UInt128 = 0
        for digit in digits {
            guard let value = digit.hexadecimalValue else { return .missing }
            number = number << 4 | UInt128(value)
        }
        return .address(digits.count == 8 ? IPAddress(four: UInt32(number)) : IPAddress(six: number))
    }

    /// What stands left of `service`.
    private func service(_ labels: ArraySlice<ArraySlice<UInt8>>, alias: [UInt8]) -> ZonePlace {
        guard let last = labels.last else { return .service(alias: alias, [], labels: nil) }
        if last.first == Self.underscore { return underscored(labels.dropLast(), last, alias: alias) }
        var readings: [ServiceReading] = []
        // A whole name goes before a tag and a shorter one.
        if let whole = LabelText.spelling(labels) { readings.append(ServiceReading(service: whole)) }
        if labels.count > 1, let tag = LabelText.spelling(labels.prefix(1)),
            let rest = LabelText.spelling(labels.dropFirst())
        {
            readings.append(ServiceReading(service: rest, tag: tag))
        }
        // Left of a long name's second label there is its first.
        if readings.isEmpty {
            let isPart = labels.count == 1 && LabelText.isContinuation(last)
            return isPart ? .service(alias: alias, [], labels: nil) : .missing
        }
        var plain: Name?
        if case .folded(let name)? = LabelText.spelling(labels) { plain = name }
        return .service(alias: alias, readings, labels: plain)
    }

    /// `_SERVICE._tcp`, `_SERVICE._TAG`.
    private func underscored(
        _ labels: ArraySlice<ArraySlice<UInt8>>, _ last: ArraySlice<UInt8>, alias: [UInt8]
    ) -> ZonePlace {
        let nothing = ZonePlace.service(alias: alias, [], labels: nil)
        // Whatever the tag may be, there are services that have none of it below.
        guard var left = labels.first else { return nothing }
        let missing = ZonePlace.missing
        // A part of a name of several labels has no underscore: there is the first left of it.
        guard left.first == Self.underscore else { return labels.allSatisfy(LabelText.isPart) ? nothing : missing }
        left.removeFirst()
        guard let service = LabelText.spelling([left] + labels.dropFirst()) else { return missing }
        var reading = ServiceReading(service: service)
        switch last {
        case Self.tcp: reading.transport = .tcp
        case Self.udp: reading.transport = .udp
        default:
            guard let tag = LabelText.spelling([last.dropFirst()]) else { return missing }
            reading.tag = tag
        }
        return .service(alias: alias, [reading], labels: nil)
    }
}
