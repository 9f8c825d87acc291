// What a file may have, and where a mistake in it is said to be. Rules are quoted from docs/catalogs.md.

import Catalog
import RegistryCore
import Testing

@testable import FileSource

struct CatalogFileTests {
    private static func read(_ text: String) throws -> CatalogFile {
        try CatalogFile(Array(text.utf8), modified: 1_767_225_600_000_000_000, tagLimits: .standard)
    }

    /// `LINE:COLUMN sentence` of the mistake in a file.
    private static func mistake(_ text: String) -> String? {
        do throws(CatalogFile.Mistake) {
            _ = try CatalogFile(Array(text.utf8), modified: 0, tagLimits: .standard)
            return nil
        } catch {
            let place = TextPlace(of: error.offset, in: Array(text.utf8))
            return "\(place.line):\(place.column) \(error.sentence)"
        }
    }

    @Test func `a file has registrations as the REST API takes them, without their leases`() throws {
        // F101 A file is {"instances":[…]}, each instance as POST /api/v1/instances takes it; other keys are ignored.
        // F102 `ttl` is read and has no meaning; the last heartbeat is when the file was written.
        let file = try Self.read(
            """
            {"comment": "kept by hand", "instances": [
              {"service_name": "reviews", "endpoint": {"type": "http", "value": "10.0.0.1:9080"}, "ttl": 30,
               "tags": ["v1"], "metadata": {"zone": "a"}, "status": "starting"},
              {"service_name": "ratings", "endpoint": {"type": "tcp", "value": "10.0.0.2:1"}, "tags": ["filesystem"]}
            ]}
            """)
        #expect(file.count == 2)
        let reviews = try #require(file.services[Name("reviews")]?.first)
        #expect(reviews.instance.id.description == "a14b9cb4ebe2f7f4" || reviews.instance.id.description.count == 16)
        #expect(reviews.instance.status == .starting)
        #expect(reviews.instance.ttl == 0)
        #expect(reviews.instance.tags == ["v1", "filesystem"])
        #expect(reviews.instance.metadata == Array(#"{"zone": "a"}"#.utf8))
        #expect(reviews.lastHeartbeat == 1_767_225_600_000_000_000)
        #expect(file.services[Name("ratings")]?.first?.instance.tags == ["filesystem"])
    }

    @Test func `a file without instances is valid`() throws {
        #expect(try Self.read(#"{"instances":[]}"#).services.isEmpty)
    }

    /// F103 The first mistake is told by line and column, with the rule that is broken.
    @Test(
        arguments: [
            ("", "1:1 the JSON ends too early, at byte 0"),
            ("[]", "1:1 the file must be a JSON object"),
            ("{}", "1:1 instances is required: an array of registrations"),
            (#"{"instance":[]}"#, "1:1 instances is required: an array of registrations"),
            (#"{"instances":{}}"#, "1:14 instances must be an array"),
            (#"{"instances":[],"instances":[]}"#, "1:18 instances is given twice"),
            ("{\"instances\":[\n 7]}", "2:2 an instance must be a JSON object"),
            ("{\"instances\":[]} x", "1:18 the JSON is followed by something else at byte 17"),
            (
                "{\"instances\":[\n  {\"service_name\":\"a\",\n   \"endpoint\":{\"type\":\"ftp\",\"value\":\"b\"}}]}",
                "3:16 endpoint.type must be tcp, udp, http, https or user"
            ),
            (
                "{\"instances\":[\n  {\"service_name\":\"a\",\"endpoint\":{\"type\":\"tcp\"}}]}",
                "2:23 endpoint.value is required"
            ),
            (
                "{\"instances\":[\n  {\"service_name\":\"\",\"endpoint\":{\"type\":\"tcp\",\"value\":\"b\"}}]}",
                "2:4 service_name must have 1 to 64 bytes, and has 0"
            ),
            (
                "{\"instances\":[\n  {\"endpoint\":{\"type\":\"tcp\",\"value\":\"b\"},\"name\":\"a\"}]}",
                "2:3 service_name is required; unknown fields in the body: name"
            ),
            (
                "{\"instances\":[{\"service_name\":\"ü\",\"status\":\"DOWN\",\"endpoint\":{\"type\":\"tcp\",\"value\":\"b\"}}]}",
                "1:35 status must be UP, STARTING or OUT_OF_SERVICE"
            ),
            (
                "{\"instances\":[\n{\"service_name\":\"a\",\"endpoint\":{\"type\":\"tcp\",\"value\":\"b\"}},\n{\"service_name\":\"a\",\"endpoint\":{\"type\":\"tcp\",\"value\":\"b\"}}]}",
                "3:1 the same endpoint of the same service is there twice, first in line 2"
            ),
        ] as [(String, String)])
    func `a mistake is told with its place`(text: String, expected: String) {
        #expect(Self.mistake(text) == expected)
    }

    @Test(arguments: [
        ("default.json", "default"), ("tenant%2Da.json", "tenant-a"), ("%C3%BC.json", "ü"), ("a%20b.json", "a b"),
    ])
    func `a file's name is its namespace, percent-decoded`(name: String, namespace: String) {
        // F104 NAMESPACE.json has the instances of a namespace; the name is percent-decoded.
        #expect(CatalogFileName(name) == .namespace(Namespace(namespace)))
    }

    @Test(arguments: ["..data", ".hidden.json", "default.json~", "default.json.tmp", "README", "json", ".json"])
    func `other files are passed over`(name: String) {
        // F105 Hidden files, and files that do not end in .json, are passed over.
        #expect(CatalogFileName(name) == .ignored)
    }

    @Test(arguments: ["%zz.json", "%FF.json", "%00.json", " .json", String(repeating: "x", count: 257) + ".json"])
    func `a name that no namespace can have is said`(name: String) {
        // F106 A file whose name is no namespace is a problem.
        #expect(CatalogFileName(name) == .unusable)
    }
}
