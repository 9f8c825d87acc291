// What connections inherit from the socket that they were accepted at: it is set once, not for each of them.

import Glibc
import Testing

@testable import Libevent

struct ListeningPortTests {
    private func option(_ option: Int32, of descriptor: Int32) -> Int32 {
        var value: Int32 = -1
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, Int32(IPPROTO_TCP), option, &value, &size)
        return value
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `an accepted connection lets the kernel hold little of what is unsent, and sends small answers at once`(
        address: String
    ) throws {
        let port = try ListeningPort(address: address, port: 0, count: 2)
        defer { for descriptor in port.descriptors { close(descriptor) } }
        let remote = try #require(SocketAddress(numeric: address, port: port.port))
        let client = socket(remote.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(client) }
        try #require(remote.connect(client) == 0)
        var accepted: Int32 = -1
        for descriptor in port.descriptors where accepted < 0 { accepted = accept(descriptor, nil, nil) }
        try #require(accepted >= 0)
        defer { close(accepted) }
        #expect(option(TCP_NOTSENT_LOWAT, of: accepted) == ListeningPort.unsentBytes)
        #expect(option(TCP_NODELAY, of: accepted) == 1)
    }
}
