import Catalog
import Foundation
import Testing

@testable import LegacyPeers

/// What the original was seen to send, to the last value.
struct SampleTests {
    static let reviews = OriginalInstance(
        id: bytes("6ae92bee6105d203"), serviceName: "reviews", endpointType: "http", endpointValue: "172.17.0.5:9080",
        status: "STARTING",
        metadata: bytes(#"{"zone":"eu","weight":3}"#), registered: 1_795_392_343_296_493_425,
        lastRenewal: 1_795_392_343_296_494_567,
        ttl: 60_000_000_000, tags: ["v1", "canary"], extra: nil)

    static let ratings = OriginalInstance(
        id: bytes("ratings:host1"), serviceName: "ratings", endpointType: "tcp", endpointValue: "host1:8080",
        status: "UP",
        metadata: bytes(#"{"amalgam8.tags":"a,b","k":"v"}"#), registered: 1_795_392_343_413_814_341,
        lastRenewal: 1_795_392_343_413_815_493, ttl: 40_000_000_000, tags: ["a", "b"],
        extra: bytes(
            #"{"eureka":"{\"instanceId\":\"host1\",\"hostName\":\"host1\",\"app\":\"ratings\",\"ipAddr\":\"10.0.0.9\","#
                + #"\"vipAddress\":\"ratings\",\"port\":{\"@enabled\":\"true\",\"$\":8080},\"securePort\":{\"@enabled\":\"false\",\"$\":8443},"#
                + #"\"dataCenterInfo\":{\"@class\":\"x\",\"name\":\"MyOwn\"}}","vipAddress":"ratings"}"#))

    static func live(_ message: OriginalMessage) -> OriginalEnvelope {
        OriginalEnvelope(kind: .live, namespace: "tenant-a", message: message)
    }

    @Test func `a live stream is read to the last value`() throws {
        let events = try events(Sample.live.body)
        #expect(events.map(\.id) == (1...5).map { bytes("\($0)") })
        #expect(
            try events.map { try OriginalEnvelope($0) } == [
                Self.live(.register(Self.reviews)),
                Self.live(.renew(id: bytes("6ae92bee6105d203"))),
                Self.live(.register(Self.ratings)),
                Self.live(.setStatus(id: bytes("ratings:host1"), status: "OUT_OF_SERVICE")),
                Self.live(.deregister(id: bytes("6ae92bee6105d203"))),
            ])
    }

    @Test func `a copy is read to the last value`() throws {
        var (ratings, reviews) = (Self.ratings, Self.reviews)
        ratings.status = "OUT_OF_SERVICE"
        ratings.lastRenewal = 1_795_392_343_420_776_916
        reviews.lastRenewal = 1_795_392_343_405_599_808
        let envelopes = try events(Sample.copy.body).map { try OriginalEnvelope($0) }
        #expect(
            envelopes
                == [ratings, reviews].map {
                    OriginalEnvelope(kind: .copy, namespace: "tenant-a", message: .register($0))
                })
    }

    @Test func `a live stream is written byte for byte as the original writes it`() throws {
        let body = try Sample.live.body
        var written: [UInt8] = []
        for (index, event) in try events(body).enumerated() {
            written.append(try OriginalEnvelope(event), number: UInt64(index + 1))
        }
        #expect(String(decoding: written, as: UTF8.self) == String(decoding: body, as: UTF8.self))
    }

    @Test func `a copy is written as the same JSON, inside and out`() throws {
        for (index, event) in try events(Sample.copy.body).enumerated() {
            var bytes: [UInt8] = []
            bytes.append(try OriginalEnvelope(event), number: UInt64(index))
            let written = try #require(try events(bytes).first)
            #expect(written.id == event.id && written.name == event.name)
            #expect(try Self.layers(written.data) == Self.layers(event.data))
        }
    }

    /// An event's data with its base64 undone: the whole, the message and the instance.
    private static func layers(_ data: [UInt8]) throws -> [NSObject] {
        var outer = try #require(try tree(data) as? [String: String])
        let inner = Data(base64Encoded: outer.removeValue(forKey: "Data") ?? "?") ?? Data()
        var message = try #require(try tree([UInt8](inner)) as? [String: Any])
        let payload = Data(base64Encoded: message.removeValue(forKey: "Payload") as? String ?? "?") ?? Data()
        return [outer as NSObject, message as NSObject, try tree([UInt8](payload))]
    }
}

/// What becomes of an original's instance here.
struct OriginalConversionTests {
    @Test(arguments: [SampleTests.reviews, SampleTests.ratings])
    func `an instance comes back from the catalog as an original sent it, Eureka's fields included`(
        _ sent: OriginalInstance
    ) throws {
        let held = try sent.instance()
        #expect(held.extra == sent.extra)
        #expect(OriginalInstance(held, heartbeat: Heartbeat(age: 0, wall: sent.lastRenewal)) == sent)
        let renamed = held.with(status: .starting)
        #expect(renamed.extra == sent.extra && renamed.says(theSameAs: held))
    }
}
