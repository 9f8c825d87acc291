import Testing

@testable import Catalog

struct PackedInstanceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var id = InstanceID.digest(1)
        var name = "web"
        var endpoint = Endpoint(kind: .http, value: "10.0.0.1:80")
        var status = InstanceStatus.up
        var ttl: Int64 = 30_000
        var tags: [String] = []
        var metadata: [UInt8]?
        var extra: [UInt8]?
        var registered: Int64 = 1_700_000_000_123_456_789
    }

    static let cases = [
        Case(testDescription: "nothing", name: "", endpoint: Endpoint(kind: .tcp, value: ""), ttl: 0, registered: 0),
        Case(testDescription: "empty metadata is not none", metadata: []),
        Case(testDescription: "tags, some empty", tags: ["", "a", "", composed, decomposed]),
        Case(
            testDescription: "all", id: .text(Name(decomposed)), status: .starting, tags: ["blue", "zone-a"],
            metadata: Array("{}".utf8)),
        Case(testDescription: "out of service", endpoint: Endpoint(kind: .user, value: "x"), status: .outOfService),
        Case(testDescription: "another status", status: InstanceStatus("DOWN"), tags: ["t"], metadata: [1]),
        Case(testDescription: "an empty status", status: InstanceStatus(""), tags: ["t"], metadata: [1]),
        Case(testDescription: "the ends of the numbers", ttl: .max, registered: .min),
        Case(testDescription: "negative", endpoint: Endpoint(kind: .udp, value: "y"), ttl: -1, registered: -1),
        Case(
            testDescription: "lengths around a digit of the length", name: String(repeating: "n", count: 127),
            endpoint: Endpoint(kind: .https, value: String(repeating: "v", count: 128)),
            tags: [16_383, 16_384].map { String(repeating: "t", count: $0) },
            metadata: [UInt8](repeating: 7, count: 1 << 21)),
        Case(testDescription: "extra alone", extra: Array("{}".utf8)),
        Case(
            testDescription: "extra and metadata", status: InstanceStatus("DOWN"), tags: ["t"], metadata: [1],
            extra: [2, 3]),
        Case(
            testDescription: "extra, empty metadata", status: .outOfService, metadata: [],
            extra: [UInt8](repeating: 2, count: 200)),
        Case(testDescription: "many tags", tags: (0..<1_000).map(String.init), metadata: Array("[1]".utf8)),
    ]

    private func make(_ it: Case) -> Instance {
        Instance(
            id: it.id, serviceName: Name(it.name), endpoint: it.endpoint, status: it.status, ttl: it.ttl, tags: it.tags,
            metadata: it.metadata, extra: it.extra,
            registered: it.registered)
    }

    private func expect(_ instance: Instance, is it: Case, status: InstanceStatus) {
        #expect(
            instance.id == it.id && instance.serviceName == Name(it.name)
                && Array(instance.serviceNameUTF8) == Array(it.name.utf8))
        #expect(instance.endpoint.kind == it.endpoint.kind && instance.endpointKind == it.endpoint.kind)
        #expect(Array(instance.endpoint.value.utf8) == Array(it.endpoint.value.utf8))
        #expect(Array(instance.endpointValueUTF8) == Array(it.endpoint.value.utf8))
        #expect(instance.status == status && instance.isOutOfService == (status == .outOfService))
        #expect(instance.ttl == it.ttl && instance.registered == it.registered)
        #expect(instance.metadata == it.metadata && instance.metadataUTF8.map(Array.init) == it.metadata)
        #expect(instance.extra == it.extra)
        var tags: [[UInt8]] = []
        instance.forEachTag { tags.append(Array($0)) }
        for tag in it.tags { #expect(instance.containsTag { Array($0) == Array(tag.utf8) }) }
        var seen: [[UInt8]] = []
        let isFirst = { (tag: ArraySlice<UInt8>) in
            seen.append(Array(tag))
            return true
        }
        #expect(instance.containsTag(where: isFirst) != tags.isEmpty && seen == Array(tags.prefix(1)))
        #expect(!instance.containsTag { _ in false })
        #expect(
            tags == it.tags.map { Array($0.utf8) } && instance.tags.map { Array($0.utf8) } == tags
                && instance.tagCount == tags.count)
    }

    @Test(arguments: cases)
    func `what goes in comes out again`(it: Case) {
        expect(make(it), is: it, status: it.status)
    }

    @Test(arguments: cases)
    func `another status leaves the rest as it was, and the first one comes back`(it: Case) {
        for status in [
            InstanceStatus.up, .starting, .outOfService, InstanceStatus("DOWN"),
            InstanceStatus(String(repeating: "X", count: 200)),
        ] {
            let changed = make(it).with(status: status)
            expect(changed, is: it, status: status)
            #expect((changed == make(it)) == (status == it.status))
            #expect(changed.with(status: it.status) == make(it))
        }
    }

    @Test func `instances are equal when they say the same`() {
        #expect(make(Case(testDescription: "")) == make(Case(testDescription: "")))
        #expect(make(Case(testDescription: "", name: composed)) != make(Case(testDescription: "", name: decomposed)))
        #expect(make(Case(testDescription: "", tags: ["ab"])) != make(Case(testDescription: "", tags: ["a", "b"])))
        #expect(make(Case(testDescription: "", metadata: [])) != make(Case(testDescription: "")))
        #expect(make(Case(testDescription: "", extra: [1])) != make(Case(testDescription: "", metadata: [1])))
    }
}
