// Which instances of a service are answered, and as what.

import Catalog
import DNS
import RegistryCore
import Text

extension ServiceListing {
    /// The instances that a reading of a name means: those that are up and have an address.
    func targets(of reading: ServiceReading) -> [Target] {
        var chosen: [Instance] = []
        for leased in instances where leased.instance.status == .up {
            guard reading.transport?.includes(leased.instance.endpointKind) ?? true else { continue }
            chosen.append(leased.instance)
        }
        if let tag = reading.tag { chosen = Self.tagged(chosen, tag) }
        return chosen.compactMap { instance in
            guard let address = InstanceAddress(instance), let host = Target.Host(address.host) else { return nil }
            return Target(
                host, port: address.port, weight: InstanceMetadata(instance).weight,
                order: StableHash.of(instance.id.utf8))
        }
    }

    /// Those with a tag. As names of services, a tag in lower case is itself, or else the only one that it may be.
    private static func tagged(_ instances: [Instance], _ tag: Spelling) -> [Instance] {
        let wanted: [UInt8]
        switch tag {
        case .exact(let name), .folded(let name): wanted = Array(name.text.utf8)
        }
        let exact = instances.filter { $0.containsTag { $0.elementsEqual(wanted) } }
        guard exact.isEmpty, case .folded = tag else { return exact }
        var spellings: Set<[UInt8]> = []
        let others = instances.filter { instance in
            instance.containsTag { tag in
                guard tag.count == wanted.count, tag.lazy.map(\.lowercased).elementsEqual(wanted) else { return false }
                spellings.insert(Array(tag))
                return true
            }
        }
        return spellings.count == 1 ? others : []
    }
}

extension Transport {
    fileprivate func includes(_ kind: Endpoint.Kind) -> Bool {
        switch kind {
        case .tcp, .http, .https: self == .tcp
        case .udp: self == .udp
        case .user: false
        }
    }
}

extension Target.Host {
    fileprivate init?(_ host: InstanceAddress.Host) {
        switch host {
        case .ip(let address): self = .address(address)
        case .name(let name):
            guard let name = DomainName(name.utf8) else { return nil }
            self = .name(name)
        }
    }
}
