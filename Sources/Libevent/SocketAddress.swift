// The kernel's socket addresses, whose C types overlay one another, behind a value.

import Glibc
import Text

/// An IPv4 or IPv6 address and port.
struct SocketAddress: Sendable {
    private var storage = sockaddr_storage()
    private let length: socklen_t

    /// Parses a numeric address; nil for a host name or anything else.
    init?(numeric text: String, port: UInt16) {
        guard let address = IPAddress(text) else { return nil }
        let octets = address.octets
        if !address.isSix {
            var four = sockaddr_in()
            unsafe withUnsafeMutableBytes(of: &four.sin_addr) { unsafe $0.copyBytes(from: octets) }
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
            unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: four, as: sockaddr_in.self) }
        } else {
            var six = sockaddr_in6()
            unsafe withUnsafeMutableBytes(of: &six.sin6_addr) { unsafe $0.copyBytes(from: octets) }
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: six, as: sockaddr_in6.self) }
        }
    }

    var family: Int32 { Int32(storage.ss_family) }

    /// The same address with another port.
    func with(port: UInt16) -> SocketAddress {
        var copy = self
        // The port has the same place in both families.
        unsafe withUnsafeMutableBytes(of: &copy.storage) {
            unsafe $0.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
        }
        return copy
    }

    /// The address in the kernel's form.
    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe withUnsafePointer(to: storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
        }
    }

    /// bind(2): 0, or -1 with errno.
    func bind(_ descriptor: Int32) -> Int32 {
        unsafe withSockaddr { unsafe Glibc.bind(descriptor, $0, $1) }
    }

    /// connect(2): 0, or -1 with errno.
    func connect(_ descriptor: Int32) -> Int32 {
        unsafe withSockaddr { unsafe Glibc.connect(descriptor, $0, $1) }
    }

    /// Copies an address as the kernel gave it; nil when it is of no family that is known here.
    init?(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
        guard length <= socklen_t(MemoryLayout<sockaddr_storage>.size) else { return nil }
        self.length = length
        unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
        }
        guard family == AF_INET || family == AF_INET6 else { return nil }
    }

    private init(_ storage: sockaddr_storage, _ length: socklen_t) {
        self.storage = storage
        self.length = length
    }

    /// The address that a socket is bound to; nil when it is no socket of ours.
    static func local(of descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
        }
        return status == 0 ? SocketAddress(storage, length) : nil
    }

    /// The port, 0 when none was chosen yet.
    var port: UInt16 {
        unsafe withUnsafeBytes(of: storage) { unsafe UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self)) }
    }

    /// The numeric address of a peer, without the port, as the kernel gave it; nil when it is of no family that is
    /// known here. An IPv4 address that came in through an IPv6 socket is given as IPv4.
    static func host(of address: UnsafePointer<sockaddr>, length: socklen_t) -> String? {
        guard let host = unsafe SocketAddress(address, length: length)?.host else { return nil }
        return host.hasPrefix("::ffff:") && host.contains(".") ? String(host.dropFirst("::ffff:".count)) : host
    }

    /// The number of a peer's address, as the kernel gave it; nil when it is of no family that is known here. An IPv4
    /// address that came in through an IPv6 socket is given as IPv4.
    static func ip(of address: UnsafePointer<sockaddr>, length: socklen_t) -> IPAddress? {
        let bytes = unsafe UnsafeRawBufferPointer(start: address, count: Int(length))
        // The address stands behind the port; in IPv6 the flow label stands between.
        guard bytes.count >= 2 else { return nil }
        switch unsafe Int32(bytes.load(as: UInt16.self)) {
        case AF_INET:
            guard bytes.count >= 8 else { return nil }
            return unsafe IPAddress(four: UInt32(bigEndian: bytes.load(fromByteOffset: 4, as: UInt32.self)))
        case AF_INET6:
            guard bytes.count >= 24 else { return nil }
            let high = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            return IPAddress(six: UInt128(high) << 64 | UInt128(low)).unmapped
        default: return nil
        }
    }

    /// `10.0.0.1:8080`, `[::1]:8080`.
    var description: String { family == AF_INET ? "\(host):\(port)" : "[\(host)]:\(port)" }

    /// The address without the port.
    var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        // The address stands behind the port; in IPv6 the flow label stands between.
        _ = unsafe withUnsafeBytes(of: storage) { bytes in
            unsafe inet_ntop(
                family, bytes.baseAddress?.advanced(by: family == AF_INET ? 4 : 8), &text, socklen_t(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Binds a Unix socket to a name in the abstract namespace: 0, or -1 with errno.
    static func bindAbstract(_ descriptor: Int32, name: String) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(name.utf8)
        let length = unsafe withUnsafeMutableBytes(of: &address.sun_path) { path in
            let count = min(bytes.count, path.count - 1)
            unsafe path[0] = 0  // A leading NUL makes the name abstract.
            for index in 0..<count { unsafe path[index + 1] = bytes[index] }
            return socklen_t(MemoryLayout<sa_family_t>.size + 1 + count)
        }
        return unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(descriptor, $0, length)
            }
        }
    }
}
