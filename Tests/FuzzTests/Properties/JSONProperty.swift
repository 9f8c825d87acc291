// Skipping a text and reading all of it agree on whether it is JSON, and what was read can be written and read again.

import JSON

@testable import Amalgam8

enum JSONProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        let isJSON = skips(bytes)
        let isRegistration = (try? Registration(json: bytes)) != nil
        guard isJSON || !isRegistration else { return "a registration that is not JSON" }
        guard let written = rewritten(bytes) else { return isJSON ? "it can be skipped and not read" : nil }
        guard isJSON else { return "it can be read and not skipped" }
        guard let again = rewritten(written) else { return "what was written cannot be read: \(written)" }
        return again == written ? nil : "written again it is \(again), at first \(written)"
    }

    private static func skips(_ bytes: [UInt8]) -> Bool {
        do throws(JSONError) {
            var reader = JSONReader(bytes)
            let range = try reader.readRawValue()
            try reader.finish()
            return bytes.indices.contains(range.lowerBound) && range.upperBound <= bytes.count && !range.isEmpty
        } catch {
            return false
        }
    }

    /// The text without white space and with its strings in the writer's spelling; nil when it is no JSON.
    private static func rewritten(_ bytes: [UInt8]) -> [UInt8]? {
        do throws(JSONError) {
            var reader = JSONReader(bytes)
            var output: [UInt8] = []
            try rewrite(&reader, into: &output)
            try reader.finish()
            return output
        } catch {
            return nil
        }
    }

    private static func rewrite(_ reader: inout JSONReader, into output: inout [UInt8]) throws(JSONError) {
        switch try reader.peekType() {
        case .null:
            try reader.readNull()
            output.append(literal: "null")
        case .boolean: output.appendJSON(try reader.readBoolean())
        case .number:
            let range = try reader.readRawValue()
            output.append(contentsOf: reader.bytes[range])
        case .string: output.appendJSON(string: try reader.readString())
        case .array:
            try reader.enterArray()
            output.append(literal: "[")
            var isFirst = true
            while try reader.nextElement() {
                if !isFirst { output.append(literal: ",") }
                isFirst = false
                try rewrite(&reader, into: &output)
            }
            output.append(literal: "]")
        case .object:
            try reader.enterObject()
            output.append(literal: "{")
            var isFirst = true
            while let key = try reader.nextKey() {
                if !isFirst { output.append(literal: ",") }
                isFirst = false
                output.appendJSON(string: key.utf8)
                output.append(literal: ":")
                try rewrite(&reader, into: &output)
            }
            output.append(literal: "}")
        }
    }
}
