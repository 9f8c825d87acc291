// Registering, renewing and leaving as Eureka's clients do it (docs/eureka.md, E2xx and E3xx).

import Catalog
import HTTP
import RegistryCore
import Replication
import Serving

extension Call {
    /// The id of the instance that a path names, as it is here: by the application's name as sent, or in capital or
    /// small letters, since look-ups ignore the case. As sent where there is none.
    borrowing func eurekaID(_ first: Int) throws(Refused) -> InstanceID {
        let (app, local) = (parameter(first), parameter(first + 1))
        guard let sent = EurekaRegistration.id(app: app, local) else { throw .noSuchInstance }
        return try eurekaID(sent, app: app, local)
    }

    borrowing func eurekaID(_ sent: InstanceID, app: Bytes, _ local: Bytes) throws(Refused) -> InstanceID {
        let namespace = try tenant()
        func isThere(_ id: InstanceID) -> Bool {
            registry.lookup.instance(id, in: namespace, at: moment.lease) != nil
        }
        guard !isThere(sent) else { return sent }
        for spelling in [app.uppercased, app.lowercased] where spelling != app {
            if let id = EurekaRegistration.id(app: spelling, local), isThere(id) { return id }
        }
        // An instance of the REST API bears its own id.
        if let id = InstanceID(local), let found = registry.lookup.instance(id, in: namespace, at: moment.lease),
            found.instance.serviceNameUTF8.equalsFolded(app)
        {
            return id
        }
        return sent
    }

    /// The parameters of the query, the first of each name. Those that cannot be read are none.
    borrowing func eurekaQuery() throws(Refused) -> [QueryParameter] {
        do throws(Refusal) {
            return try QueryParameter.parse(request.head.query)
        } catch { throw .malformed(error) }
    }

    /// The `lastDirtyTimestamp` of the query. Every heartbeat has one, without anything to be decoded.
    borrowing func eurekaLastDirty() throws(Refused) -> Int64? {
        guard let query = request.head.query else { return nil }
        let name = "lastDirtyTimestamp" as StaticString
        guard !query.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            let parameter = try eurekaQuery().first { $0.name.utf8.elementsEqual(name.bytes) }
            return parameter.flatMap { Array($0.value.utf8)[...].integer }
        }
        for pair in query.split(separator: UInt8(ascii: "&"))
        where pair.count > name.utf8CodeUnitCount && pair[pair.startIndex + name.utf8CodeUnitCount] == UInt8(ascii: "=")
        {
            guard pair.prefix(name.utf8CodeUnitCount).equals(name) else { continue }
            return pair.dropFirst(name.utf8CodeUnitCount + 1).integer
        }
        return nil
    }

    /// Whether a Netflix server sends this for a client of its own.
    var isEurekaReplica: Bool {
        request.head[.eurekaReplication].map { $0.equalsFolded(("true" as StaticString).bytes) } ?? false
    }
}

enum EurekaHandlers {
    static func register(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let app = call.parameter(first)
        let said = try read(call.request)
        switch try register(said, app: app, isReplica: call.isEurekaReplica, call) {
        case .done(let id): return call.acknowledged(Response(.noContent), registering: id)
        case .known: return .now(Response(.noContent))
        }
    }

    enum Registered {
        case done(InstanceID)
        /// What is registered is newer, and has a new lease.
        case known
    }

    /// Registers what a client or a Netflix server says.
    static func register(
        _ said: EurekaInstance, app: Bytes, isReplica: Bool, _ call: borrowing Call
    ) throws(Refused) -> Registered {
        let registration: EurekaRegistration
        let namespace = try call.tenant()
        do throws(EurekaRefusal) {
            var made = try EurekaRegistration(
                said, app: app, policy: call.registry.leasePolicy, tagLimits: call.registry.tagRule.limits,
                at: call.moment)
            // The same instance under another spelling of its application stays the one that it is.
            let local = EurekaInstance.instanceID(of: made.instance)
            let id = try? call.eurekaID(made.instance.id, app: app, local)
            if let id, id != made.instance.id, case .text(let name) = id {
                let spelling = Array(name.text.utf8).prefix(app.count)
                made = try EurekaRegistration(
                    said, app: spelling, policy: call.registry.leasePolicy, tagLimits: call.registry.tagRule.limits,
                    at: call.moment)
            }
            registration = made
        } catch { throw .invalid(error.sentence) }
        let instance = registration.instance
        if let dirty = said.integer(.lastDirty),
            let held = call.registry.lookup.instance(instance.id, in: namespace, at: call.moment.lease),
            let known = EurekaExtra.lastDirty(of: held.instance), dirty < known,
            try call.renew(instance.id, in: namespace, isRelayed: !isReplica)
        {
            return .known
        }
        guard
            call.registry.register(
                instance, in: namespace, at: call.moment, by: call.actor, isRelayed: !isReplica)
        else {
            throw .namespaceFull(call.registry.fullness(of: namespace))
        }
        if isReplica { try takeOverride(of: said, instance.id, in: namespace, call) }
        return .done(instance.id)
    }

    /// An override that was set at a Netflix server before it knew this registry comes with the registration alone. Where
    /// one was set or removed here, that counts.
    private static func takeOverride(
        of said: EurekaInstance, _ id: InstanceID, in namespace: Namespace, _ call: borrowing Call
    ) throws(Refused) {
        guard let word = said[.overriddenStatus], EurekaStatus.isKnown(word),
            !word.equalsFolded(EurekaStatus.unknown.bytes),
            let held = call.registry.lookup.instance(id, in: namespace, at: call.moment.lease),
            held.instance.override == nil, !held.hasServiceOverride
        else { return }
        _ = call.registry.override(
            id, in: namespace, .set(InstanceStatus(word.text), until: nil), at: call.moment, by: call.actor,
            isRelayed: false)
    }

    /// By the type that the body is said to have; without one, by its first character.
    private static func read(_ request: Request) throws(Refused) -> EurekaInstance {
        if let coding = request.head[.contentEncoding], !coding.equalsFolded(("identity" as StaticString).bytes) {
            throw .encoded(coding: coding.text)
        }
        let first = request.body.first { $0 > 0x20 }
        let isXML =
            request.head[.contentType].map { !EurekaForm.hasJSON($0) && first == UInt8(ascii: "<") }
            ?? (first == UInt8(ascii: "<"))
        do throws(EurekaReadError) {
            return isXML ? try EurekaInstance(xml: request.body) : try EurekaInstance(envelope: request.body)
        } catch { throw .invalid(error.sentence) }
    }

    // MARK: - Heartbeats

    /// What a heartbeat's `lastDirtyTimestamp` says of the registration that is here.
    enum Freshness {
        case same
        /// The client has changed since it registered: it is told that it is unknown, so that it registers again.
        case isBehind
        /// A Netflix server holds an older registration, and is told the newer one.
        case isAhead(LeasedInstance)
    }

    static func renew(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        guard let sent = EurekaRegistration.id(app: call.parameter(first), call.parameter(first + 1)) else {
            throw .noSuchInstance
        }
        let dirty = try call.eurekaLastDirty()
        // Nearly always it is there under the name that was sent.
        if let reply = try renew(sent, dirty, call) { return reply }
        let id = try call.eurekaID(first)
        if id != sent, let reply = try renew(id, dirty, call) { return reply }
        guard call.registry.cluster.hasCopy else { throw .noCopyYet }
        return try call.askOthers([id]) { call, isSure throws(Refused) in
            if let reply = try renew(id, dirty, call) { return reply }
            throw isSure ? .noSuchInstance : .notSure
        }
    }

    /// Renews a lease; nil where there is no such instance.
    private static func renew(_ id: InstanceID, _ dirty: Int64?, _ call: borrowing Call) throws(Refused) -> Reply? {
        guard let freshness = try renewed(id, dirty, isReplica: call.isEurekaReplica, call) else { return nil }
        switch freshness {
        case .same: return .now(Response(.ok))
        case .isBehind: throw .noSuchInstance
        case .isAhead(let leased):
            let form = EurekaForm.wanted(by: call.request.head)
            return .now(
                Response(
                    .conflict, contentType: form.format.contentType, body: form.body(of: EurekaInstance(leased))))
        }
    }

    static func renewed(_ id: InstanceID, _ dirty: Int64?, isReplica: Bool, _ call: borrowing Call) throws(Refused)
        -> Freshness?
    {
        let namespace = try call.tenant()
        guard try call.renew(id, in: namespace, isRelayed: !isReplica) else { return nil }
        // Nearly always it is the same, and nothing else of the instance is looked at.
        guard let dirty,
            let kept = call.registry.lookup.extra(
                of: id, in: namespace, first: EurekaExtra.dirtyBytes, at: call.moment.lease),
            EurekaExtra.lastDirty(in: kept[...]) != dirty
        else { return .same }
        guard let held = call.registry.lookup.instance(id, in: namespace, at: call.moment.lease),
            let known = EurekaExtra.lastDirty(of: held.instance), dirty != known
        else { return .same }
        if dirty > known { return .isBehind }
        return isReplica ? .isAhead(held) : .same
    }

    static func cancel(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let id = try call.eurekaID(first)
        let namespace = try call.tenant()
        let hasCopy = call.registry.cluster.hasCopy
        if call.registry.deregister(
            id, in: namespace, hasCopy: hasCopy, at: call.moment, by: call.actor, isRelayed: !call.isEurekaReplica)
        {
            return call.acknowledged(Response(.ok))
        }
        guard hasCopy else { throw .noCopyYet }
        return try call.askOthers([id]) { call, isSure throws(Refused) in
            guard
                call.registry.deregister(
                    id, in: namespace, at: call.moment, by: call.actor, isRelayed: !call.isEurekaReplica)
            else {
                throw isSure ? .noSuchInstance : .notSure
            }
            return call.acknowledged(Response(.ok))
        }
    }
}
