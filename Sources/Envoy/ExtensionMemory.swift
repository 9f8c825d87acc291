// All Envoys of one build send the same list of extensions with every request, 76 kB of JSON that nobody here reads. It
// is checked once, and known by its bytes from then on, which takes a seventh of the time.

import JSON
import Synchronization

/// The lists that came lately. Safe to use from any thread.
final class ExtensionMemory: Sendable {
    /// How many builds are known at once: during an upgrade there are two.
    private static let capacity = 4
    /// How long a list may be that is kept, in bytes. Envoy's own takes 76,000.
    private static let most = 256 << 10
    /// What is shorter is checked as quickly as it is compared.
    private static let least = 1 << 10

    /// The latest first.
    private let values = Mutex<[JSONSpelling]>([])

    /// Passes over the value that comes next.
    func skip(_ reader: inout JSONReader) throws(JSONError) {
        let known = values.withLock { $0 }
        for value in known where try reader.skip(value) { return }
        guard let value = try reader.readSpelling(), (Self.least...Self.most).contains(value.count) else {
            return
        }
        values.withLock { values in
            if values.count >= Self.capacity { values.removeLast() }
            values.insert(value, at: 0)
        }
    }
}
