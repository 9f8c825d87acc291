// Tells a supervisor, or a test, which ports were taken. Written beside and renamed, so that whoever waits for the file never reads half of it.

import Glibc
import System

enum PortFile {
    /// Writes one line a port, `api 8080`, sorted by name. Throws when the file cannot be written.
    static func write(_ ports: [String: UInt16], to path: String) throws(SystemFailure) {
        let text = ports.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
        let temporary = "\(path).\(getpid())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemFailure(temporary, code: errno) }
        let bytes = Array(text.utf8)
        let written = Glibc.write(descriptor, bytes, bytes.count)
        close(descriptor)
        guard written == bytes.count, rename(temporary, path) == 0 else {
            let error = SystemFailure(path, code: errno)
            unlink(temporary)
            throw error
        }
    }
}
