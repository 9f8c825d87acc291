// What a slice says, in every form in which API servers write it.

import Catalog
import Testing

@testable import KubernetesSource

struct EndpointSliceTests {
    static func read(_ json: String) throws -> EndpointSlice? { try EndpointSlice.read(Array(json.utf8)).slice }

    static func slice(
        _ endpoints: String, ports: String = #"[{"name":"http","port":8080,"protocol":"TCP"}]"#, type: String = "IPv4"
    ) throws -> EndpointSlice {
        try #require(
            try read(
                """
                {"metadata":{"name":"web-a","namespace":"prod","resourceVersion":"7","labels":{"kubernetes.io/service-name":"web"}},
                 "addressType":"\(type)","ports":\(ports),"endpoints":\(endpoints)}
                """))
    }

    @Test func `the service is named by the label, not by the slice`() throws {
        let slice = try Self.slice(
            #"[{"addresses":["10.0.0.1","10.0.0.9"],"zone":"a","nodeName":"n","hostname":"web-0","targetRef":{"kind":"Pod","name":"web-0-x"}}]"#
        )
        #expect(slice.key == ObjectKey(namespace: "prod", name: "web-a") && slice.service == "web")
        let target = EndpointSlice.Target(
            address: "10.0.0.1", status: .up, zone: "a", node: "n", host: "web-0", pod: "web-0-x")
        #expect(slice.targets == [target])
        #expect(try Self.read(#"{"metadata":{"name":"a","namespace":"b"}}"#)?.service == nil)
    }

    @Test func `null stands for nothing, everywhere`() throws {
        let slice = try Self.slice(
            #"[null,{"addresses":null},{"addresses":["10.0.0.1"],"conditions":null,"zone":null,"nodeName":null,"hostname":null,"targetRef":null},{"addresses":["10.0.0.2"],"conditions":{"ready":null,"serving":null,"terminating":null}}]"#,
            ports: #"[null,{"name":null,"port":80,"protocol":null,"appProtocol":null},{"port":null}]"#)
        #expect(
            slice.targets.map(\.address) == ["10.0.0.1", "10.0.0.2"] && slice.targets.allSatisfy { $0.status == .up })
        #expect(slice.ports == [EndpointSlice.Port(number: 80, kind: .tcp)])
        let empty = try Self.slice("null", ports: "null")
        #expect(empty.targets.isEmpty && empty.ports.isEmpty)
        #expect(try Self.read(#"{"metadata":{"name":"a","labels":null}}"#) != nil)
        #expect(try Self.read(#"{"metadata":null}"#) == nil)
    }

    // K203 The status follows from the conditions.
    @Test(arguments: [
        ("{}", InstanceStatus.up), (#"{"ready":true}"#, .up), (#"{"ready":true,"terminating":true}"#, .up),
        (#"{"ready":false}"#, .starting), (#"{"ready":false,"serving":true,"terminating":true}"#, .outOfService),
        (#"{"ready":false,"terminating":true}"#, .outOfService),
        (#"{"ready":false,"serving":false,"terminating":true}"#, .starting),
        (#"{"ready":false,"serving":true,"terminating":false}"#, .starting),
    ])
    func `the status follows from the conditions`(conditions: String, status: InstanceStatus) throws {
        let slice = try Self.slice(#"[{"addresses":["10.0.0.1"],"conditions":\#(conditions)}]"#)
        #expect(slice.targets.map(\.status) == [status])
    }

    // K204 appProtocol counts more than the port's name.
    @Test(arguments: [
        (#"{"name":"http","port":80}"#, Endpoint.Kind.http), (#"{"name":"https","port":80}"#, .https),
        (#"{"name":"http-web","port":80}"#, .tcp), (#"{"port":80}"#, .tcp),
        (#"{"name":"dns","port":53,"protocol":"UDP"}"#, .udp),
        (#"{"name":"http","port":80,"appProtocol":"https"}"#, .https),
        (#"{"name":"x","port":80,"appProtocol":"kubernetes.io/h2c"}"#, .http),
        (#"{"name":"https","port":80,"appProtocol":"kubernetes.io/ws"}"#, .http),
        (#"{"name":"x","port":80,"appProtocol":"kubernetes.io/wss"}"#, .https),
        (#"{"name":"http","port":80,"appProtocol":"example.com/own"}"#, .tcp),
    ])
    func `a port has a type`(port: String, kind: Endpoint.Kind) throws {
        #expect(try Self.slice("[]", ports: "[\(port)]").ports.map(\.kind) == [kind])
    }

    @Test(arguments: [
        #"{"port":0}"#, #"{"port":65536}"#, #"{"port":-1}"#, #"{"port":1.5}"#, #"{"port":9,"protocol":"SCTP"}"#, "{}",
    ])
    func `a port that cannot be dialed is passed over`(port: String) throws {
        #expect(try Self.slice("[]", ports: "[\(port)]").ports.isEmpty)
    }

    @Test(arguments: [
        ("IPv4", "10.0.0.1", true), ("IPv4", "10.0.0", false), ("IPv4", "::1", false), ("IPv4", "a b", false),
        ("IPv6", "2001:DB8::1", true), ("IPv6", "10.0.0.1", false), ("FQDN", "db.example.com", true),
        ("FQDN", "a_b", false), ("FQDN", "", false), ("New", "10.0.0.1", false),
    ])
    func `an address is one of the slice's type`(type: String, address: String, isUsable: Bool) throws {
        let slice = try Self.slice(#"[{"addresses":["\#(address)"]}]"#, type: type)
        #expect(slice.targets.count == (isUsable ? 1 : 0) && slice.unusable == (isUsable ? 0 : 1))
        if type == "IPv6", isUsable { #expect(slice.targets.first?.address == "2001:db8::1") }
    }

    @Test func `events have a change, a bookmark's version, or why the watch ends`() throws {
        func event(_ json: String) throws -> WatchEvent { try WatchEvent(Array(json.utf8)) }
        #expect(try event(#"{"type":"ADDED","object":{"a":1}}"#) == .change(.put, object: Array(#"{"a":1}"#.utf8)))
        #expect(try event(#"{"object":{},"type":"DELETED"}"#) == .change(.delete, object: Array("{}".utf8)))
        #expect(
            try event(#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#) == .bookmark(version: "9"))
        #expect(try event(#"{"type":"NEW","object":{}}"#) == .unknown)
        for (json, isExpired) in [
            (#"{"code":410,"reason":"Expired"}"#, true), (#"{"reason":"Gone"}"#, true), (#"{"code":500}"#, false),
        ] {
            guard case .error(let status) = try event(#"{"type":"ERROR","object":\#(json)}"#) else {
                Issue.record("\(json) is no error")
                return
            }
            #expect(status.isExpired == isExpired)
        }
        let paused = try event(#"{"type":"ERROR","object":{"code":429,"details":{"retryAfterSeconds":7}}}"#)
        #expect(paused == .error(WatchStatus(code: 429, retryAfter: 7)))
    }
}
