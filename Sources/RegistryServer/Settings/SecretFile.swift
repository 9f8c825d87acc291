// Reads the file of a secret for `Settings.resolve`, which itself touches no file. Orchestrators mount secrets as small
// files; anything large is the wrong path and is refused before it fills memory.
import Glibc

/// The reading of one small file. Blocking; meant for the start, before any loop runs.
public enum SecretFile {
    /// Why a file could not be read, in words.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// The whole file. Throws a `Failure` when it cannot be opened or read, or has more than `Settings.Limits.secretFileBytes`.
    public static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(description: String(cString: strerror(errno))) }
        defer { close(descriptor) }

        let limit = Settings.Limits.secretFileBytes
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return contents }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(description: String(cString: strerror(errno)))
            }
            contents += chunk[..<count]
            guard contents.count <= limit else { throw Failure(description: "it has more than \(limit) bytes") }
        }
    }
}
