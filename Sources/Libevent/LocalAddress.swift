// Where this machine is reached, when nobody has said.

import Glibc

/// The machine's own addresses.
public enum LocalAddress {
    /// The first address of an interface that is up and not the loopback, IPv4 before IPv6; nil when there is none. Addresses that mean something
    /// on one link only are left out.
    public static func first() -> String? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var six: String?
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            let flags = Int32(bitPattern: entry.pointee.ifa_flags)
            guard flags & Int32(IFF_UP.rawValue) != 0, flags & Int32(IFF_LOOPBACK.rawValue) == 0, let address = entry.pointee.ifa_addr else {
                continue
            }
            switch Int32(address.pointee.sa_family) {
            case AF_INET:
                if let host = SocketAddress.host(of: address, length: socklen_t(MemoryLayout<sockaddr_in>.size)) { return host }
            case AF_INET6:
                let host = SocketAddress.host(of: address, length: socklen_t(MemoryLayout<sockaddr_in6>.size))
                if six == nil, let host, !host.hasPrefix("fe80:") { six = host }
            default: break
            }
        }
        return six
    }

    /// What the machine calls itself; nil when it does not say.
    public static func hostName() -> String? {
        var text = [CChar](repeating: 0, count: 256)
        guard gethostname(&text, text.count - 1) == 0 else { return nil }
        let name = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return name.isEmpty ? nil : name
    }
}
