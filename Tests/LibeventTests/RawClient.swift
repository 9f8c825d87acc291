// A peer that is no stream: a socket that reads only when the test says so, so that whoever writes to it has to wait.

import Glibc
import Testing

@testable import Libevent

final class RawClient {
    private let descriptor: Int32
    /// How many bytes were read so far.
    private(set) var received = 0

    /// Connects to a port of the loopback.
    init(port: UInt16) throws {
        let address = try #require(SocketAddress(numeric: "127.0.0.1", port: port))
        descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try #require(address.connect(descriptor) == 0)
    }

    deinit { close(descriptor) }

    /// Reads what is there.
    func read() {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return }
            received += count
        }
    }
}
