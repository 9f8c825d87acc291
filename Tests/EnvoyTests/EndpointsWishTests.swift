// What is read of a request of Envoy's, and what is passed over (docs/envoy.md, V2xx).

import HTTP
import JSON
import Serving
import Testing

@testable import Envoy

struct EndpointsWishTests {
    private static let type = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

    private func wish(_ json: String, _ memory: ExtensionMemory = ExtensionMemory()) throws(Refused) -> EndpointsWish {
        try EndpointsWish(Array(json.utf8), memory)
    }

    private func sentence(_ json: String) -> String? {
        do throws(Refused) {
            _ = try wish(json)
            return nil
        } catch { return error.response(in: .json).refusal }
    }

    /// As Envoy writes it, with this many extensions.
    private func envoy(_ names: String, version: String? = nil, extensions: Int = 700, node: String = "n") -> String {
        let list = (0..<extensions).map {
            #"{"name":"envoy.filters.http.\#($0)","category":"envoy.filters.http","type_urls":["a.b.C\#($0)"]}"#
        }.joined(separator: ",")
        let head = version.map { #""version_info":"\#($0)","# } ?? ""
        return #"{\#(head)"node":{"id":"\#(node)","cluster":"c","metadata":{"a":{"b":[1]}},"user_agent_name":"envoy","#
            + #""extensions":[\#(list)],"client_features":["x"]},"resource_names":[\#(names)],"type_url":"\#(Self.type)"}"#
    }

    @Test func `V201: names and version are read, and the rest is passed over`() throws {
        let first = try wish(envoy(#""web","db""#))
        #expect(first.version == nil)
        #expect(first.clusters.map { String(decoding: $0.name, as: UTF8.self) } == ["web", "db"])
        let second = try wish(envoy(#""w\u0065b""#, version: "1-2"))
        #expect(second.version == Array("1-2".utf8))
        #expect(second.clusters.map { $0.service.text } == ["web"])
        // The order of keys is the client's, and so is what else it sends.
        let third = try wish(
            #"{"x":[{}],"resource_names":["a"],"node":null,"version_info":"","error_detail":{"code":3},"type_url":""}"#)
        #expect(third.version == nil)
        #expect(try wish(#"{"resourceNames":["a"],"versionInfo":"v"}"#).version == Array("v".utf8))
        #expect(try wish(#"{"resource_names":["a"],"version_info":null,"type_url":null}"#).version == nil)
    }

    @Test func `what is known of an earlier request changes nothing that is read`() throws {
        let memory = ExtensionMemory()
        for round in 0..<3 {
            for extensions in [0, 1, 10, 700, 701, 702, 703, 704, 705] {
                let wish = try wish(
                    envoy(#""web""#, version: "v", extensions: extensions, node: "node-\(round)"), memory)
                #expect(wish.clusters.map { $0.service.text } == ["web"])
                #expect(wish.version == Array("v".utf8))
            }
            // The same list with one byte more, less or other is read anew.
            let good = envoy(#""web""#)
            let broken = good.replacing("a.b.C699\"", with: "a.b.C699")
            #expect(throws: Refused.self) { () throws in _ = try self.wish(broken, memory) }
            #expect(throws: Refused.self) { () throws in
                _ = try self.wish(String(good.prefix(good.utf8.count / 2)), memory)
            }
            #expect(throws: Refused.self) { () throws in
                _ = try self.wish(good.replacing("],\"client_features", with: "}],\"client_features"), memory)
            }
        }
    }

    @Test func `V202: of one to a hundred names each counts once`() throws {
        let names = (0..<100).map { "\"s\($0)\"" }.joined(separator: ",")
        #expect(try wish(#"{"resource_names":[\#(names)]}"#).clusters.count == 100)
        #expect(sentence(#"{"resource_names":[\#(names),"x"]}"#)?.contains("1 to 100") == true)
        #expect(sentence(#"{"resource_names":[]}"#)?.contains("1 to 100") == true)
        #expect(sentence(#"{"resource_names":null}"#)?.contains("1 to 100") == true)
        #expect(sentence("{}")?.contains("1 to 100") == true)
        let repeated = try wish(#"{"resource_names":["b","a","b"]}"#)
        #expect(repeated.clusters.map { $0.service.text } == ["b", "a"])
    }

    @Test(arguments: [
        "", "[]", "null", "{", #"{"resource_names":"web"}"#, #"{"resource_names":[1]}"#,
        #"{"resource_names":["a"],"resource_names":["b"]}"#, #"{"resource_names":["a"],"resourceNames":["b"]}"#,
        #"{"resource_names":["a"],"version_info":1}"#,
        #"{"resource_names":["a"],"version_info":"a","version_info":"b"}"#,
        #"{"resource_names":["a"]}x"#, #"{"resource_names":["a"],"node":{"extensions":[}}"#,
        #"{"resource_names":["a"],"node":{"extensions":[1,]}}"#,
    ])
    func `V204: what is no such request is refused with a sentence`(json: String) {
        #expect(sentence(json)?.isEmpty == false)
    }

    @Test func `V203: another type is refused`() {
        let other = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
        #expect(sentence(#"{"resource_names":["a"],"type_url":"\#(other)"}"#)?.contains("type_url must be") == true)
        #expect(sentence(#"{"resource_names":["a"],"type_url":"\#(Self.type)"}"#) == nil)
    }

    @Test(arguments: [
        ("web", "web", false), ("web?tags=a,b", "web", true), ("a%3Fb", "a?b", false), ("100%25", "100%", false),
        ("a/b:c|d", "a/b:c|d", false), ("a+b", "a+b", false), ("h%C3%A9", "hé", false), ("web?tags=", "web", true),
        ("", "", false),
    ])
    func `V205: a name is a service, perhaps with tags`(name: String, service: String, hasTags: Bool) throws {
        let cluster = try EnvoyCluster(Array(name.utf8))
        #expect(cluster.service.text == service)
        #expect((cluster.tags != nil) == hasTags)
        #expect(cluster.name == Array(name.utf8))
    }

    @Test(arguments: [
        "100%", "a%2", "a%zz", "a%FF", "web?", "web?tag=a", "web?tags=a&tags=b", "web?tags=a&x=1", "web?tags=%",
        String(repeating: "a", count: 4_097),
    ])
    func `V205: another name is refused`(name: String) {
        #expect(throws: Refused.self) { () throws in _ = try EnvoyCluster(Array(name.utf8)) }
    }

    @Test func `no two wishes for other clusters have one key`() throws {
        let wishes = [#"["a","b"]"#, #"["a\",\"b"]"#, #"["ab"]"#, #"["b","a"]"#, #"["a"]"#, #"["a","b",""]"#]
        let keys = try wishes.map { try wish(#"{"resource_names":\#($0)}"#).key }
        #expect(Set(keys).count == wishes.count)
    }
}
