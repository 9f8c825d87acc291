// The token that the API server is shown. It changes while the registry runs: what the settings name is exchanged by the
// reloader, and what a pod is given by the cluster is read again every minute, because it is valid for an hour or less.

package import Configuration
import Synchronization
import Time

/// A token, or the file in which it is. Safe to use from any thread.
package final class BearerToken: Sendable {
    /// How long what was read of a file is used.
    static let period: Duration = .seconds(60)

    private struct State {
        var token: String?
        /// When the file was read last; nil when it is to be read at the next use.
        var readAt: MonotonicTime?
    }

    private let path: String?
    private let state: Mutex<State>

    /// A token that only `change` exchanges; nil is none.
    package init(_ secret: Secret?) {
        path = nil
        state = Mutex(State(token: Self.text(secret?.bytes)))
    }

    /// The contents of a file, without white space around them.
    package init(path: String) {
        self.path = path
        state = Mutex(State())
    }

    package func change(to secret: Secret?) { state.withLock { $0.token = Self.text(secret?.bytes) } }

    /// The server has refused it: perhaps there is another by now.
    func forget() { state.withLock { $0.readAt = nil } }

    /// The token to be shown now. May read a file; what was read before stays while it cannot be read.
    func current(at now: MonotonicTime) -> String? {
        guard let path else { return state.withLock { $0.token } }
        return state.withLock { state in
            if let readAt = state.readAt, now - readAt < Self.period { return state.token }
            state.readAt = now
            if let token = Self.text(try? SecretFile.read(path, patience: .zero)) { state.token = token }
            return state.token
        }
    }

    private static func text(_ bytes: [UInt8]?) -> String? {
        guard let bytes else { return nil }
        let isWhite = { (byte: UInt8) in byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
        var rest = bytes[...]
        while let first = rest.first, isWhite(first) { rest = rest.dropFirst() }
        while let last = rest.last, isWhite(last) { rest = rest.dropLast() }
        return rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self)
    }
}
