// What Eureka's clients say of an instance and the REST API has no place for is kept with the registration, in the form
// that the original registry had for it: `{"eureka":"<the instance as JSON text>","vipAddress":"…"}`. So it travels
// between members of all releases.

package import Catalog
import JSON

package enum EurekaExtra {
    /// How what is kept begins, up to the time that heartbeats are compared with.
    private static let dirtyPrefix = Array(#"{"eureka":"{\"lastDirtyTimestamp\":\""#.utf8)

    /// What is kept of an instance.
    static func bytes(of instance: EurekaInstance) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(1_024)
        instance.appendJSON(.kept, to: &text)
        var extra: [UInt8] = []
        extra.reserveCapacity(text.count + text.count / 4 + 64)
        extra.append(literal: "{\"eureka\":")
        extra.appendJSON(string: text)
        extra.append(literal: ",\"vipAddress\":")
        extra.appendJSON(string: instance[.vip] ?? [])
        extra.append(literal: "}")
        return extra
    }

    /// The instance as it was said; nil for what no client of Eureka has registered.
    static func instance(in extra: [UInt8]) -> EurekaInstance? {
        do throws(JSONError) {
            var reader = JSONReader(extra)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                guard key == "eureka", try reader.peekType() == .string else {
                    try reader.skipValue()
                    continue
                }
                let text = try reader.readText().utf8
                return try? EurekaInstance(json: text)
            }
        } catch { return nil }
        return nil
    }

    /// The virtual addresses, without reading the rest.
    static func vip(in extra: [UInt8]) -> Bytes? {
        do throws(JSONError) {
            var reader = JSONReader(extra)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                if key == "vipAddress" { return try reader.readScalar() }
                try reader.skipValue()
            }
        } catch { return nil }
        return nil
    }

    /// So much of what is kept has the time that heartbeats are compared with.
    static let dirtyBytes = dirtyPrefix.count + 24

    /// The `lastDirtyTimestamp` of a registration. A heartbeat costs a comparison and some digits, unless another
    /// release has written what is kept.
    package static func lastDirty(of instance: Instance) -> Int64? {
        guard let extra = instance.extraUTF8 else { return nil }
        return lastDirty(in: extra) ?? Self.instance(in: Array(extra))?.integer(.lastDirty)
    }

    /// The same in the first `dirtyBytes` of what is kept; nil where another release has written it.
    static func lastDirty(in extra: Bytes) -> Int64? {
        guard extra.starts(with: dirtyPrefix) else { return nil }
        return extra.dropFirst(dirtyPrefix.count).prefix { (0x30...0x39).contains($0) }.integer
    }
}
