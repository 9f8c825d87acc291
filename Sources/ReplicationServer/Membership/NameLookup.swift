// Host names of members, looked up by the system's resolver, which blocks: the thread that calls it does nothing else.

import Glibc
import System
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
        do throws(HostLookup.Failure) {
            return try HostLookup.addresses(of: host).compactMap { IPAddress($0) }.filter { !$0.isLinkLocal }
        } catch {
            throw Failure(description: error.description, isAnswer: error.isAnswer)
        }
    }
}

extension IPAddress {
    /// The address of a socket address; nil for other families, and for what has a zone.
    init?(_ address: UnsafePointer<sockaddr>?, length: socklen_t) {
        guard let address = unsafe address,
            unsafe address.pointee.sa_family == sa_family_t(AF_INET)
                || address.pointee.sa_family == sa_family_t(AF_INET6)
        else {
            return nil
        }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard unsafe getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        self.init(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
}
