// A listening socket for a test. `ListeningPort` is not for this: its claim on the port's number lasts as long as the
// process, so that the ports of many short-lived servers would be kept from the processes that other tests start.

import Glibc

/// A port of the loopback interface that the system chose. Whoever makes a server of the descriptor owns it.
package struct LoopbackPort {
    package let port: UInt16
    package let descriptor: Int32

    package init() throws {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw ClientConnection.SystemError("socket") }
        var address = sockaddr_in.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, SOMAXCONN) == 0
                    ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard status == 0 else {
            defer { close(descriptor) }
            throw ClientConnection.SystemError("listen")
        }
        port = UInt16(bigEndian: address.sin_port)
    }
}

extension sockaddr_in {
    /// 127.0.0.1 and a port.
    static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
