// Which addresses this machine has: a member advertises the first that others can reach, unless the settings say
// otherwise, and never dials those it listens on.

import Glibc
package import Replication
package import Text

package enum LocalAddresses {
    /// What a member advertises unless the settings say otherwise: its first IPv4 address that is neither of the
    /// loopback nor of one link only, else the first such IPv6 address, else 127.0.0.1.
    package static func advertised() -> IPAddress { advertised(among: interfaces()) }

    private static let loopback = IPAddress(four: 0x7F00_0001)

    static func advertised(among hosts: [IPAddress]) -> IPAddress {
        let candidates = hosts.filter { !$0.isLoopback && !$0.isLinkLocal }
        return (candidates.first { !$0.isSix } ?? candidates.first) ?? loopback
    }

    /// Every address under which this member can be found on its own machine.
    ///
    /// - Parameter listening: the numeric address that the replication port is bound to, perhaps `0.0.0.0` or `::`.
    package static func own(advertised: PeerAddress, listening: String) -> Set<PeerAddress> {
        own(advertised: advertised, listening: listening, among: interfaces())
    }

    static func own(advertised: PeerAddress, listening: String, among interfaces: [IPAddress]) -> Set<PeerAddress> {
        guard let listening = IPAddress(listening) else { return [advertised] }
        let hosts = listening.isUnspecified ? interfaces : [listening]
        return Set(hosts.map { PeerAddress(host: $0, port: advertised.port) }).union([advertised])
    }

    /// The addresses of the interfaces that are up, in the kernel's order.
    private static func interfaces() -> [IPAddress] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&first) == 0 else { return [] }
        defer { unsafe freeifaddrs(first) }
        var hosts: [IPAddress] = []
        var next = unsafe first
        while let entry = unsafe next {
            let interface = unsafe entry.pointee
            unsafe next = unsafe interface.ifa_next
            guard unsafe interface.ifa_flags & UInt32(IFF_UP) != 0, let address = unsafe interface.ifa_addr else {
                continue
            }
            let isSix = unsafe address.pointee.sa_family == sa_family_t(AF_INET6)
            let length = isSix ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
            if let host = unsafe IPAddress(address, length: socklen_t(length)) { hosts.append(host) }
        }
        return hosts
    }
}
