// docs/feeds.md, A104 and A105: what feeds read in metadata.

import Catalog
import Testing

@testable import RegistryCore

struct InstanceMetadataTests {
    private func metadata(_ json: String?) -> InstanceMetadata {
        InstanceMetadata(
            Instance(
                id: .digest(1), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "a:1"), status: .up,
                ttl: 30_000, tags: [], metadata: json.map { Array($0.utf8) }, registered: 0))
    }

    private func pairs(_ json: String?) -> [String] {
        metadata(json).pairs.map { String(decoding: $0.key + [0x3D] + $0.value, as: UTF8.self) }
    }

    @Test func `A105: scalars of an object are text, and nothing else is there`() {
        #expect(
            pairs(#" {"a":"x","b":1.50,"c":true,"d":false,"e":null,"f":[1],"g":{"h":"i"},"j":-0,"\u006b":"\n"}"#)
                == ["a=x", "b=1.50", "c=true", "d=false", "j=-0", "k=\n"])
        #expect(pairs("{}") == [])
        #expect(pairs("[\"a\"]") == [])
        #expect(pairs("\"a\"") == [])
        #expect(pairs("17") == [])
        #expect(pairs(nil) == [])
    }

    @Test func `A105: of a key that comes twice the first scalar stands`() {
        #expect(pairs(#"{"a":"x","\u0061":"y"}"#) == ["a=x"])
        #expect(pairs(#"{"a":[],"a":"y"}"#) == ["a=y"])
    }

    @Test(
        arguments: [
            (#"{"weight":1}"#, 1), (#"{"weight":255}"#, 255), (#"{"weight":"7"}"#, 7), (#"{"weight":0}"#, 1),
            (#"{"weight":256}"#, 1), (#"{"weight":-3}"#, 1), (#"{"weight":2.0}"#, 1), (#"{"weight":2e0}"#, 1),
            (#"{"weight":true}"#, 1), (#"{"weight":null}"#, 1), (#"{"weight":""}"#, 1), (#"{"weight":" 7"}"#, 1),
            (#"{"weight":"07"}"#, 1), (#"{"weight":999999999999999999999}"#, 1), (#"{"Weight":9}"#, 1),
            (#"{"w":{"weight":9}}"#, 1), ("9", 1), (nil, 1),
        ] as [(String?, UInt8)])
    func `A104: a weight is a whole number from 1 to 255, and otherwise 1`(json: String?, weight: UInt8) {
        #expect(metadata(json).weight == weight)
    }
}
