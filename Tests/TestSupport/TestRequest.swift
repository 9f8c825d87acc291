// A request as a client writes it. Nothing is checked or escaped here: a test must be able to send what no client
// should.

/// One HTTP/1 request.
package struct TestRequest: Sendable {
    /// What `Host` says unless a test says otherwise.
    package static let host = "registry.test:8080"

    package var method: String
    package var target: String
    /// In the order sent; `Host` and `Content-Length` are added.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// Nil sends no `Host`.
    package var host: String? = TestRequest.host
    package var version = "HTTP/1.1"

    package init(
        _ method: String, _ target: String, _ headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
    }

    package init(_ method: String, _ target: String, _ headers: [(name: String, value: String)] = [], body: String) {
        self.init(method, target, headers, body: Array(body.utf8))
    }

    package static func get(_ target: String) -> TestRequest { TestRequest("GET", target) }

    /// The same request with one more header.
    package func with(_ name: String, _ value: String) -> TestRequest {
        var request = self
        request.headers.append((name, value))
        return request
    }

    /// The request as it goes over the wire.
    package var bytes: [UInt8] {
        var text = "\(method) \(target) \(version)\r\n"
        if let host { text += "Host: \(host)\r\n" }
        for header in headers { text += "\(header.name): \(header.value)\r\n" }
        if !body.isEmpty { text += "Content-Length: \(body.count)\r\n" }
        return Array((text + "\r\n").utf8) + body
    }
}

extension TestRequest: CustomStringConvertible {
    package var description: String { "\(method) \(target)" }
}
