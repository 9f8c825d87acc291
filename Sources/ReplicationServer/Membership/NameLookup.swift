// The system's resolver, which blocks for as long as its configuration says (ten seconds and more when name servers are
// silent); hence the thread that calls it does nothing else.

import Glibc
import Text

/// Looks host names up.
enum NameLookup {
    struct Failure: Error, Equatable, CustomStringConvertible {
        let description: String
        /// Whether the name servers have answered, namely that there is no such host.
        var isAnswer = false
    }

    /// The IPv4 and IPv6 addresses of a host, in the order of the system's preference. Addresses that mean something on
    /// one link only are left out.
    static func addresses(of host: String) throws(Failure) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &first)
        guard status == 0 else {
            let systemError = errno
            if status == EAI_SYSTEM { throw Failure(description: String(cString: strerror(systemError))) }
            let description = gai_strerror(status).map { String(cString: $0) } ?? "error \(status)"
            throw Failure(description: description, isAnswer: status == EAI_NONAME)
        }
        defer { freeaddrinfo(first) }
        var hosts: [IPAddress] = []
        var next = first
        while let entry = next {
            let info = entry.pointee
            if let host = IPAddress(info.ai_addr, length: info.ai_addrlen), !host.isLinkLocal { hosts.append(host) }
            next = info.ai_next
        }
        return hosts
    }
}

extension IPAddress {
    /// The address of a socket address; nil for other families, and for what has a zone.
    init?(_ address: UnsafePointer<sockaddr>?, length: socklen_t) {
        guard let address,
            address.pointee.sa_family == sa_family_t(AF_INET) || address.pointee.sa_family == sa_family_t(AF_INET6)
        else {
            return nil
        }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        self.init(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
}
