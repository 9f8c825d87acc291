import Testing

@testable import Telemetry

struct AccessLineTests {
    static let plain = AccessLine(
        nanoseconds: 1_795_392_343_413_815_927, requestID: Array("r-1".utf8), namespace: "default", operation: "renew",
        method: "PUT",
        path: Array("/api/v1/instances/a1/heartbeat".utf8)[...], status: 200, bytes: 0, microseconds: 41,
        client: "10.0.0.7")

    private static func rendered(_ access: AccessLine, _ format: LogFormat) -> [UInt8] {
        var line: [UInt8] = []
        var timestamps = TimestampFormatter()
        access.append(to: &line, format: format, timestamps: &timestamps)
        return line
    }

    @Test(
        arguments: [
            (
                .text,
                #"2026-11-23T00:05:43.413815Z level=info msg="request" request_id=r-1 namespace=default operation=renew method=PUT "#
                    + #"path=/api/v1/instances/a1/heartbeat status=200 bytes=0 us=41 client=10.0.0.7"# + "\n"
            ),
            (
                .json,
                #"{"time":"2026-11-23T00:05:43.413815Z","level":"info","msg":"request","request_id":"r-1","namespace":"default","#
                    + #""operation":"renew","method":"PUT","path":"/api/v1/instances/a1/heartbeat","status":200,"bytes":0,"us":41,"#
                    + #""client":"10.0.0.7"}"# + "\n"
            ),
            (
                .logstash,
                #"{"@timestamp":"2026-11-23T00:05:43.413815Z","@version":"1","message":"request","level":"info","#
                    + #""request_id":"r-1","namespace":"default","operation":"renew","method":"PUT","path":"/api/v1/instances/a1/heartbeat","#
                    + #""status":200,"bytes":0,"us":41,"client":"10.0.0.7"}"# + "\n"
            ),
        ] as [(LogFormat, String)])
    func `a request reads as one line`(format: LogFormat, expected: String) {
        let line = Self.rendered(Self.plain, format)
        #expect(text(line) == expected)
    }

    @Test(
        arguments: [
            (
                .text,
                #"1970-01-01T00:00:00.000000Z level=info msg="request" request_id="\xff\n" namespace="" operation=list method=GET "#
                    + #"path="/a b?c=\"d\"\\" status=404 bytes=-1 us=0"# + "\n"
            ),
            (
                .json,
                #"{"time":"1970-01-01T00:00:00.000000Z","level":"info","msg":"request","request_id":"#
                    + "\"\u{fffd}\\n\""
                    + #","namespace":"","operation":"list","method":"GET","path":"/a b?c=\"d\"\\","status":404,"bytes":-1,"us":0}"#
                    + "\n"
            ),
        ] as [(LogFormat, String)])
    func `what a hostile client sends stays inside its field`(format: LogFormat, expected: String) {
        let hostile = AccessLine(
            nanoseconds: 0, requestID: [0xff, 0x0a], namespace: "", operation: "list", method: "GET",
            path: Array(#"xx/a b?c="d"\"#.utf8)[2...], status: 404, bytes: -1, microseconds: 0, client: nil)
        let line = Self.rendered(hostile, format)
        #expect(text(line) == expected)
    }

    @Test func `a refusal has its sentence, and the beginning of what could not be read, behind the rest`() {
        var refused = Self.plain
        refused.error = "no"
        refused.received = Array("GET \u{16}".utf8)[...]
        #expect(text(Self.rendered(refused, .text)).hasSuffix(#" client=10.0.0.7 error=no received="GET \x16""# + "\n"))
        #expect(
            text(Self.rendered(refused, .json)).hasSuffix(
                #","client":"10.0.0.7","error":"no","received":"GET \u0016"}"# + "\n"))
    }

    @Test(arguments: LogFormat.allCases)
    func `a huge path makes a bounded line`(format: LogFormat) {
        var huge = Self.plain
        huge.path = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)[...]
        let line = Self.rendered(huge, format)
        #expect(line.count < LogFormat.maximumValueBytes + 400)
        #expect(text(line).contains("x…\""))
    }
}
