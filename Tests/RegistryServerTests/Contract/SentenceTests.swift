// What a refusal tells whoever reads it: what was sent, what is taken, and nothing that leads astray (docs/rest-api.md,
// R701). The wording is no part of the contract (R702); what has to be learnt from it is.

import Foundation
import TestSupport
import Testing

@testable import Serving

struct SentenceTests {
    @Test(arguments: Transport.allCases)
    func `a removal of what is gone does not ask for a registration`(_ transport: Transport) throws {
        let registry = try Registry(transport)
        for id in ["0000000000000000", "no-such-id"] {
            let removal = try registry.send(.remove(id))
            #expect(removal.status == 410 && removal.error?.contains("register") == false, "\(removal)")
            let renewal = try registry.send(.renew(id))
            #expect(renewal.status == 410 && renewal.error?.contains("register it again") == true, "\(renewal)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `a body of another media type learns what it came with`(_ transport: Transport) throws {
        // R206 The media type must be application/json … anything else, or none, is answered 415.
        let registry = try Registry(transport)
        let request = TestRequest("POST", "/api/v1/instances", body: Body().text)
        #expect(try registry.send(request).error?.hasSuffix("and came without one") == true)
        #expect(try registry.send(request.with("Content-Type", "")).error?.hasSuffix("and came without one") == true)
        for type in ["text/plain", "application/x-www-form-urlencoded", "a\"b\\c"] {
            #expect(
                try registry.send(request.with("Content-Type", type)).error?.hasSuffix("and came with \(type)") == true)
        }
        let long = try registry.send(request.with("Content-Type", String(repeating: "t", count: 4_000)))
        #expect(long.error?.hasSuffix("\(String(repeating: "t", count: 64))…") == true)
        // Bytes that are no UTF-8 make a sentence that is.
        let bytes =
            Array("POST /api/v1/instances HTTP/1.1\r\nHost: a\r\nContent-Type: ".utf8) + [0xFF] + Array("\r\n\r\n".utf8)
        #expect(try registry.send(raw: bytes).error?.hasSuffix("and came with \u{FFFD}") == true)
    }

    @Test(arguments: Transport.allCases)
    func `a compressed body is told so`(_ transport: Transport) throws {
        // R830 A registration, or a batch of heartbeats, with a Content-Encoding other than identity is answered 415.
        let registry = try Registry(transport)
        for coding in ["gzip", "GZIP", "br", "identity, gzip", "gzip, identity"] {
            let answer = try registry.send(TestRequest.register(Body()).with("Content-Encoding", coding))
            #expect(answer.status == 415 && answer.error?.contains("Content-Encoding: \(coding)") == true, "\(answer)")
        }
        for coding in ["identity", "Identity", ""] {
            #expect(
                try registry.send(TestRequest.register(Body()).with("Content-Encoding", coding)).status == 201,
                "\(coding)")
        }
        // R814 Elsewhere a request body that no rule asks for is read, counted and ignored.
        let id = instanceID("web", "http", "10.0.0.1:80")
        #expect(try registry.send(TestRequest.renew(id).with("Content-Encoding", "gzip")).status == 200)
    }

    @Test(arguments: [
        (
            #"{"serviceName":"web","endpoint":{"type":"http","value":"a"}}"#,
            "service_name is required; unknown fields in the body: serviceName"
        ),
        (
            #"{"name":"web","port":1,"endpoint":{"type":"http","value":"a"},"host":1,"x":1}"#,
            "service_name is required; unknown fields in the body: name, port, host, …"
        ),
        (#"{"service_name":"web","endpoints":[]}"#, "endpoint is required; unknown fields in the body: endpoints"),
        (
            #"{"service_name":"web","x":1,"endpoint":{"type":"http","address":"a"}}"#,
            "endpoint.value is required; unknown fields in the endpoint: address"
        ),
        (#"{"service_name":"web","endpoint":{"value":"a"}}"#, "endpoint.type is required"),
        (#"{}"#, "service_name is required"),
    ])
    func `whoever misspells a required field learns what it sent`(body: String, sentence: String) throws {
        // R238 A missing required field is refused by its name.
        #expect(try Registry(.router).send(.register(text: body)).error == sentence)
    }
}
