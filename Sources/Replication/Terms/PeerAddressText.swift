// Addresses come as text: in `Member-ID`, in the names of files, in settings. There is one spelling of each here, so
// that two texts of one address are one member.

import Text

extension PeerAddress {
    /// Reads `10.0.0.1:6100` or `[fd00::1]:6100`: a numeric address and a port from 1 on; nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(digits),
            port > 0
        else {
            return nil
        }
        let address = text[..<colon]
        if address.hasPrefix("["), address.hasSuffix("]") {
            guard let host = IPAddress(String(address.dropFirst().dropLast())), host.isSix else { return nil }
            self.init(host: host, port: port)
        } else {
            guard let host = IPAddress(String(address)), !host.isSix else { return nil }
            self.init(host: host, port: port)
        }
    }
}
