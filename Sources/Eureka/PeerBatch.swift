// A batch for a server of Netflix's, and what its answer comes to (docs/eureka.md, E61x). Pure.

import Catalog
import JSON

/// What is sent at once.
struct PeerBatch {
    /// Elements: Netflix's servers send as many.
    static let limit = 250
    /// Bytes of a body: what a registry of ours takes, and what proxies take that nobody has configured.
    static let bodyLimit = EurekaBatch.bodyLimit

    private enum Action: String {
        case register = "Register"
        case heartbeat = "Heartbeat"
        case cancel = "Cancel"
        case statusUpdate = "StatusUpdate"
        case deleteStatusOverride = "DeleteStatusOverride"
    }

    /// What it is made of, to be put back.
    private(set) var entries: [PeerOutbox.Entry] = []
    /// What had no room in it.
    private(set) var rest: [PeerOutbox.Entry] = []
    /// For each element of the list, the instance, and whether it is a heartbeat.
    private var elements: [(id: InstanceID, isHeartbeat: Bool)] = []
    private(set) var body: [UInt8] = []

    /// - Parameter find: an instance as it is now; nil where it is gone.
    init(_ waiting: [PeerOutbox.Entry], find: (InstanceID) -> LeasedInstance?) {
        body.append(literal: "{\"replicationList\":[")
        for (index, entry) in waiting.enumerated() {
            let (elementCount, byteCount) = (elements.count, body.count)
            append(entry, find(entry.id))
            if elements.count > Self.limit || elementCount > 0 && body.count > Self.bodyLimit - 2 {
                elements.removeLast(elements.count - elementCount)
                body.removeLast(body.count - byteCount)
                rest = Array(waiting[index...])
                break
            }
            entries.append(entry)
        }
        body.append(literal: "]}")
    }

    /// Two elements at most.
    private mutating func append(_ entry: PeerOutbox.Entry, _ leased: LeasedInstance?) {
        guard let leased else {
            if let gone = entry.gone { append(.cancel, LeasedInstance(instance: gone, lastHeartbeat: 0)) }
            return
        }
        if entry.news.contains(.registered) { append(.register, leased) }
        if entry.news.contains(.overridden) {
            append(leased.isOverridden ? .statusUpdate : .deleteStatusOverride, leased)
        }
        if entry.news.contains(.renewed), !entry.news.contains(.registered) { append(.heartbeat, leased) }
    }

    var isEmpty: Bool { elements.isEmpty }

    private mutating func append(_ action: Action, _ leased: LeasedInstance) {
        let shown = EurekaInstance(leased)
        if !elements.isEmpty { body.append(literal: ",") }
        elements.append((leased.instance.id, action == .heartbeat))
        body.append(literal: "{\"action\":\"")
        body.append(contentsOf: action.rawValue.utf8)
        body.append(literal: "\",\"appName\":")
        body.appendJSON(string: shown[.app] ?? [])
        body.append(literal: ",\"id\":")
        body.appendJSON(string: shown[.instanceID] ?? [])
        body.append(literal: ",\"lastDirtyTimestamp\":")
        body.append(number: shown.integer(.lastDirty) ?? 0)
        if action != .cancel {
            body.append(literal: ",\"status\":")
            body.appendJSON(string: shown[.status] ?? [])
            body.append(literal: ",\"overriddenStatus\":")
            body.appendJSON(string: shown[.overriddenStatus] ?? [])
        }
        if action == .register {
            body.append(literal: ",\"instanceInfo\":")
            shown.appendJSON(.full, to: &body)
        }
        body.append(literal: "}")
    }

    /// What an answer comes to.
    enum Verdict: Equatable {
        /// Taken, but for these, of which the server does not know: they have to be registered there.
        case taken(unknown: [InstanceID])
        /// To be sent again later.
        case later
        /// To be sent again in smaller parts.
        case tooLong
        /// Not to be sent again, as Netflix's servers do it.
        case dropped(status: Int)
    }

    func verdict(status: Int, _ answer: [UInt8]) -> Verdict {
        switch status {
        case 200: break
        case 503, 429: return .later
        case 413 where entries.count > 1: return .tooLong
        default: return .dropped(status: status)
        }
        var codes: [Int64] = []
        do throws(JSONError) {
            var reader = JSONReader(answer)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                guard key == "responseList", try reader.peekType() == .array else {
                    try reader.skipValue()
                    continue
                }
                try reader.enterArray()
                while try reader.nextElement() {
                    var code: Int64 = 0
                    try reader.enterObject()
                    while let key = try reader.nextKey() {
                        if key == "statusCode" {
                            code = try reader.readScalar()?.integer ?? 0
                        } else {
                            try reader.skipValue()
                        }
                    }
                    codes.append(code)
                }
            }
        } catch { return .taken(unknown: []) }
        return .taken(
            unknown: zip(elements, codes).filter { $0.isHeartbeat && $1 == 404 }.map { $0.0.id })
    }
}
