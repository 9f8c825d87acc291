// Instances to and fro: read as clients send them, kept, and written so that every client can read them.

import Catalog
import JSON
import RegistryCore
import TestEureka
import TestRandom
import TestTime
import Testing
import Time
import XML

@testable import Eureka

private func bytes(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

private let policy = LeasePolicy(standard: 30_000, minimum: 10_000, maximum: 600_000)
private let moment = Moment(monotonic: .zero, lease: .zero, wall: 1_767_225_600_123_456_789)

private func register(_ said: EurekaInstance, app: String) throws(EurekaRefusal) -> Instance {
    try EurekaRegistration(said, app: bytes(app), policy: policy, tagLimits: .standard, at: moment).instance
}

/// Instances as clients might send them, and worse.
struct InstanceGenerator {
    private static let letters = [
        "a", "B", "7", "_", "$", "-", ".", ":", " ", "é", "€", "😀", "<", "&", "\"", "\\", "'", "]", "\n", "\u{1}",
        "\u{FFFF}", "/",
    ]
    var random: SplitMix64

    mutating func text(_ count: ClosedRange<Int>) -> String {
        (0..<Int.random(in: count, using: &random)).map { _ in Self.letters.randomElement(using: &random) ?? "a" }
            .joined()
    }

    mutating func pairs() -> [Pair] {
        (0..<Int.random(in: 0...6, using: &random)).map { _ in
            Pair(key: bytes(text(1...5)), value: bytes(text(0...5)))
        }
    }

    mutating func instance(app: String) -> EurekaInstance {
        var instance = EurekaInstance()
        for field in EurekaInstance.Field.allCases where Bool.random(using: &random) {
            instance[field] =
                field.isNumber ? bytes(String(Int64.random(in: 0...1 << 41, using: &random))) : bytes(text(1...6))
        }
        instance[.hostName] = bytes(text(1...5))
        instance[.ipAddress] = bytes(text(1...5))
        instance[.app] = bytes(app)
        let status = EurekaStatus.all.randomElement(using: &random) ?? EurekaStatus.unknown
        instance[.status] = status.bytes
        if Bool.random(using: &random) {
            instance.port = .init(
                number: Int.random(in: 0...65_535, using: &random), isEnabled: .random(using: &random))
        }
        if Bool.random(using: &random) {
            instance.securePort = .init(
                number: Int.random(in: 0...65_535, using: &random), isEnabled: .random(using: &random))
        }
        if Bool.random(using: &random) {
            instance.dataCenter = .init(
                className: bytes(text(0...4)),
                name: bytes(["MyOwn", "Netflix", "Amazon", "SoftLayer", ""].randomElement(using: &random) ?? ""),
                metadata: pairs())
        }
        if Bool.random(using: &random) { instance.lease.duration = Int64.random(in: 0...900, using: &random) }
        instance.setMetadata(pairs())
        return instance
    }
}

struct CodecTests {
    private static let rounds = 400

    @Test func `whatever a client registers, every JSON and XML reader can read the answer`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = InstanceGenerator(random: SplitMix64(seed: seed))
        for round in 0..<Self.rounds {
            let said = generator.instance(app: "my app_1")
            let instance = try register(said, app: "My App_1")
            let shown = EurekaInstance(LeasedInstance(instance: instance, lastHeartbeat: moment.wall))
            for extent in [EurekaInstance.Extent.full, .compact] {
                var json = Array("{\"instance\":".utf8)
                shown.appendJSON(extent, to: &json)
                json += Array("}".utf8)
                let java = try JavaDecoder.instance(json)
                #expect(
                    java.fields["app"] == "MY APP_1" && java.fields["hostName"] == said[.hostName]?.text,
                    "seed \(seed), round \(round)")
                // E403 Java clients know three names.
                #expect(["MyOwn", "Netflix", "Amazon"].contains(java.dataCenter))
                var xml: [UInt8] = []
                shown.appendXML(isCompact: extent == .compact, to: &xml)
                let root = try XMLReader.read(xml)
                #expect(root.child("status")?.text == said.status?.text)
                #expect(Int(root.child("port")?.text ?? "") != nil && root.child("port")?.attributes["enabled"] != nil)
                if extent == .full {
                    let read = try EurekaInstance(xml: xml)
                    #expect(read.metadata.map(\.key) == said.metadata.map(\.key), "seed \(seed), round \(round)")
                }
            }
        }
    }

    @Test func `what is kept of a registration is all that was said`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = InstanceGenerator(random: SplitMix64(seed: seed))
        for round in 0..<Self.rounds {
            var said = generator.instance(app: "a")
            let instance = try register(said, app: "a")
            let extra = try #require(instance.extra)
            var kept = try #require(EurekaExtra.instance(in: extra))
            #expect(EurekaExtra.lastDirty(of: instance) == said.integer(.lastDirty), "seed \(seed), round \(round)")
            for field: EurekaInstance.Field in [.status, .overriddenStatus, .lastUpdated, .actionType] {
                said[field] = nil
            }
            // What a client leaves out has its default.
            for field: EurekaInstance.Field in [.instanceID, .vip] where said[field] == nil {
                #expect(kept[field] != nil)
                kept[field] = nil
            }
            #expect(kept == said, "seed \(seed), round \(round)")
        }
    }

    @Test(
        arguments: [
            ("plain", "plain"), ("my__key", "my_key"), ("a.b-c", "a.b-c"), ("_-x", "$x"), ("a__", "a_"),
            ("bad_.0020key", "bad key"), ("_.0031k", "1k"), ("_.002da", "-a"), ("x_.003ay", "x:y"), ("é", "é"),
            ("_.20ac", "€"), ("_.d83d_.de00", "😀"), ("_.007e", "~"),
        ]) func `a metadata key and its element's name stand for each other`(name: String, key: String)
    {
        // E402: `_` becomes `__`, `$` becomes `_-`, what no name may have becomes `_.` and four digits.
        var written: [UInt8] = []
        EurekaXMLNames.append(bytes(key), to: &written)
        #expect(String(decoding: written, as: UTF8.self) == name)
        #expect(EurekaXMLNames.key(name) == bytes(key))
    }

    @Test(arguments: [("_", "_"), ("a_b", "a_b"), ("_.zz", "_.zz"), ("_.00", "_.00"), ("x_", "x_")])
    func `a name that nobody has escaped is read as it is`(name: String, key: String) {
        #expect(EurekaXMLNames.key(name) == bytes(key))
    }

    @Test func `a registration of py-eureka-client is read, strings for numbers included`() throws {
        let said = try EurekaInstance(
            envelope: Array(
                #"""
                {"instance":{"instanceId":"127.0.0.1:my app_1:9090","hostName":"127.0.0.1","app":"MY APP_1","ipAddr":"127.0.0.1",
                "status":"UP","overriddenstatus":"UNKNOWN","port":{"$":9090,"@enabled":"true"},"securePort":{"$":9443,"@enabled":"false"},
                "countryId":1,"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},
                "leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":"45","registrationTimestamp":0,"lastRenewalTimestamp":0,
                "evictionTimestamp":0,"serviceUpTimestamp":0},"metadata":{"management.port":"9090","weight":3,"on":true,"none":null},
                "homePageUrl":"http://127.0.0.1:9090/","vipAddress":"my app_1","isCoordinatingDiscoveryServer":"false",
                "lastUpdatedTimestamp":"1795392343413","lastDirtyTimestamp":"1795392343414","unknown":{"a":[1]}}}
                """#.utf8))
        let instance = try register(said, app: "my app_1")
        #expect(
            instance.id.description == "my app_1:127.0.0.1:my app_1:9090" && instance.serviceName.text == "my app_1")
        #expect(instance.endpoint == Endpoint(kind: .http, value: "127.0.0.1:9090") && instance.ttl == 45_000)
        #expect(EurekaExtra.lastDirty(of: instance) == 1_795_392_343_414)
        #expect(
            String(decoding: instance.metadata ?? [], as: UTF8.self)
                == #"{"management.port":"9090","weight":"3","on":"true"}"#)
    }

    @Test func `a registration in XML is read, escaped keys included`() throws {
        let said = try EurekaInstance(
            xml: Array(
                """
                <?xml version="1.0"?><instance><instanceId>i1</instanceId><hostName>h</hostName><app>X</app><ipAddr>10.0.0.1</ipAddr>
                <status>OUT_OF_SERVICE</status><overriddenstatus>UP</overriddenstatus><port enabled="true">80</port>
                <securePort enabled="false">443</securePort><dataCenterInfo class="c"><name>SoftLayer</name></dataCenterInfo>
                <leaseInfo><durationInSecs>20</durationInSecs></leaseInfo><metadata><my__key>v &amp; w</my__key></metadata></instance>
                """.utf8))
        #expect(said[.instanceID] == bytes("i1") && said[.overriddenStatus] == bytes("UP"))
        #expect(said.metadata == [Pair(key: bytes("my_key"), value: bytes("v & w"))])
        let instance = try register(said, app: "x")
        #expect(instance.status == .outOfService && instance.ttl == 20_000 && instance.endpoint.value == "h:80")
        let shown = EurekaInstance(LeasedInstance(instance: instance, lastHeartbeat: 0))
        #expect(shown.dataCenter?.name == bytes("MyOwn") && shown[.status] == bytes("OUT_OF_SERVICE"))
    }

    @Test func `what is missing or wrong is named`() throws {
        func sentence(_ change: (inout EurekaInstance) -> Void) -> String? {
            var said = EurekaInstance()
            said[.hostName] = bytes("h")
            said[.ipAddress] = bytes("1.2.3.4")
            said[.app] = bytes("A")
            change(&said)
            do throws(EurekaRefusal) {
                _ = try register(said, app: "a")
                return nil
            } catch { return error.sentence }
        }
        #expect(sentence { _ in } == nil)
        #expect(sentence { $0[.hostName] = nil } == "hostName is required")
        #expect(sentence { $0[.ipAddress] = [] } == "ipAddr is required")
        #expect(sentence { $0[.app] = nil } == "app is required")
        #expect(sentence { $0[.app] = bytes("b") } == "app must be the one in the path")
        #expect(sentence { $0[.status] = bytes("BUSY") }?.hasPrefix("status must be") == true)
        #expect(
            sentence { $0[.instanceID] = bytes(String(repeating: "i", count: 1_023)) }?.hasPrefix("app and instanceId")
                == true)
        #expect(
            sentence { $0[.hostName] = bytes(String(repeating: "h", count: 2_100)) }?.hasPrefix("app and instanceId")
                == true)
    }

    @Test func `the port that counts is the endpoint`() throws {
        func endpoint(_ port: EurekaInstance.Port?, _ secure: EurekaInstance.Port?, home: String? = nil) throws
            -> Endpoint
        {
            var said = EurekaInstance()
            said[.hostName] = bytes("h")
            said[.ipAddress] = bytes("1.2.3.4")
            said[.app] = bytes("a")
            said[.homePage] = home.map { bytes($0) }
            (said.port, said.securePort) = (port, secure)
            return try register(said, app: "a").endpoint
        }
        let (plain, secure) = (
            EurekaInstance.Port(number: 80, isEnabled: true), EurekaInstance.Port(number: 443, isEnabled: true)
        )
        let off = EurekaInstance.Port(number: 80, isEnabled: false)
        // E205: clients declare a secure port that nothing listens on.
        #expect(try endpoint(plain, secure) == Endpoint(kind: .tcp, value: "h:80"))
        #expect(try endpoint(plain, nil, home: "http://h:80/") == Endpoint(kind: .http, value: "h:80"))
        #expect(try endpoint(off, secure) == Endpoint(kind: .https, value: "h:443"))
        #expect(try endpoint(nil, nil) == Endpoint(kind: .tcp, value: "h"))
    }

    @Test func `an instance of the REST API has what Eureka's clients need`() throws {
        let instance = Instance(
            id: .digest(0xABCD), serviceName: Name("web"), endpoint: Endpoint(kind: .http, value: "[::1]:8080"),
            status: InstanceStatus("DRAINING"),
            ttl: 30_000, tags: ["a", "b"], metadata: Array(#"{"zone":"eu","n":3,"deep":{"x":1}}"#.utf8),
            registered: moment.wall)
        var json = Array("{\"instance\":".utf8)
        EurekaInstance(LeasedInstance(instance: instance, lastHeartbeat: moment.wall)).appendJSON(.full, to: &json)
        let java = try JavaDecoder.instance(json + Array("}".utf8))
        #expect(java.fields["instanceId"] == "000000000000abcd" && java.fields["hostName"] == "::1")
        #expect(java.fields["homePageUrl"] == "http://[::1]:8080/" && java.fields["status"] == "UNKNOWN")
        #expect(java.fields["vipAddress"] == "web" && java.fields["app"] == "WEB" && java.port == (8_080, true))
        // E414 An instance of the REST API has the metadata amalgam8.service, beside its own and amalgam8.tags.
        #expect(java.metadata == ["zone": "eu", "n": "3", "amalgam8.tags": "a,b", "amalgam8.service": "web"])
    }

    @Test(arguments: [
        "", "{", "[]", "{}", #"{"instance":3}"#, #"{"instance":{"countryId":"x"}}"#, #"{"instance":{}} x"#,
    ])
    func `JSON that is no instance is refused with a sentence`(text: String) {
        #expect(throws: EurekaReadError.self) { try EurekaInstance(envelope: Array(text.utf8)) }
    }

    @Test(arguments: ["", "<instance>", "<other/>", "<!DOCTYPE instance><instance/>"])
    func `XML that is no instance is refused with a sentence`(text: String) {
        #expect(throws: EurekaReadError.self) { try EurekaInstance(xml: Array(text.utf8)) }
    }
}
