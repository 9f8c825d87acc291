// What Consul's clients ask for in the query (docs/consul.md, C301–C305 and C414). Hints that change nothing here are passed over,
// since no client should break by one; what would narrow an answer is honoured or refused.

import HTTP
import Serving

/// The parameters of a look-up.
struct ConsulQuery {
    /// Whether only what is passing is wanted.
    private(set) var isPassing = false
    /// All of which an instance must have. UTF-8, sorted, each once.
    private(set) var tags: [[UInt8]] = []
    /// Whether nodes must have metadata, which those here do not.
    private(set) var wantsNodeMetadata = false
    /// The state that the client has; nil asks for the present one at once.
    private(set) var index: UInt64?
    /// How long the client is ready to wait for another one.
    private(set) var wait = standardWait

    private static let standardWait: Duration = .seconds(300)

    /// Reads the query.
    ///
    /// - Parameter datacenter: the only one that there is.
    init(_ query: ArraySlice<UInt8>?, datacenter: String) throws(Refused) {
        let parameters: [QueryParameter]
        do throws(Refusal) {
            parameters = try QueryParameter.parse(query, repeatable: "tag")
        } catch {
            throw .malformed(error)
        }
        var tags: Set<[UInt8]> = []
        for parameter in parameters {
            switch parameter.name {
            case "passing": isPassing = try Self.isPassing(parameter.value)
            case "tag": tags.insert(Array(parameter.value.utf8))
            case "index": index = try Self.index(parameter.value)
            case "wait": wait = try Self.wait(parameter.value)
            case "node-meta": wantsNodeMetadata = true
            case "filter":
                throw .invalid("filter is not supported: ask by service, tag and passing")
            case "dc" where !parameter.value.isEmpty && parameter.value != datacenter: throw .noSuchDatacenter
            default: break
            }
        }
        self.tags = tags.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private static func isPassing(_ value: String) throws(Refused) -> Bool {
        switch value {
        case "", "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: throw .invalid("passing must be true or false, or have no value")
        }
    }

    private static func wait(_ value: String) throws(Refused) -> Duration {
        guard !value.isEmpty else { return standardWait }
        guard let wait = WatchWait.parse(value) else {
            throw .invalid("wait must be a span of time such as 30s or 5m, which is not negative")
        }
        return wait == .zero ? standardWait : wait
    }

    /// 0 is what clients send that have none.
    private static func index(_ value: String) throws(Refused) -> UInt64? {
        guard !value.isEmpty else { return nil }
        guard value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let index = UInt64(value) else {
            throw .invalid("index must be a whole number, as X-Consul-Index had it")
        }
        return index == 0 ? nil : index
    }
}
