// What a server of Netflix's says to us as to one of its peers: what its clients have done, in batches
// (docs/eureka.md, E6xx). So a running Eureka is replaced server by server: each names us as a peer until its own
// clients have moved.

import Catalog
import HTTP
import JSON
import RegistryCore
import Replication
import Serving

/// The body of `POST peerreplication/batch/`.
struct EurekaBatch {
    /// How many elements are taken: Netflix's servers send 250.
    static let limit = 1_000
    /// Bytes of a body.
    static let bodyLimit = 1 << 20

    enum Action: String {
        case register = "Register"
        case heartbeat = "Heartbeat"
        case cancel = "Cancel"
        case statusUpdate = "StatusUpdate"
        case deleteStatusOverride = "DeleteStatusOverride"
    }

    struct Element {
        var action: Action?
        var app: Bytes = []
        var id: Bytes = []
        var lastDirty: Int64?
        var status: Bytes?
        var instance: EurekaInstance?
    }

    /// In the order sent.
    private(set) var elements: [Element] = []

    init(json: [UInt8]) throws(Refused) {
        var hasList = false
        do throws(JSONError) {
            var reader = JSONReader(json)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                guard key == "replicationList", try reader.peekType() == .array else {
                    try reader.skipValue()
                    continue
                }
                hasList = true
                try reader.enterArray()
                while try reader.nextElement() {
                    let element = try Element(&reader)
                    if elements.count <= Self.limit { elements.append(element) }
                }
            }
            try reader.finish()
        } catch { throw .invalid(error.sentence) }
        guard hasList, elements.count <= Self.limit else {
            throw .invalid("replicationList must be an array of at most \(Self.limit) elements")
        }
    }
}

extension EurekaBatch.Element {
    fileprivate init(_ reader: inout JSONReader) throws(JSONError) {
        try reader.enterObject()
        while let key = try reader.nextKey() {
            switch key {
            case "action": action = try reader.readScalar().flatMap { EurekaBatch.Action(rawValue: $0.text) }
            case "appName": app = try reader.readScalar() ?? []
            case "id": id = try reader.readScalar() ?? []
            case "lastDirtyTimestamp": lastDirty = try reader.readScalar()?.integer
            case "status": status = try reader.readScalar()
            case "instanceInfo":
                if try reader.peekType() == .object {
                    instance = try EurekaInstance(&reader)
                } else {
                    try reader.skipValue()
                }
            default: try reader.skipValue()
            }
        }
    }
}

enum EurekaBatchHandlers {
    /// What becomes of an element.
    private struct Result {
        var status: Int
        /// The instance that the sender is to take over.
        var entity: EurekaInstance?
    }

    /// Carries out each element in its turn; the answer has a result for each, in the same order. What was changed is
    /// waited for once.
    static func replicate(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        if let coding = call.request.head[.contentEncoding], !coding.equalsFolded(("identity" as StaticString).bytes) {
            throw .encoded(coding: coding.text)
        }
        // One that does not know what the others have would say of each that it is unknown; the sender keeps the batch.
        guard call.registry.cluster.hasCopy else { throw .noCopyYet }
        let batch = try EurekaBatch(json: call.request.body)
        // The request itself has been charged for one.
        call.registry.rateLimits.overdraw(
            batch.elements.count - 1, client: call.client, namespace: call.isByOperator ? nil : try call.tenant(),
            at: call.monotonic)
        var results: [Result] = []
        for element in batch.elements { results.append(try result(of: element, call)) }
        return call.acknowledged(Response(.ok, contentType: .json, body: body(results)))
    }

    private static func result(of element: EurekaBatch.Element, _ call: borrowing Call) throws(Refused) -> Result {
        guard let action = element.action else { return Result(status: 400) }
        if action == .register {
            guard let said = element.instance else { return Result(status: 400) }
            do throws(EurekaReadError) { try said.check() } catch { return Result(status: 400) }
            do throws(Refused) {
                _ = try EurekaHandlers.register(said, app: element.app, isReplica: true, call)
                return Result(status: 200)
            } catch { return Result(status: Int(error.response(in: .empty).status.rawValue)) }
        }
        guard let sent = EurekaRegistration.id(app: element.app, element.id) else { return Result(status: 400) }
        let id = try call.eurekaID(sent, app: element.app, element.id)
        let namespace = try call.tenant()
        switch action {
        case .register: return Result(status: 400)
        case .heartbeat:
            switch try EurekaHandlers.renewed(id, element.lastDirty, isReplica: true, call) {
            case nil, .isBehind: return Result(status: 404)
            case .same: return Result(status: 200)
            case .isAhead(let leased): return Result(status: 409, entity: EurekaInstance(leased))
            }
        case .cancel:
            let isDone = call.registry.deregister(
                id, in: namespace, at: call.moment, by: call.actor, isRelayed: false)
            return Result(status: isDone ? 200 : 404)
        case .statusUpdate, .deleteStatusOverride:
            var order = OverrideOrder.remove
            if action == .statusUpdate {
                guard let word = element.status, EurekaStatus.isKnown(word) else { return Result(status: 400) }
                order = .set(InstanceStatus(word.text), until: nil)
            }
            switch call.registry.override(
                id, in: namespace, order, at: call.moment, by: call.actor, isRelayed: false)
            {
            case .done: return Result(status: 200)
            case .unknown: return Result(status: 404)
            case .full: return Result(status: 403)
            }
        }
    }

    private static func body(_ results: [Result]) -> [UInt8] {
        var body: [UInt8] = []
        body.append(literal: "{\"responseList\":[")
        for (index, result) in results.enumerated() {
            if index > 0 { body.append(literal: ",") }
            body.append(literal: "{\"statusCode\":")
            body.append(number: Int64(result.status))
            if let entity = result.entity {
                body.append(literal: ",\"responseEntity\":")
                entity.appendJSON(.full, to: &body)
            }
            body.append(literal: "}")
        }
        body.append(literal: "]}")
        return body
    }
}
