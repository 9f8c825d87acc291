// The way through a socket: one connection is kept alive for as long as the registry lets it, as a client would.

import TestSupport

final class LivePath: RequestPath {
    private let server: LiveServer
    private var connection: ClientConnection?

    init(_ server: LiveServer) { self.server = server }

    func send(_ bytes: [UInt8], isHead: Bool, _ what: String) throws -> Answer {
        let connection = try self.connection ?? ClientConnection(port: server.port)
        self.connection = nil
        try connection.send(bytes)
        let answer = try connection.answer(to: what, isToHead: isHead)
        if answer["Connection"] == nil, bytes.contains(sequence: "HTTP/1.1\r\n") { self.connection = connection }
        return answer
    }

    func exchange(_ bytes: [UInt8], _ what: String) throws -> [Answer] {
        let connection = try ClientConnection(port: server.port)
        try connection.send(bytes)
        var reader = AnswerReader()
        reader.append(try connection.bytesUntilClosed(after: what))
        var answers: [Answer] = []
        while let answer = try reader.next(isToHead: false) { answers.append(answer) }
        // The last one, behind which the connection ended, may be the refusal of a HEAD.
        if let answer = try reader.next(isToHead: true) { answers.append(answer) }
        guard reader.rest.isEmpty else {
            throw WaitedInVain(for: "whole answers to \(what)", "left over: \(reader.rest)")
        }
        return answers
    }
}

extension Array<UInt8> {
    /// Whether these ASCII characters are somewhere within.
    func contains(sequence text: String) -> Bool {
        let wanted = Array(text.utf8)
        guard !wanted.isEmpty, count >= wanted.count else { return wanted.isEmpty }
        return (0...(count - wanted.count)).contains {
            self[$0] == wanted[0] && self[$0..<($0 + wanted.count)].elementsEqual(wanted)
        }
    }
}
