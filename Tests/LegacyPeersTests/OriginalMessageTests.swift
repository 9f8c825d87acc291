import TestRandom
import Testing
import Text

@testable import LegacyPeers

struct OriginalMessageTests {
    private static func event(_ json: String, name: String = "REP") -> ServerSentEvent {
        ServerSentEvent(name: bytes(name), data: bytes(json))
    }

    private static func event(message: String) -> ServerSentEvent {
        event(
            "{\"Namespace\":\"n\",\"Data\":\"\(String(decoding: Base64.standard.encode(bytes(message)), as: UTF8.self))\"}"
        )
    }

    private static func event(type: Int, payload: String) -> ServerSentEvent {
        event(
            message:
                "{\"Payload\":\"\(String(decoding: Base64.standard.encode(bytes(payload)), as: UTF8.self))\",\"RepType\":\(type)}"
        )
    }

    private static let register =
        #"{"ID":"i","ServiceName":"s","Endpoint":{"Type":"tcp","Value":"v"},"Status":"UP","Metadata":null,"#
        + #""RegistrationTime":"2026-11-23T00:05:43Z","LastRenewal":"2026-11-23T00:05:44Z","TTL":1,"Tags":null,"Extension":null}"#

    private func error(of event: ServerSentEvent) -> OriginalMessageError? {
        do throws(OriginalMessageError) {
            _ = try OriginalEnvelope(event)
            return nil
        } catch { return error }
    }

    @Test(arguments: [
        (event("{}", name: "PING"), OriginalMessageError.eventName),
        (event("{\"Data\":\"\"}"), .missing(.namespace)),
        (event("{\"Namespace\":\"n\"}"), .missing(.data)),
        (event("{\"Namespace\":\"n\",\"Data\":\"!\"}"), .base64),
        (event(message: "{\"Payload\":\"\"}"), .missing(.type)),
        (event(message: "{\"RepType\":2}"), .missing(.payload)),
        (event(message: "{\"RepType\":-1,\"Payload\":\"\"}"), .value(.type)),
        (event(message: "{\"RepType\":2.0,\"Payload\":\"\"}"), .value(.type)),
        (event(message: "{\"RepType\":2,\"Payload\":\"?\"}"), .base64),
        (event(type: 5, payload: "i"), .type(5)),
        (event(type: 1, payload: ""), .missing(.instance)),
        (event(type: 2, payload: String(repeating: "i", count: 1_025)), .tooLong(.instance)),
        (event(type: 3, payload: "{\"Status\":\"UP\"}"), .missing(.instance)),
        (event(type: 3, payload: "{\"InstanceID\":\"i\"}"), .missing(.status)),
    ])
    func `what is no message is refused, and it is said why`(event: ServerSentEvent, expected: OriginalMessageError) {
        #expect(error(of: event) == expected)
    }

    @Test(arguments: ["", "[]", "{\"Namespace\":1}", "{\"Namespace\":\"n\"", "{\"Namespace\":\"n\",\"Data\":\"\"} x"])
    func `what is no JSON is refused`(json: String) {
        guard case .json = error(of: Self.event(json)) else {
            Issue.record("\(String(describing: error(of: Self.event(json))))")
            return
        }
    }

    @Test(arguments: [
        (#""ID":"i""#, #""ID":"""#, OriginalMessageError.missing(.id)),
        (#""ID":"i","#, "", .missing(.id)),
        (#""ServiceName":"s""#, #""ServiceName":null"#, .missing(.serviceName)),
        (#"{"Type":"tcp","Value":"v"}"#, "null", .missing(.endpoint)),
        (#""Status":"UP""#, #""Status":"""#, .missing(.status)),
        (#""Metadata":null"#, #""Metadata":"bm8ganNvbg==""#, .value(.metadata)),
        (#""Metadata":null"#, #""Metadata":"{}""#, .base64),
        ("2026-11-23T00:05:43Z", "yesterday", .value(.registrationTime)),
        ("2026-11-23T00:05:44Z", "soon", .value(.lastRenewal)),
        (#""RegistrationTime":"2026-11-23T00:05:43Z","#, "", .missing(.registrationTime)),
        (#""TTL":1"#, #""TTL":0"#, .missing(.ttl)),
        (#""TTL":1"#, #""TTL":-1"#, .value(.ttl)),
        (#""TTL":1"#, #""TTL":1.5"#, .value(.ttl)),
        (#""TTL":1"#, #""TTL":9223372036854775808"#, .value(.ttl)),
        (#""Extension":null"#, #""Extension":[]"#, .value(.extra)),
    ])
    func `a register is held to what an instance must have`(part: String, bad: String, expected: OriginalMessageError) {
        #expect(error(of: Self.event(type: 0, payload: Self.register)) == nil)
        #expect(Self.register.contains(part))
        #expect(error(of: Self.event(type: 0, payload: Self.register.replacing(part, with: bad))) == expected)
    }

    @Test func `an instance says as much as it may and no more`() {
        func register(serviceName count: Int) -> ServerSentEvent {
            Self.event(
                type: 0, payload: Self.register.replacing(#""s""#, with: "\"\(String(repeating: "s", count: count))\""))
        }
        #expect(error(of: register(serviceName: OriginalInstance.nameLimit)) == nil)
        #expect(error(of: register(serviceName: OriginalInstance.nameLimit + 1)) == .tooLong(.serviceName))
        let extra = #"{"eureka":"\#(String(repeating: "x", count: OriginalInstance.extensionLimit))"}"#
        #expect(
            error(
                of: Self.event(
                    type: 0, payload: Self.register.replacing(#""Extension":null"#, with: "\"Extension\":\(extra)")))
                == .tooLong(.extra))
    }

    @Test func `what we write we read, whatever is in it`() throws {
        let odd = "quote \" backslash \\ line\nnul \u{0} é 😀"
        let instance = OriginalInstance(
            id: bytes(odd), serviceName: odd, endpointType: "user", endpointValue: odd, status: odd,
            metadata: bytes("[1, 2.50, \"\\u00e9\"]"),
            registered: -1, lastRenewal: .max, ttl: .max, tags: [odd, ""], extra: bytes(#"{ "a" : [null] }"#))
        let bare = OriginalInstance(
            id: bytes("i"), serviceName: "s", endpointType: "t", endpointValue: "v", status: "X", metadata: nil,
            registered: 0,
            lastRenewal: 0,
            ttl: 1, tags: [], extra: nil)
        let messages: [OriginalMessage] = [
            .register(instance), .register(bare), .deregister(id: bytes(odd)), .renew(id: bytes(odd)),
            .setStatus(id: bytes(odd), status: odd), .repair(id: bytes(odd)),
        ]
        let envelopes = [OriginalEnvelope.Kind.live, .repair, .copy].flatMap { kind in
            messages.map { OriginalEnvelope(kind: kind, namespace: odd, message: $0) }
        }
        var written: [UInt8] = []
        for envelope in envelopes { written.append(envelope, number: 18_446_744_073_709_551_615) }
        #expect(try events(written).map { try OriginalEnvelope($0) } == envelopes)
    }

    @Test func `garbage is refused and nothing else happens`() throws {
        let body = try Sample.live.body
        for seed in 0..<2_000 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            var changed = body
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                changed[Int.random(in: 0..<changed.count, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            var reader = ServerSentEventReader()
            var events: [ServerSentEvent] = []
            try? reader.read(changed, into: &events)
            for event in events { _ = try? OriginalEnvelope(event) }
            #expect(events.count <= 10)
        }
    }
}
