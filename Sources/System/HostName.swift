// The host name of the machine, which is the name of a member unless the settings give it another.

import Glibc

package enum HostName {
    /// gethostname(2); nil when the machine has none.
    package static func current() -> String? {
        var text = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&text, text.count - 1) == 0 else { return nil }
        let name = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return name.isEmpty ? nil : name
    }
}
