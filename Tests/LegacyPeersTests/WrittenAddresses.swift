// Addresses as tests write them.

import Replication
import Text

extension PeerAddress {
    init(host: String, port: UInt16) {
        guard let number = IPAddress(host) else { preconditionFailure("\(host) is no numeric address") }
        self.init(host: number, port: port)
    }
}
