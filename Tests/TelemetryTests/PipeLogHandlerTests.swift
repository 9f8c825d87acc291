import Foundation
import Logging
import Testing

@testable import Telemetry

struct PipeLogHandlerTests {
    struct Broken: Error, CustomStringConvertible { var description: String { "it \"broke\"" } }

    /// What the body logs, as text.
    private func logged(
        _ format: LogFormat, label: String = "registry", threshold: LogLevel = .debug,
        provider: Logger.MetadataProvider? = nil,
        _ body: (inout Logger) -> Void
    ) throws -> String {
        let pipe = try Pipe()
        let log = try LogPipe(descriptor: pipe.writeEnd, dropReport: plainReport)
        pipe.closeWriteEnd()
        var logger = Logger(label: label) {
            PipeLogHandler(
                label: $0, pipe: log, format: format, threshold: LogThreshold(threshold), metadataProvider: provider,
                clock: { 1_000 })
        }
        body(&logger)
        #expect(log.close(within: 10_000))
        return pipe.readText()
    }

    @Test(
        arguments: [
            (
                .text,
                #"1970-01-01T00:00:00.000001Z level=warn msg="a \"b\"\nc" logger=registry at="10:00 = now" list="[a, {k: v, l: w}]" "#
                    + #"n=7 sp_ce_=x"# + "\n"
            ),
            (
                .json,
                #"{"time":"1970-01-01T00:00:00.000001Z","level":"warn","msg":"a \"b\"\nc","logger":"registry","at":"10:00 = now","#
                    + #""list":"[a, {k: v, l: w}]","n":"7","sp ce\"":"x"}"# + "\n"
            ),
            (
                .logstash,
                #"{"@timestamp":"1970-01-01T00:00:00.000001Z","@version":"1","message":"a \"b\"\nc","level":"warn","#
                    + #""logger":"registry","at":"10:00 = now","list":"[a, {k: v, l: w}]","n":"7","sp ce\"":"x"}"#
                    + "\n"
            ),
        ] as [(LogFormat, String)])
    func `an event reads as one line with sorted fields`(format: LogFormat, expected: String) throws {
        let output = try logged(format) { logger in
            logger[metadataKey: "n"] = .stringConvertible(7)
            logger.warning(
                "a \"b\"\nc", metadata: ["list": ["a", ["l": "w", "k": "v"]], "sp ce\"": "x", "at": "10:00 = now"])
        }
        #expect(output == expected)
    }

    @Test func `a field that has the name of a part of the line is set apart`() throws {
        let metadata: Logger.Metadata = [
            "msg": "m", "message": "n", "time": "t", "level": "l", "logger": "g", "@version": "2",
        ]
        #expect(
            try logged(.json, label: "") { $0.info("hi", metadata: metadata) }
                == #"{"time":"1970-01-01T00:00:00.000001Z","level":"info","msg":"hi","@version":"2","fields.level":"l","#
                + #""fields.logger":"g","message":"n","fields.msg":"m","fields.time":"t"}"# + "\n")
        #expect(
            try logged(.logstash, label: "") { $0.info("hi", metadata: metadata) }
                == #"{"@timestamp":"1970-01-01T00:00:00.000001Z","@version":"1","message":"hi","level":"info","fields.@version":"2","#
                + #""fields.level":"l","fields.logger":"g","fields.message":"n","msg":"m","time":"t"}"# + "\n")
    }

    @Test func `the event overrides the provider, the provider the logger, and an error is told`() throws {
        let provider = Logger.MetadataProvider { ["a": "provider", "b": "provider"] }
        let output = try logged(.text, provider: provider) { logger in
            for key in ["a", "b", "c"] { logger[metadataKey: key] = "logger" }
            logger.error("no", error: Broken(), metadata: ["a": "event"])
        }
        #expect(output.contains(#" a=event b=provider c=logger error.message="it \"broke\"" error.type="#))
    }

    @Test func `events below the threshold are not logged`() throws {
        let output = try logged(.text, threshold: .warn) { logger in
            logger.notice("quiet")
            logger.warning("loud")
        }
        #expect(output == "1970-01-01T00:00:00.000001Z level=warn msg=\"loud\" logger=registry\n")
    }

    @Test func `a huge value is cut and its line stays valid JSON`() throws {
        let output = try logged(.json) { logger in
            logger.info(
                "\(String(repeating: "é", count: 100_000))",
                metadata: [
                    "list": .array(Array(repeating: "element", count: 100_000)),
                    String(repeating: "k", count: 1000): "v",
                ])
        }
        #expect(output.utf8.count < 3 * LogFormat.maximumValueBytes)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: String])
        #expect(object["msg"] == String(repeating: "é", count: LogFormat.maximumValueBytes / 2) + "…")
        #expect(object["list"]?.hasSuffix("…") == true)
        #expect(object.keys.contains { $0.hasPrefix("kkk") && $0.utf8.count == LogFormat.maximumKeyBytes + 3 })
    }

    @Test(
        arguments: [
            (
                .text,
                #"1970-01-01T00:00:00.000000Z level=warn msg="log lines were dropped because the log was not read fast enough" dropped=3"#
            ),
            (
                .json,
                #"{"time":"1970-01-01T00:00:00.000000Z","level":"warn","msg":"log lines were dropped because the log was not read "#
                    + #"fast enough","dropped":3}"#
            ),
        ] as [(LogFormat, String)])
    func `a drop report tells how many lines are missing`(format: LogFormat, expected: String) {
        #expect(text(format.dropReport(3, at: 0)) == expected + "\n")
    }
}
