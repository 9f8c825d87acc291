// A secret is changed on many machines, one after the other, and everybody goes on working meanwhile: so its file holds
// several, one a line. The first is what this process signs or proves with, and all are accepted from others.

enum SecretLines {
    /// How many secrets a file may hold: two are needed, and each costs a look at every proof.
    static let most = 8
    /// How short one among several may be, in bytes. A line ending within random bytes would else leave a secret that
    /// is soon guessed.
    static let leastAmongSeveral = 16
    /// Completes the sentence "it must be …".
    static let allowed =
        "1 to \(Settings.Limits.secretFileBytes) bytes; a file may hold up to \(most) secrets, one a line, and "
        + "several must have at least \(leastAmongSeveral) bytes each"

    /// The secrets of a file, in order; nil when they are none, too many or too short. A line ending is not part of a
    /// secret, and an empty line none.
    static func read(_ bytes: [UInt8]) -> Secret? {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { Array($0) }
        let last = lines.removeLast()
        lines = lines.map { $0.last == UInt8(ascii: "\r") ? Array($0.dropLast()) : $0 } + [last]
        lines.removeAll { $0.isEmpty }
        guard let first = lines.first, lines.count <= most else { return nil }
        guard lines.count == 1 || lines.allSatisfy({ $0.count >= leastAmongSeveral }) else { return nil }
        return Secret(bytes: first, others: Array(lines.dropFirst()))
    }
}
