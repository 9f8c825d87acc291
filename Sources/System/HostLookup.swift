// The system's resolver, which blocks for as long as its configuration says (ten seconds and more when name servers are
// silent). So no loop may call it: whoever does is on a thread that does nothing else meanwhile.

import Glibc

/// Looks host names up.
package enum HostLookup {
    package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// The resolver's reason, without a full stop.
        package let description: String
        /// Whether the name servers have answered, namely that there is no such host.
        package let isAnswer: Bool
    }

    /// The numeric IPv4 and IPv6 addresses of a host, in the order of the system's preference; those that mean something
    /// on one link only have a zone (`fe80::1%eth0`).
    package static func addresses(of host: String) throws(Failure) -> [String] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, nil, &hints, &first)
        guard status == 0 else {
            let systemError = errno
            if status == EAI_SYSTEM {
                throw unsafe Failure(description: String(cString: strerror(systemError)), isAnswer: false)
            }
            let description = unsafe gai_strerror(status).map { unsafe String(cString: $0) } ?? "error \(status)"
            throw Failure(description: description, isAnswer: status == EAI_NONAME)
        }
        defer { unsafe freeaddrinfo(first) }
        var found: [String] = []
        var next = unsafe first
        while let entry = unsafe next {
            if let text = unsafe numeric(entry.pointee) { found.append(text) }
            unsafe next = unsafe entry.pointee.ai_next
        }
        return found
    }

    /// Nil for families other than IPv4 and IPv6.
    private static func numeric(_ info: addrinfo) -> String? {
        guard unsafe info.ai_family == AF_INET || info.ai_family == AF_INET6 else { return nil }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard
            unsafe getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
