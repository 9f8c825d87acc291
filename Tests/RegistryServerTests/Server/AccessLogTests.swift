// What an access line says of a request, and what it must never say.

import Foundation
import HTTP
import Telemetry
import TestSupport
import Testing

@testable import RegistryServer

struct AccessLogTests {
    /// The lines that these requests leave, in order.
    private static func lines(of requests: [String], _ schemes: [AuthorizationConfiguration.Scheme] = []) throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appending(path: "access-\(UUID().uuidString)")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forWritingTo: file)
        let pipe = try LogPipe(descriptor: handle.fileDescriptor) { _ in [] }
        let context = try Registry(.router).context
        let responder = Responder(
            context, authorizer: try Authorizer(AuthorizationConfiguration(schemes: schemes)), metrics: context.loopMetrics[0],
            accessLog: AccessLog(pipe, format: .text))
        let path = RouterPath(
            LoopHandler(
                respond: { request in
                    responder.respond(to: request, at: TestClock().instant, finished: { 0 })
                },
                refused: { refusal, client in responder.record(refusal, from: client, at: 0) }))
        for request in requests { _ = path.exchange(Array(request.utf8), request) }
        #expect(pipe.close(within: 10_000))
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test func `the bytes of a line are those of the body that was sent`() throws {
        let lines = try Self.lines(of: [
            "GET /api/v1/services HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /api/v1/services HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /livez HTTP/9.9\r\nHost: a\r\n\r\n",
        ])
        let bytes = lines.map { $0.firstMatch(of: /\ bytes=(\d+)/).flatMap { Int($0.1) } }
        #expect(bytes.prefix(3) == [#"{"services":[]}"#.utf8.count, 0, 0], "\(lines)")
        // What could not be read was answered with a sentence.
        #expect(lines.count == 4 && (bytes.last ?? nil) ?? 0 > #"{"Error":""}"#.utf8.count, "\(lines)")
    }

    @Test func `a signed token gets into no line, however it is misspelled, where trusted names are taken too`() throws {
        // R517 With jwt among the modes, a token that is meant as a JSON Web Token is for jwt alone … and never a namespace of trusted.
        let good = Forge.token()
        var misspelled = [good + "=", "\"\(good)\"", String(good.prefix { $0 != "." })]
        for words in ["jwt.jwt.", "Bearer ", "token ", "Authorization: Bearer ", "jwt:", ",", "\u{A0}", "\u{FEFF}", "jwt_"] {
            misspelled.append(words + good)
        }
        for schemes in [[try Forge.jwt(), .trusted], [.trusted, try Forge.jwt()]] {
            let requests = misspelled.map { "GET /api/v1/services HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \($0)\r\n\r\n" }
            let lines = try Self.lines(of: requests, schemes)
            #expect(lines.count == misspelled.count)
            for line in lines { #expect(line.contains(" status=401 ") && !line.contains("eyJ"), "\(line)") }
        }
    }
}
