// What an answer of the registry comes to: a sentence and an exit status where it is a refusal.

import HTTP

/// A whole answer, and the server that gave it.
struct RegistryAnswer: Sendable {
    let head: ReceivedHead
    let body: [UInt8]
    /// As a URL, without user and password.
    let server: String

    var status: Int { head.status }

    /// Nil when it is a success.
    var failure: CommandFailure? { Self.failure(head, body, from: server) }

    /// The same for an answer whose body is a stream if it is a success.
    static func failure(_ head: ReceivedHead, _ body: [UInt8], from server: String) -> CommandFailure? {
        let status = ExitStatus(answer: head.status)
        guard status != .done else { return nil }
        let reason = (try? JSONTree(body))?["Error"].string.map { ": \(TerminalText.escaped($0))" } ?? ""
        if (300..<400).contains(head.status), let location = head.first("Location") {
            return CommandFailure(
                status: status,
                sentence: "\(server) answers \(head.status) and wants \(TerminalText.escaped(location)) instead")
        }
        let later = head.first("Retry-After").map { " (try again in \(TerminalText.escaped($0)) s)" } ?? ""
        return CommandFailure(status: status, sentence: "\(server) answers \(head.status)\(reason)\(later)")
    }

    /// How long the registry wants to be left alone; nil where it does not say.
    var retryAfter: Duration? { head.first("Retry-After").flatMap { Int64($0) }.map { .seconds(max(0, $0)) } }

    /// The body as a tree; an error where it is not the registry's.
    var tree: JSONTree {
        get throws(CommandFailure) {
            guard let tree = try? JSONTree(body) else { throw notARegistry }
            return tree
        }
    }

    var notARegistry: CommandFailure {
        CommandFailure(status: .noAnswer, sentence: "what \(server) answers is not what a registry answers")
    }
}
