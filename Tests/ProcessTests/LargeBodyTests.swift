// Long bodies of many clients at once, against the running binary.

import Testing

@Suite struct LargeBodyTests {
    @Test func `what is beyond the room of all long bodies is refused before it is read, and told when to come back`()
        throws
    {
        // V206 … One of more than 65,536 bytes is read of clients with a credential only, and such bodies take 64 MiB
        // together at most: what is beyond is answered 503 with Retry-After before it is read.
        let registry = try RunningRegistry()
        let head =
            "POST /v3/discovery:endpoints HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n"
        let clients = try (0..<80).map { _ in try registry.connect() }
        for client in clients { try client.send(head) }
        try Patience.wait("16 of 80 bodies of 1 MiB to be refused") { clients.count(where: \.hasNews) == 16 }
        for client in clients where client.hasNews {
            let answer = try client.receive("the refusal of a body")
            #expect(answer.status == 503 && answer.header("Retry-After") == "1", "\(answer.head)")
            #expect(try client.receiveEnd("the end after a refusal") == "")
        }
        // A short one has room, and so has a long one once others have gone.
        let wish = #"{"resource_names":["web"]}"#
        #expect(try registry.connect().ask("POST", "/v3/discovery:endpoints", body: wish).status == 200)
        for client in clients { client.close() }
        let long = wish + String(repeating: " ", count: 100_000)
        try Patience.wait("room for a long body") {
            try registry.connect().ask("POST", "/v3/discovery:endpoints", body: long).status == 200
        }
    }
}
